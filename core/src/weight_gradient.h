// The gradients of the weights and biases: dW_ih = sum of dgates x^T, dW_hh = sum of dgates h_old^T over the N valid steps.
//
// N is cut into stretches of fixed length, gone through from the last to the first. In a stretch the gates are transposed, x and h become
// panels, and the recurrent product does the rest. Of a few steps, as of a network that runs one at a time, the result is far larger than
// all that it is made of: x and h stay rows, and it is written as it lies. Threads share rows of the result, never N, so that their number
// changes no bits.
#pragma once

#include "normed.h"
#include "panel.h"
#include "part.h"

namespace recorrente::RECORRENTE_SIMD {

// A thread's memory.
template <class Cell, class T>
struct GradientMemory {
  static constexpr std::int64_t kStretch = kPanelSteps<kColumns>, kSlab = 96;  // N and rows of the result at a time
  static constexpr int kBlock = kColumns * kLanes<T>;
  static constexpr bool kSecond = Layout<Cell, T>::kSecond;

  GradientMemory(const Problem& p, Arena& arena) : layout(p) {
    const std::int64_t count = (layout.input_blocks() + (kSecond ? 2 : 1) * layout.hidden_blocks()) * kStretch * kBlock;
    far = count * static_cast<std::int64_t>(sizeof(T)) > kNearBytes;
    panels = arena.take<T>(count);
    slab = arena.take<T>(kSlab * kStretch);
    edge = arena.take<T>(kSlab * kBlock);
    before_norm = arena.take<T>(Cell::kNormed ? kLanes<T> * kSlab : 0);
    zeros = arena.take<T>(std::max(layout.input_blocks() * kBlock, layout.units));
    sums = arena.take<double>(2 * Cell::kGates * p.H);
    gates = arena.take<const T*>(kStretch), x = arena.take<const T*>(kStretch), h = arena.take<const T*>(kStretch);
    drop = arena.take<const T*>(kStretch), c = arena.take<const T*>(kStretch), gated = arena.take<const T*>(kStretch);
    slab_rows = arena.take<const T*>(kSlab), out = arena.take<T*>(kSlab);
  }

  Layout<Cell, T> layout;
  bool far;                         // whether the panels of a whole stretch are more than kNearBytes
  T *panels, *slab, *edge, *zeros;  // (blocks, n, kBlock) or, of a few, (n, columns in whole vectors); (kSlab, n in whole vectors); (kSlab, kBlock)
  double* sums;                     // (2, kGates * H): of the biases, where the caller has no place for them
  T* before_norm;                   // (lanes, kSlab): gradients of products under a norm, until they are transposed
  const T **gates, **x, **h, **drop, **c, **gated, **slab_rows;  // of each row of a stretch; c: the old one, for peepholes
  T** out;
};

template <class Cell, class T>
class GradientThread {
  using Memory = GradientMemory<Cell, T>;
  static constexpr std::int64_t kStretch = Memory::kStretch, kSlab = Memory::kSlab;
  static constexpr int kBlock = Memory::kBlock, kLane = kLanes<T>, kGatesAt = Layout<Cell, T>::kGatesAt;
  static constexpr std::int64_t kAhead = 8;  // rows
  static constexpr int kFewSteps = 6;        // with more, panels are as fast on AVX-512, and soon on AVX2

  // Whether the rows of x or h of n steps stay rows: they are read again for each row of the result.
  static bool few(std::int64_t n, std::int64_t columns) { return n <= kFewSteps && n * columns * static_cast<std::int64_t>(sizeof(T)) <= kNearBytes / 2; }

 public:
  GradientThread(const Backward& call, const Steps& steps, const Memory& memory, int thread, int threads)
      : call_(call), p_(call.problem), steps_(steps), m_(memory), layout_(memory.layout),
        units_(part_of(p_.H, thread, threads)), sums_(call.bias_sums ? call.bias_sums : memory.sums) {
    if (!call.bias_sums) std::fill_n(sums_, 2 * Cell::kGates * p_.H, 0.0);
    std::fill_n(m_.zeros, std::max(layout_.input_blocks() * kBlock, layout_.units), T(0));
  }

  void run() {
    const std::int64_t N = steps_.first(steps_.count());
    if (N == 0 && !call_.add) clear();
    std::int64_t s = steps_.count() - 1;
    for (std::int64_t first = (N - 1) / kStretch * kStretch; N > 0 && first >= 0; first -= kStretch) {
      const std::int64_t n = std::min(kStretch, N - first);
      while (steps_.first(s) > first) --s;
      std::int64_t step = s;
      for (std::int64_t i = 0; i < n; ++i) {
        while (first + i >= steps_.first(step + 1)) ++step;
        point(i, step, first + i - steps_.first(step));
      }
      add_stretch(n);
    }
    if (N > 0 && !Cell::kNormed) write_sums(0, call_.dbias_ih), write_sums(1, call_.dbias_hh);
  }

 private:
  T* input_gradient() const { return p_.C > 0 ? static_cast<T*>(call_.dweight_ih) : nullptr; }
  T* state_gradient() const { return static_cast<T*>(call_.dweight_hh); }

  T* cell_gradient(int i) const { return static_cast<T*>(call_.dnorm_c) + i * p_.H; }
  T* peephole_gradient(int i) const { return static_cast<T*>(call_.dpeephole) + i * p_.H; }

  // Where no step is valid.
  void clear() {
    const auto zero = [&](void* to, std::int64_t columns) {
      for (int g = 0; to && g < Cell::kGates; ++g)
        std::fill_n(static_cast<T*>(to) + (g * p_.H + units_.first) * columns, (units_.end - units_.first) * columns, T(0));
    };
    zero(call_.dweight_ih, p_.C), zero(call_.dweight_hh, p_.H), zero(call_.dbias_ih, 1), zero(call_.dbias_hh, 1);
    if (Cell::kNormed) zero(call_.dnorm_ih, 1), zero(call_.dnorm_hh, 1);
    if (Cell::kNormedCell && call_.dnorm_c)
      for (int i = 0; i < 2; ++i) std::fill_n(cell_gradient(i) + units_.first, units_.end - units_.first, T(0));
    if (call_.dpeephole)
      for (int i = 0; i < Cell::kPeepholes; ++i)
        std::fill_n(peephole_gradient(i) + units_.first, units_.end - units_.first, T(0));
  }

  void point(std::int64_t n, std::int64_t s, std::int64_t position) {
    const std::int64_t b = steps_.batch(position), L = length(p_, b), t = time_of(p_, s, L);
    m_.gates[n] = gates_of({b, s});
    m_.gated[n] = m_.gates[n] + Cell::kLoaded * layout_.units;
    m_.x[n] = input_gradient() ? at<T>(call_.x, t, b) : nullptr;
    const bool fresh = is_reset(p_, t, b);
    const auto start = [&](ConstState restart, ConstState given) {
      const ConstState from = fresh ? restart : given;
      return from.data ? at<T>(from, b) : nullptr;
    };
    m_.h[n] = fresh || s == 0 ? start(call_.restart.h, call_.h0) : at<T>(call_.y, time_of(p_, s - 1, L), b);
    m_.drop[n] = call_.regularisation.drop.data ? at<T>(call_.regularisation.drop, b) : nullptr;
    if (Cell::kPeepholes > 0)
      m_.c[n] = fresh || s == 0 ? start(call_.restart.c, call_.c0) : gates_of({b, s - 1}) + Cell::kLoaded * layout_.units;
  }

  const T* gates_of(const RowStep& row) const {
    return static_cast<const T*>(call_.saved) + steps_.place(row) * layout_.slots + kGatesAt * layout_.units;
  }

  // A short stretch lies close: rows far apart would all fall into the same few sets of a cache.
  void lay_slab(std::int64_t n) {
    if (stride_ == round_up(n, kLane)) return;
    stride_ = round_up(n, kLane);
    for (std::int64_t i = 0; i < kSlab; ++i) m_.slab_rows[i] = m_.slab + i * stride_;
  }

  void add_stretch(std::int64_t n) {
    lay_slab(n);
    T* state_panels = m_.panels + layout_.input_blocks() * kStretch * kBlock;
    T* second_panels = state_panels + layout_.hidden_blocks() * kStretch * kBlock;
    if (input_gradient()) pack_rows(m_.x, nullptr, n, p_.C, m_.panels);
    const bool dropped = call_.regularisation.drop.data;
    const std::int64_t drop_gate = dropped ? call_.regularisation.drop_gate : 0;
    if (state_gradient() && !drop_gate) pack_rows(m_.h, dropped ? m_.drop : nullptr, n, p_.H, state_panels);
    if (Memory::kSecond && state_gradient()) pack_rows(m_.gated, nullptr, n, p_.H, second_panels);
    for (int slot = 0; slot < Cell::kLoaded; ++slot) {
      const int gate = layout_.state_gate(slot);
      const bool second = Memory::kSecond && slot == 0;
      if (state_gradient() && drop_gate && gate >= 0 && !second) pack_rows(m_.h, m_.drop, n, p_.H, state_panels, gate * drop_gate);
      for (std::int64_t unit = units_.first; unit < units_.end; unit += kSlab) {
        const std::int64_t rows = std::min(kSlab, units_.end - unit);
        if (!Cell::kNormed) transpose(slot * layout_.units + unit, rows, n);
        if (slot < Cell::kGates) {
          const std::int64_t row = Cell::kInputGate[slot] * p_.H + unit;
          if constexpr (Cell::kNormed) under_norm(kInputNorm, slot, slot, unit, row, rows, n);
          if (input_gradient()) add_product(rows, n, m_.panels, p_.C, input_gradient() + row * p_.C);
        }
        if (gate >= 0) {
          const std::int64_t row = gate * p_.H + unit;
          if constexpr (Cell::kNormed) under_norm(kStateNorm, slot, Layout<Cell, T>::kStateAt + slot - Cell::kStateSlot, unit, row, rows, n);
          if (state_gradient()) add_product(rows, n, second ? second_panels : state_panels, p_.H, state_gradient() + row * p_.H);
        }
        if (!Cell::kNormed) add_biases(slot, gate, unit, rows, n);
      }
    }
    if (call_.dpeephole)
      for (int i = 0; i < Cell::kPeepholes; ++i) add_peephole(i, n);
    if constexpr (Cell::kNormedCell)
      if (call_.dnorm_c) add_cell_norm(n);
    first_ = false;
  }

  // Fills the slab with the gradients of a product under a norm, and adds up those of the gain and the bias after it. `slot`:
  // of the gate's gradient; `value`: of the product.
  void under_norm(NormOf which, int slot, int value, std::int64_t unit, std::int64_t row, std::int64_t rows, std::int64_t n) {
    const bool input = which == kInputNorm;
    const T* gain_of = static_cast<const T*>(input ? call_.weights.norm_ih : call_.weights.norm_hh) + row;
    constexpr int kVectors = kSlab / kLane;
    Vec<T> gain[kVectors], biases[kVectors] = {}, gains[kVectors] = {};
    const int vectors = static_cast<int>((rows + kLane - 1) / kLane);
    for (int v = 0; v < vectors; ++v) gain[v] = load_up_to(gain_of + v * kLane, rows - v * kLane);
    const T* turned[kLane];
    for (std::int64_t k = 0; k < n; k += kLane) {
      for (int i = 0; i < kLane; ++i) {
        turned[i] = k + i < n ? m_.before_norm + i * kSlab : nullptr;
        if (k + i >= n) continue;
        const T *slots = m_.gates[k + i] - kGatesAt * layout_.units, *d = m_.gates[k + i] + slot * layout_.units + unit;
        const Norm<T> norm = norms_of(layout_, slots)[which];
        for (int v = 0; v < vectors; ++v) {
          const Vec<T> da = load(d + v * kLane), z = norm.of(load(slots + value * layout_.units + unit + v * kLane));
          store(m_.before_norm + i * kSlab + v * kLane, norm.back(da * gain[v], z));
          biases[v] += da, gains[v] = fma(da, z, gains[v]);
        }
      }
      transpose_rows(turned, rows, m_.slab + k, stride_);
    }
    void *dbias = input ? call_.dbias_ih : call_.dbias_hh, *dgain = input ? call_.dnorm_ih : call_.dnorm_hh;
    for (int v = 0; v < vectors; ++v) {
      if (dbias) set_or_add(static_cast<T*>(dbias) + row + v * kLane, biases[v], rows - v * kLane);
      if (dgain) set_or_add(static_cast<T*>(dgain) + row + v * kLane, gains[v], rows - v * kLane);
    }
  }

  // The same of the norm of c, whose gradient and normalised value lie after the gates.
  void add_cell_norm(std::int64_t n) {
    for (std::int64_t unit = units_.first; unit < units_.end; unit += kLane) {
      Vec<T> gains{}, biases{};
      for (std::int64_t k = 0; k < n; ++k) {
        const T *z = m_.gates[k] + Cell::kLoaded * layout_.units + unit, *du = z + layout_.units;
        gains = fma(load(du), load(z), gains), biases += load(du);
      }
      set_or_add(cell_gradient(0) + unit, gains, units_.end - unit), set_or_add(cell_gradient(1) + unit, biases, units_.end - unit);
    }
  }

  // The sum of a gate's gradient times the c that it saw: the new one for the last peephole, the old for the others.
  void add_peephole(int i, std::int64_t n) {
    if constexpr (Cell::kPeepholes > 0)
      for (std::int64_t unit = units_.first; unit < units_.end; unit += kLane) {
        const std::int64_t left = units_.end - unit;
        Vec<T> sums{};
        for (std::int64_t k = 0; k < n; ++k) {
          const T* c = i == Cell::kPeepholes - 1 ? m_.gates[k] + Cell::kLoaded * layout_.units : m_.c[k];
          if (c) sums = fma(load_up_to(m_.gates[k] + Cell::kPeeping[i] * layout_.units + unit, left), load_up_to(c + unit, left), sums);
        }
        set_or_add(peephole_gradient(i) + unit, sums, left);
      }
  }

  // Rows of x or h to panels, times their factors, `shift` further on, where there are some; a null row is zeros.
  // (blocks, n, kBlock) from n rows of `columns`; of a few (n, columns in whole vectors)
  void pack_rows(const T* const* from, const T* const* factor, std::int64_t n, std::int64_t columns, T* panels,
                 std::int64_t shift = 0) {
    const bool stay_rows = few(n, columns);
    const std::int64_t rest = stay_rows ? 0 : columns / kBlock * kBlock;
    const std::int64_t width = stay_rows ? round_up(columns, kLane) : vectors_of<T, kColumns>(rest / kBlock, columns) * kLane;
    for (std::int64_t k = 0; k < n; ++k) {
      const T *row = from[k], *factors = factor && row ? factor[k] + shift : nullptr, *next = k + kAhead < n ? from[k + kAhead] : nullptr;
      const auto vector = [&](std::int64_t column) {
        if (next) __builtin_prefetch(next + column);
        const Vec<T> v = row ? load_up_to(row + column, columns - column) : Vec<T>{};
        return factors ? v * load_up_to(factors + column, columns - column) : v;
      };
      T* to = panels + k * kBlock;
      for (std::int64_t column = 0; column < rest; column += kBlock, to += n * kBlock)
        for (int i = 0; i < kColumns; ++i) store(to + i * kLane, vector(column + i * kLane));
      to = panels + rest * n + k * width;
      for (std::int64_t column = rest; column < columns; column += kLane) store(to + (column - rest), vector(column));
    }
  }

  // (rows, n) in the slab, from n rows of gates.
  void transpose(std::int64_t offset, std::int64_t rows, std::int64_t n) {
    for (std::int64_t k = 0; k < n; k += kLane) {
      for (std::int64_t next = k + kLane; next < std::min(k + 2 * kLane, n); ++next) bring_near(m_.gates[next] + offset, rows);
      transpose_rows([&](int i) { return m_.gates[k + i] + offset; }, n - k, rows, m_.slab + k, stride_);
    }
  }

  // The outer products of n steps, 1 <= n <= R, whose rows lie one after the other: what panels give, bit by bit.
  template <int R>
  [[gnu::noinline]] void add_outer(std::int64_t rows, std::int64_t n, const T* from, std::int64_t columns, T* gradient) {
    if constexpr (R > 1)
      if (n < R) return add_outer<R - 1>(rows, n, from, columns, gradient);
    const std::int64_t width = round_up(columns, kLane), whole = columns / kLane * kLane;
    for (std::int64_t i = 0; i < rows; ++i, gradient += columns) {
      Vec<T> d[R];
      for (int k = 0; k < R; ++k) d[k] = broadcast(m_.slab_rows[i] + k);
      const auto products = [&](std::int64_t column) {
        Vec<T> sum{};
        for (int k = 0; k < R; ++k) sum = fma(d[k], load(from + k * width + column), sum);
        return sum + Vec<T>{};  // a negative zero is none in what begins with zeros
      };
      std::int64_t column = 0;
      if (first_)
        for (; column < whole; column += kLane) store(gradient + column, products(column));
      for (; column < columns; column += kLane) set_or_add(gradient + column, products(column), columns - column);
    }
  }

  void add_product(std::int64_t rows, std::int64_t n, const T* panels, std::int64_t columns, T* gradient) {
    if (few(n, columns)) return add_outer<kFewSteps>(rows, n, panels, columns, gradient);
    const std::int64_t whole = columns / kBlock, rest = columns % kBlock;
    for (std::int64_t i = 0; i < rows; ++i) m_.out[i] = gradient + i * columns;
    Product<T> product = {panels, n * kBlock, n, first_ ? m_.zeros : nullptr, 0, 0, m_.far};
    multiply<T, 1, kColumns>(rows, m_.slab_rows, m_.out, 0, whole, product);
    if (rest == 0) return;
    for (std::int64_t i = 0; i < rows; ++i) m_.out[i] = m_.edge + i * kBlock;
    product.offset = -whole * kBlock, product.start = m_.zeros;
    multiply_columns<T>(rows, m_.slab_rows, m_.out, whole, whole + 1, columns, product);
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < rest; ++j) set_or_add(gradient[i * columns + whole * kBlock + j], m_.edge[i * kBlock + j]);
  }

  // Of the gate whose gradients are in the slab: the input's bias, the state's, or both at once.
  void add_biases(int slot, int gate, std::int64_t unit, std::int64_t rows, std::int64_t n) {
    double* const input = call_.dbias_ih && slot < Cell::kGates ? sums_ + Cell::kInputGate[slot] * p_.H + unit : nullptr;
    double* const state = call_.dbias_hh && gate >= 0 ? sums_ + (Cell::kGates + gate) * p_.H + unit : nullptr;
    if (input || state) add_sums(rows, n, input, state);
  }

  // The sum of each row of the slab, its vectors first and then their lanes in ascending order, for many rows at once.
  void add_sums(std::int64_t rows, std::int64_t n, double* input, double* state) {
    for (std::int64_t first = 0; first < rows; first += kLane) {
      Vec<T> lanes[kLane] = {}, sum{};
      const std::int64_t count = std::min<std::int64_t>(rows - first, kLane);
      for (std::int64_t i = 0; i < count; ++i)
        for (std::int64_t k = 0; k < n; k += kLane) lanes[i] += load_up_to(m_.slab + (first + i) * stride_ + k, n - k);
      recorrente::RECORRENTE_SIMD::transpose<T>(lanes);
      for (const Vec<T>& lane : lanes) sum += lane;
      for (double* sums : {input, state})
        for (std::int64_t i = 0; sums && i < count; ++i) sums[first + i] += static_cast<double>(sum[i]);
    }
  }

  void write_sums(int which, void* dbias) {
    const bool add = call_.add && !call_.bias_sums;
    for (int g = 0; dbias && g < Cell::kGates; ++g)
      for (std::int64_t row = g * p_.H + units_.first; row < g * p_.H + units_.end; ++row) {
        T& to = static_cast<T*>(dbias)[row];
        to = static_cast<T>(sums_[which * Cell::kGates * p_.H + row] + (add ? static_cast<double>(to) : 0.0));
      }
  }

  void set_or_add(T& to, T value) { to = first_ ? value : to + value; }
  void set_or_add(T* to, Vec<T> value, std::int64_t left) { store_up_to(to, first_ ? value : load_up_to(to, left) + value, left); }

  const Backward& call_;
  const Problem& p_;
  const Steps& steps_;
  const Memory& m_;
  const Layout<Cell, T>& layout_;
  const Range units_;  // of every gate
  double* const sums_;
  bool first_ = !call_.add;
  std::int64_t stride_ = 0;  // from one row of the slab to the next
};

}  // namespace recorrente::RECORRENTE_SIMD
