// The sweep forward. Its memory, and the loop over time that every cell shares.
#pragma once

#include "cells/cell.h"
#include "normed.h"
#include "panel.h"
#include "part.h"
#include "unpacked.h"

namespace recorrente::RECORRENTE_SIMD {

// Everything that a forward call keeps in its workspace.
template <class Cell, class T>
struct ForwardMemory {
  ForwardMemory(const Problem& p, bool saving, Arena& arena)
      : layout(p), team(choose_team(p, Cell::kGates, !Layout<Cell, T>::kByRows, kForwardStates)), steps(p, team.parts(), arena), norms(layout, arena),
        unpacked(comes_unpacked(p)), panels(make_panels(arena)) {
    tile_ticks = steps_at_once(Steps::lanes(p) / team.parts());
    input_bias = arena.take<T>(layout.units * Cell::kGates);
    constants = arena.take<T>(layout.units);
    zeros = arena.take<T>(std::max(layout.units, layout.inputs));
    carry = arena.take<T>(p.B * layout.units);
    peepholes = arena.take<T>(Cell::kPeepholes * layout.units);
    dropped = arena.take<T>(2 * p.B * Cell::kGates * layout.units);
    zones = arena.take<T>(2 * team.threads * layout.units);
    unnormed = arena.take<T>(Cell::kNormedCell ? 2 * team.threads * layout.units : 0);
    slots = saving ? nullptr : arena.take<T>(tile_ticks * steps.most_lanes() * layout.slots);
    pointers = arena.take<void*>(pointer_lanes(steps, team) * pointers_a_lane());
    rows = arena.take<RowStep>(pointer_lanes(steps, team)), cursors = arena.take<std::int64_t>(pointer_lanes(steps, team));
    barrier = arena.take<Barrier>(1);
  }

  PanelMemory<T> make_panels(Arena& arena) const {
    const std::int64_t blocks = unpacked ? 0 : layout.forward_blocks();
    return {arena, team, layout.far(), blocks * layout.input_panel(), blocks * layout.state_panel(), blocks * layout.second_panel()};
  }

  std::int64_t pointers_a_lane() const { return 4 * tile_ticks + 4 + Cell::kGates; }

  Layout<Cell, T> layout;
  Team team;
  Steps steps;
  NormWeights<Cell, T> norms;
  bool unpacked;                         // whether the products read the weights as they come
  PanelMemory<T> panels;                 // (blocks, k, gates of the product, units of a block); the state's (blocks, gates, k, units) for a mask a gate
  std::int64_t tile_ticks;               // ticks whose input product is made at once
  T *input_bias, *constants;             // (blocks, G, units of a block); (units): what slot G starts from, if the cell has one
  T *zeros, *carry;                      // (B, units)
  T *peepholes, *dropped;                // (kPeepholes, units); (2, B, masks, units): h under `drop`, of even and of odd steps
  T* zones;                              // (threads, 2, units): what stays of a row's h and c, where that is said in bytes
  T* unnormed;                           // (threads, 2, units): a row's new c and its o, until c is normalised
  T* slots;                              // (lanes, tile_ticks, slots) of inference; training has them in `saved`
  void** pointers;
  RowStep* rows;                         // of each lane at this tick
  std::int64_t* cursors;
  Barrier* barrier;
};

// One thread's part of a forward sweep.
template <class Cell, class T>
class ForwardThread {
  static constexpr int kLane = kLanes<T>, kUnits = Cell::kUnits, kBlock = kUnits * kLane, kStateGates = Layout<Cell, T>::kStateGates;
  static constexpr bool kSecond = Layout<Cell, T>::kSecond;
  static constexpr int kKept = Layout<Cell, T>::kKept, kSecondGate[] = {Cell::kSecondGate};

 public:
  ForwardThread(const Forward& call, const ForwardMemory<Cell, T>& memory, int thread, int threads)
      : call_(call), p_(call.problem), m_(memory), layout_(memory.layout), part_(p_, memory.steps, memory.team, thread, threads),
        lanes_(memory.steps, part_.lanes, memory.cursors + part_.first_lane), blocks_(part_.blocks(layout_.forward_blocks())),
        row_(memory.rows + part_.first_lane), panels_(memory.panels.of(thread)) {
    PointerSlice slice(memory.pointers + part_.first_lane * memory.pointers_a_lane());
    const std::int64_t lanes = part_.lanes.count, tile = lanes * m_.tile_ticks;
    slice.take(x_, tile), slice.take(slots_, tile), slice.take(before_, tile), slice.take(gated_, tile);
    slice.take(h_, lanes * Cell::kGates), slice.take(y_, lanes), slice.take(y_ahead_, lanes);
    slice.take(slots_ahead_, lanes), slice.take(carry_, lanes);
  }

  void pack() {
    const Range packed = m_.panels.packed_by(part_.thread, part_.threads, m_.unpacked ? 0 : layout_.forward_blocks());
    for (std::int64_t block = packed.first; block < packed.end; ++block) pack_weights(block, block * kBlock, layout_.forward_vectors(block));
    const Range mine = part_of(layout_.forward_blocks(), part_.thread, part_.threads);
    for (std::int64_t block = mine.first; block < mine.end; ++block) {
      const std::int64_t first = block * kBlock;
      const int vectors = layout_.forward_vectors(block);
      if (Cell::kNormed) std::fill_n(m_.input_bias + first * Cell::kGates, Cell::kGates * kBlock, T(0));
      else pack_bias<Cell>(call_.weights, p_.H, first, vectors, m_.input_bias + first * Cell::kGates);
      if constexpr (Cell::kLoaded > Cell::kGates && !Cell::kNormed) pack_constant<Cell>(call_.weights, p_.H, first, vectors, m_.constants + first);
    }
    if (part_.thread == 0) std::fill_n(m_.zeros, std::max(layout_.units, layout_.inputs), T(0));
    if (Cell::kNormed && part_.thread == 0) m_.norms.pack(call_.weights, p_.H);
    if (part_.thread == 0) pack_peepholes<Cell>(static_cast<const T*>(call_.weights.peephole), p_.H, layout_.units, m_.peepholes);
    const ConstState start = Cell::kCarry == Carry::cell ? call_.c0 : call_.h0;
    for (std::int64_t j = 0; j < part_.own.count; ++j) {
      const std::int64_t b = m_.steps.row(part_.own.position(j));
      copy_padded(start.data ? at<T>(start, b) : nullptr, p_.H, m_.carry + b * layout_.units, layout_.units);
      if (dropping()) drop(-1, b, call_.h0.data ? at<T>(call_.h0, b) : nullptr, 0, p_.H);
    }
  }

  void sweep() {
    part_.each_group(layout_.far(), [this](Share lanes) {
      lanes_ = Lanes(m_.steps, lanes, m_.cursors + part_.first_lane);
      sweep_lanes();
    });
  }

  // The final states, and zeros in y past each row's end.
  void finish() {
    for (std::int64_t j = 0; j < part_.own.count; ++j) {
      const std::int64_t b = m_.steps.row(part_.own.position(j)), L = length(p_, b);
      if (call_.h_n.data) {
        const T* last = L > 0 ? at<T>(call_.y, time_of(p_, L - 1, L), b) : call_.h0.data ? at<T>(call_.h0, b) : m_.zeros;
        std::copy(last, last + p_.H, at<T>(call_.h_n, b));
      }
      if (Cell::kCarry == Carry::cell && call_.c_n.data)
        std::copy_n(m_.carry + b * layout_.units, p_.H, at<T>(call_.c_n, b));
    }
    if (!call_.replay) clear_past_ends<T>(p_, m_.steps, part_.own, call_.y, p_.H);
  }

 private:
  const T* weight_ih() const { return static_cast<const T*>(call_.weights.weight_ih); }
  const T* weight_hh() const { return static_cast<const T*>(call_.weights.weight_hh); }

  void pack_weights(std::int64_t block, std::int64_t first, int vectors) {
    T *input_panel = panels_.input + block * layout_.input_panel(), *state_panel = panels_.state + block * layout_.state_panel();
    if (p_.C == 0) std::fill_n(input_panel, layout_.input_panel(), T(0));
    pack_forward(weight_ih(), Cell::kInputGate, p_.H, p_.C, first, vectors, input_panel);
    if (masks() == 1) pack_forward(weight_hh(), Cell::kStateGate, p_.H, p_.H, first, vectors, state_panel);
    for (int g = 0; masks() > 1 && g < kStateGates; ++g)
      pack_forward<T, 1>(weight_hh(), {Cell::kStateGate[g]}, p_.H, p_.H, first, vectors, state_panel + g * layout_.gate_panel());
    if constexpr (kSecond)
      pack_forward<T, 1>(weight_hh(), {Cell::kSecondGate}, p_.H, p_.H, first, vectors, panels_.second + block * layout_.second_panel());
  }

  void sweep_lanes() {
    Meetings meetings(m_.barrier);
    for (std::int64_t tick = 0; tick < lanes_.ticks(); tick += m_.tile_ticks) {
      const std::int64_t end = std::min(tick + m_.tile_ticks, lanes_.ticks());
      multiply_input(tick, end);
      if (call_.replay) {
        replay(tick, end);
        continue;
      }
      T* const* slots = slots_;
      for (std::int64_t i = tick; i < end; ++i) {
        slots += step(i, slots);
        if (part_.by_units && !meetings.wait()) {
          if (!part_.take_over()) return;
          blocks_ = part_.blocks(layout_.forward_blocks());
        }
      }
    }
  }

  T* saved_slots(const RowStep& row) const {
    return static_cast<T*>(call_.saved) + m_.steps.place(row) * layout_.slots;
  }
  T* slots_of(std::int64_t tick, std::int64_t j, const RowStep& row) const {
    return call_.saved ? saved_slots(row) : m_.slots + (lanes_.number(j) * m_.tile_ticks + tick % m_.tile_ticks) * layout_.slots;
  }

  // Pre-activations from the input, for all rows of ticks [tick, end).
  void multiply_input(std::int64_t tick, std::int64_t end) {
    std::int64_t n = 0;
    for (; tick < end; ++tick)
      for (std::int64_t j = 0, active = lanes_.active(tick); j < active; ++j, ++n) {
        const RowStep row = lanes_.at(j, tick);
        x_[n] = p_.C > 0 ? at<T>(call_.x, time_of(p_, row), row.batch) : m_.zeros;
        slots_[n] = slots_of(tick, j, row);
      }
    multiply_units<Cell::kGates>(n, x_, slots_, blocks_.first, blocks_.end, {weight_ih(), Cell::kInputGate, p_.H, p_.C},
                                 {panels_.input, layout_.input_panel(), layout_.inputs, m_.input_bias, layout_.units, 0, layout_.far()});
    const std::int64_t first = blocks_.first * kBlock, units = unit_at(blocks_.end) - first;
    if constexpr (Cell::kNormed)
      for (std::int64_t j = 0; j < n; ++j) norms_of(layout_, slots_[j])[kInputNorm] = moments<Cell::kGates>(slots_[j], layout_.units, p_.H);
    else if constexpr (Cell::kLoaded > Cell::kGates)
      for (std::int64_t j = 0; j < n; ++j)
        std::copy_n(m_.constants + first, units, slots_[j] + Cell::kGates * layout_.units + first);
  }

  // Ticks [tick, end) where y is known already: their products are made at once, and no thread waits for another.
  void replay(std::int64_t tick, std::int64_t end) {
    std::int64_t n = 0;
    for (std::int64_t i = tick; i < end; ++i)
      for (std::int64_t j = 0, active = lanes_.active(i); j < active; ++j) before_[n++] = state_before(lanes_.at(j, i));
    if constexpr (kSecond) open_gates(n, slots_);
    multiply_last(n, slots_, blocks_.first, blocks_.end);
    T* const* slots = slots_;
    for (; tick < end; ++tick, slots += n) {
      n = lanes_.active(tick);
      point_rows(tick, n);
      apply_blocks(n, slots, blocks_.first, blocks_.end);
    }
  }

  std::int64_t step(std::int64_t tick, T* const* slots) {
    const std::int64_t n = lanes_.active(tick);
    point_rows(tick, n);
    if constexpr (kSecond) open_gates(n, slots);
    constexpr int kLastGates = kSecond ? 1 : kStateGates;
    constexpr int W = kLastGates * kUnits;
    const std::int64_t group = Cell::kNormed ? blocks_.end - blocks_.first : blocks_together<W>(n);
    for (std::int64_t block = blocks_.first, end; block < blocks_.end; block = end) {
      end = std::min(block + group, blocks_.end);
      multiply_last(n, slots, block, end);
      apply_blocks(n, slots, block, end);
    }
    if (dropping())
      for (std::int64_t j = 0; j < n; ++j)
        drop(row_[j].step, row_[j].batch, y_[j], blocks_.first * kBlock, std::min(blocks_.end * kBlock, p_.H));
    return n;
  }

  // The product after which the gates are known.
  void multiply_last(std::int64_t n, T* const* slots, std::int64_t block, std::int64_t end) {
    if constexpr (kSecond) multiply_units<1>(n, gated_, slots, block, end, {weight_hh(), kSecondGate, p_.H, p_.H}, second_product());
    else multiply_state(n, slots, block, end);
  }

  enum class Mode { inference, training, again };  // again: h is known

  void apply_blocks(std::int64_t n, T* const* slots, std::int64_t block, std::int64_t end) {
    if constexpr (Cell::kNormed)
      zoned() ? apply_normed<true>(n, slots) : apply_normed<false>(n, slots);
    else
      zoned() ? apply_in_mode<true>(n, slots, block * kBlock, unit_at(end)) : apply_in_mode<false>(n, slots, block * kBlock, unit_at(end));
  }

  template <bool kZoned>
  void apply_in_mode(std::int64_t n, T* const* slots, std::int64_t first, std::int64_t end) {
    if (call_.replay) apply<kZoned, Mode::again>(n, slots, first, end);
    else if (call_.saved) apply<kZoned, Mode::training>(n, slots, first, end);
    else apply<kZoned, Mode::inference>(n, slots, first, end);
  }

  template <int G>
  void multiply_units(std::int64_t n, const T* const* a, T* const* out, std::int64_t block, std::int64_t end, const Matrix<T, G>& matrix,
                      const Product<T>& m) {
    if (m_.unpacked) multiply_unpacked<T, G, kUnits>(n, a, out, block, end, layout_.units, matrix, m);
    else multiply_narrowing<T, G, kUnits>(n, a, out, block, end, layout_.units, m);
  }

  // The first unit of a block, or the end of all.
  std::int64_t unit_at(std::int64_t block) const { return std::min(block * kBlock, layout_.units); }

  // h times W_hh; where each gate has a mask, gate by gate, for none sees the same h.
  void multiply_state(std::int64_t n, T* const* slots, std::int64_t block, std::int64_t end) {
    if (masks() == 1)
      return multiply_units<kStateGates>(n, h_of(0), slots, block, end, {weight_hh(), Cell::kStateGate, p_.H, p_.H}, state_product());
    for (int g = 0; g < kStateGates; ++g) {
      const int gate[] = {Cell::kStateGate[g]};
      multiply_units<1>(n, h_of(g), slots, block, end, {weight_hh(), gate, p_.H, p_.H}, gate_product(g));
    }
  }

  Product<T> state_product() const {
    const T* start = Cell::kNormed ? m_.input_bias : nullptr;  // zeros, for the product is on its own
    return {panels_.state, layout_.state_panel(), p_.H, start, layout_.units, Layout<Cell, T>::kStateAt * layout_.units, layout_.far()};
  }
  Product<T> gate_product(int g) const {
    return {panels_.state + g * layout_.gate_panel(), layout_.state_panel(), p_.H, nullptr, layout_.units,
            (Cell::kStateSlot + g) * layout_.units, layout_.far()};
  }
  Product<T> second_product() const {
    return {panels_.second, layout_.second_panel(), p_.H, nullptr, layout_.units, 0, layout_.far()};
  }

  // The first product, and what the second one reads. All blocks: a cell that has two is never shared by units.
  void open_gates(std::int64_t n, T* const* rows) {
    multiply_state(n, rows, blocks_.first, blocks_.end);
    const T* const* seen = h_of(masks() - 1);
    for (std::int64_t j = 0; j < n; ++j) {
      T* gated = rows[j] + Cell::kLoaded * layout_.units;
      for (std::int64_t unit = 0; unit < layout_.units; unit += kLane) {
        T* slots = rows[j] + unit;
        Vec<T> a[Cell::kSlots];
        for (int i = 0; i < Cell::kLoaded; ++i) a[i] = load(slots + i * layout_.units);
        store(gated + unit, Cell::gate(a, load_up_to(seen[j] + unit, p_.H - unit)));
        for (int i = Cell::kStateSlot; i < Cell::kLoaded; ++i) store(slots + i * layout_.units, a[i]);
      }
      gated_[j] = gated;
    }
  }

  // Which rows are read at a tick, where they find their state and leave their output.
  void point_rows(std::int64_t tick, std::int64_t n) {
    for (std::int64_t j = 0; j < n; ++j) {
      const RowStep row = row_[j] = lanes_.at(j, tick);
      const std::int64_t b = row.batch, t = time_of(p_, row);
      carry_[j] = m_.carry + b * layout_.units;
      y_[j] = at<T>(call_.y, t, b), y_ahead_[j] = ahead<T>(p_, call_.y, row, 1);
      if (const T* x = ahead<T>(p_, call_.x, row, m_.tile_ticks)) bring_near(x, p_.C);
      if (call_.saved) slots_ahead_[j] = row.step + m_.tile_ticks < length(p_, b) ? saved_slots({b, row.step + m_.tile_ticks}) : nullptr;
      before_[j] = state_before(row);
      if (is_reset(p_, t, b)) {
        const ConstState from = Cell::kCarry == Carry::cell ? call_.restart.c : call_.restart.h;
        const std::int64_t first = blocks_.first * kBlock, units = unit_at(blocks_.end) - first;
        copy_padded(from.data ? at<T>(from, b) + first : nullptr, std::clamp<std::int64_t>(p_.H - first, 0, units), carry_[j] + first, units);
      }
      for (int m = 0; dropping() && m < masks(); ++m) h_of(m)[j] = dropped(row.step - 1, b, m);
    }
  }

  const T* state_before(const RowStep& row) const {
    const std::int64_t b = row.batch, L = length(p_, b);
    const bool restarts = is_reset(p_, time_of(p_, row), b);
    if (row.step > 0 && !restarts) return at<T>(call_.y, time_of(p_, row.step - 1, L), b);
    const ConstState from = restarts ? call_.restart.h : call_.h0;
    return from.data ? at<T>(from, b) : m_.zeros;
  }

  bool dropping() const { return call_.regularisation.drop.data; }
  bool zoned() const { return call_.regularisation.zone_h.data || call_.regularisation.zone_c.data; }
  int masks() const { return call_.regularisation.drop_gate && dropping() ? Cell::kGates : 1; }
  // The h that the rows of gate g see, g in the order of the products.
  const T** h_of(int g) const { return dropping() ? h_ + g * lanes_.count() : before_; }
  T* dropped(std::int64_t s, std::int64_t b, int mask) const {
    return m_.dropped + (((s & 1) * p_.B + b) * masks() + mask) * layout_.units;
  }

  // Units [unit, end) of h after step s, as the product of the next step wants them; null is zeros. Another thread may read
  // what was dropped of the step before while this one writes: two places.
  void drop(std::int64_t s, std::int64_t b, const T* h, std::int64_t unit, std::int64_t end) {
    const std::int64_t L = length(p_, b);
    if (s + 1 < L && is_reset(p_, time_of(p_, s + 1, L), b)) h = call_.restart.h.data ? at<T>(call_.restart.h, b) : nullptr;
    for (int m = 0; m < masks(); ++m) {
      const T* factor = mask_of<Cell, T>(call_.regularisation, b, m);
      T* to = dropped(s, b, m);
      for (std::int64_t i = unit; i < end; i += kLane) {
        const Vec<T> whole = h ? load_up_to(h + i, end - i) : Vec<T>{};
        store_up_to(to + i, whole * load_up_to(factor + i, end - i), end - i);
      }
    }
  }

  Zones<T> zones_of(std::int64_t j, std::int64_t first, std::int64_t end) const {
    return {p_, call_.regularisation, row_[j], first, end, m_.zones + 2 * part_.thread * layout_.units, layout_.units};
  }

  // Units [first, end) of all rows of a tick. kZoned: some of the old state stays. Not inlined, for among
  // its like it is up to a tenth slower.
  template <bool kZoned, Mode kMode>
  [[gnu::noinline]] void apply(std::int64_t n, T* const* rows, std::int64_t first, std::int64_t end) {
    for (std::int64_t j = 0; j < n; ++j) {
      const Zones<T> zones = kZoned ? zones_of(j, first, end) : Zones<T>{};
      if constexpr (kMode != Mode::inference) bring_slots<Cell::kSlots>(slots_ahead_[j], first, end, layout_.units);
      for (std::int64_t unit = first; unit < end; unit += kLane) {
        T *slots = rows[j] + unit, *carry = carry_[j] + unit;
        const std::int64_t left = p_.H - unit;
        if (y_ahead_[j]) __builtin_prefetch(y_ahead_[j] + unit, 1);
        Vec<T> a[Cell::kSlots], p[Cell::kPeepholes + 1], c{};
        for (int i = 0; i < Cell::kLoaded; ++i) a[i] = load(slots + i * layout_.units);
        for (int i = 0; i < Cell::kPeepholes; ++i) p[i] = load(m_.peepholes + i * layout_.units + unit);
        if constexpr (Cell::kCarry != Carry::none) c = load(carry);
        const Vec<T> c_old = c;
        Vec<T> h = Cell::forward(a, c, p);
        if (kZoned && zones.h) {
          h = fma(load_up_to(zones.h + unit, left), load_up_to(before_[j] + unit, left) - h, h);
          if (Cell::kCarry == Carry::hidden) c = h;
        }
        if (kZoned && zones.c && Cell::kCarry == Carry::cell)
          c = fma(load_up_to(zones.c + unit, left), c_old - c, c), a[Cell::kSlots - 1] = c;
        if constexpr (Cell::kCarry != Carry::none) store(carry, c);
        if constexpr (kMode != Mode::inference)
          for (int i = 0; i < kKept; ++i) store(slots + i * layout_.units, a[i]);
        if constexpr (kMode != Mode::again) store_up_to(y_[j] + unit, h, left);
      }
    }
  }

  // The same of a cell with norms, row by row.
  template <bool kZoned>
  void apply_normed(std::int64_t n, T* const* rows) {
    using L = Layout<Cell, T>;
    T *c_new = m_.unnormed + 2 * part_.thread * layout_.units, *o = c_new + layout_.units;
    for (std::int64_t j = 0; j < n; ++j) {
      T* slots = rows[j];
      if (call_.saved && slots_ahead_[j]) bring_near(slots_ahead_[j], L::kGatesAt * layout_.units);
      Norm<T>* norms = norms_of(layout_, slots);
      norms[kStateNorm] = moments<kStateGates>(slots + L::kStateAt * layout_.units, layout_.units, p_.H);
      const Zones<T> zones = kZoned ? zones_of(j, 0, layout_.units) : Zones<T>{};
      for (std::int64_t unit = 0; unit < layout_.units; unit += kLane) {
        Vec<T> a[Cell::kSlots], c = load(carry_[j] + unit);
        m_.norms.meet(slots, norms, unit, a);
        const Vec<T> h = Cell::forward(a, c, static_cast<const Vec<T>*>(nullptr));
        if constexpr (Cell::kNormedCell) store(c_new + unit, c), store(o + unit, h);
        else leave<kZoned>(j, slots, unit, zones, h, c);
      }
      if constexpr (Cell::kNormedCell) {
        const Norm<T> norm = norms[kCellNorm] = moments<1>(c_new, layout_.units, p_.H);
        for (std::int64_t unit = 0; unit < layout_.units; unit += kLane) {
          const Vec<T> c = load(c_new + unit), u = fma(norm.of(c), load(m_.norms.cell + unit), load(m_.norms.cell + layout_.units + unit));
          leave<kZoned>(j, slots, unit, zones, Cell::output(load(o + unit), u), c);
        }
      }
    }
  }

  // The new state of a row at this unit, after what stays of the old.
  template <bool kZoned>
  void leave(std::int64_t j, T* slots, std::int64_t unit, Zones<T> zones, Vec<T> h, Vec<T> c) {
    const std::int64_t left = p_.H - unit;
    if (kZoned && zones.h) h = fma(load_up_to(zones.h + unit, left), load_up_to(before_[j] + unit, left) - h, h);
    if (kZoned && zones.c && Cell::kCarry == Carry::cell) c = fma(load_up_to(zones.c + unit, left), load(carry_[j] + unit) - c, c);
    store(carry_[j] + unit, Cell::kCarry == Carry::hidden ? h : c);
    if (Cell::kCarry == Carry::cell && call_.saved) store(slots + (Layout<Cell, T>::kGatesAt + Cell::kLoaded) * layout_.units + unit, c);
    if (!call_.replay) store_up_to(y_[j] + unit, h, left);
  }

  const Forward& call_;
  const Problem& p_;
  const ForwardMemory<Cell, T>& m_;
  const Layout<Cell, T>& layout_;
  Part part_;
  Lanes lanes_;
  Range blocks_;
  RowStep* row_;
  const Panels<T> panels_;
  const T **x_, **h_, **before_, **gated_;
  T **slots_, **y_, **y_ahead_, **slots_ahead_, **carry_;
};

}  // namespace recorrente::RECORRENTE_SIMD
