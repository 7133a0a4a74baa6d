// The same products from a weight matrix as it comes, for a call so short that to pack it would cost more than to use it once. Forward,
// squares of it are turned in registers; backward it lies as it is wanted. What is added to an accumulator is what tile.h adds, bit by bit.
#pragma once

#include "panel.h"

namespace recorrente::RECORRENTE_SIMD {

// So many rows of accumulators fit beside a square: of a stripe alone, and of a block.
constexpr int kRowsOfStripe = 4, kRowsOfBlock = 2;

// Whether weights are better read as they come. More rows, or another step, would turn every square again.
inline bool comes_unpacked(const Problem& p) { return p.T == 1 && p.C > 0 && p.B <= kRowsOfStripe; }
inline bool goes_back_unpacked(const Problem& p) { return p.T == 1 && p.B <= kRowsOfStripe; }

// Some gates' rows of torch's matrix.
template <class T, int G>
struct Matrix {
  const T* weight;      // (gates * H, columns)
  const int (&gate)[G];
  std::int64_t H, columns;
};

// The weights of one vector of units of a gate, (units, columns), as many units as there are; where its accumulators begin; and what
// with, as in Product.
template <class T>
struct Stripe {
  const T* weight;
  std::int64_t units, place;
  const T* start;
};

// Columns [k, k + left) of a stripe, turned. Brings as much of the stripe after it near, in the order of memory: what lies afar comes
// faster so than row beside row.
template <class T>
[[gnu::always_inline]] inline void turn_square(const Stripe<T>& stripe, std::int64_t columns, std::int64_t k, std::int64_t left,
                                               Vec<T> (&square)[kLanes<T>]) {
  constexpr int L = kLanes<T>;
  const T *from = stripe.weight + k, *after = stripe.weight + L * (columns + k);
  if (left >= L && stripe.units >= L) {
#pragma GCC unroll 16
    for (int i = 0; i < L; ++i, from += columns) __builtin_prefetch(after + i * L), square[i] = load(from);
  } else {
    for (int i = 0; i < L; ++i) square[i] = i < stripe.units ? load_up_to(from + i * columns, left) : Vec<T>{};
  }
  transpose<T>(square);
}

// Adds the products of columns [k, end) of N stripes with R rows to their accumulators: a chain for each stretch of kChain columns,
// all `stretches` of them under way at once.
template <class T, int R, int N, int stretches>
[[gnu::always_inline]] inline void add_columns(const T* const* a, T* const* out, const Stripe<T> (&stripe)[N], std::int64_t columns,
                                               std::int64_t k, std::int64_t end) {
  constexpr int L = kLanes<T>;
  static_assert(kChain % L == 0);
  Vec<T> sums[stretches][N][R] = {}, square[L];
  const bool first = k == 0;
  for (; k + (stretches - 1) * kChain + L <= end; k += L)
#pragma GCC unroll 4
    for (int s = 0; s < stretches; ++s)
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) {
        const std::int64_t at = k + s * kChain;
        turn_square(stripe[n], columns, at, L, square);
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i)
#pragma GCC unroll 4
          for (int r = 0; r < R; ++r) sums[s][n][r] = fma(broadcast(a[r] + at + i), square[i], sums[s][n][r]);
      }
  const std::int64_t left = end - k - (stretches - 1) * kChain;
  for (int n = 0; n < N && left > 0; ++n) {
    turn_square(stripe[n], columns, k, left, square);
    for (int i = 0; i < left; ++i)
      for (int r = 0; r < R; ++r) sums[0][n][r] = fma(broadcast(a[r] + k + i), square[i], sums[0][n][r]);
  }
  for (int n = 0; n < N; ++n)
    for (int r = 0; r < R; ++r) {
      T* to = out[r] + stripe[n].place;
      Vec<T> sum = load(first && stripe[n].start ? stripe[n].start : to);
      for (int s = 0; s < stretches; ++s) sum = sums[s][n][r] + sum;
      store(to, sum);
    }
}

// R rows by N stripes. One stripe alone has two stretches under way, for a sum waits for the one before.
template <class T, int R, int N>
[[gnu::noinline]] void multiply_stripes(const T* const* a, T* const* out, const Stripe<T> (&stripe)[N], std::int64_t columns) {
  std::int64_t k = 0;
  for (; N == 1 && k + 2 * kChain <= columns; k += 2 * kChain) add_columns<T, R, N, 2>(a, out, stripe, columns, k, k + 2 * kChain);
  for (; k < columns; k += kChain) add_columns<T, R, N, 1>(a, out, stripe, columns, k, std::min(k + kChain, columns));
}

// n rows, 1 <= n <= R.
template <class T, int R, int N>
void multiply_few(std::int64_t n, const T* const* a, T* const* out, const Stripe<T> (&stripe)[N], std::int64_t columns) {
  if constexpr (R > 1)
    if (n < R) return multiply_few<T, R - 1>(n, a, out, stripe, columns);
  multiply_stripes<T, R>(a, out, stripe, columns);
}

// A block of U vectors of units. More rows, or from afar, stripe by stripe: more rows of weights at once come more slowly.
template <class T, int G, int U>
void multiply_block(std::int64_t n, const T* const* a, T* const* out, std::int64_t first, const Matrix<T, G>& matrix, const Product<T>& m) {
  constexpr int L = kLanes<T>, W = G * U;
  Stripe<T> stripe[W];
  for (int g = 0; g < G; ++g)
    for (int u = 0; u < U; ++u) {
      const std::int64_t unit = first + u * L;
      const T* weight = matrix.weight + (matrix.gate[g] * matrix.H + unit) * matrix.columns;
      stripe[g * U + u] = {weight, std::min<std::int64_t>(matrix.H - unit, L), m.offset + unit + g * m.gate_stride,
                           m.start ? m.start + first * G + (g * U + u) * L : nullptr};
    }
  if (!m.far && n <= kRowsOfBlock) return multiply_few<T, kRowsOfBlock>(n, a, out, stripe, matrix.columns);
  for (const Stripe<T>& one : stripe) multiply_few<T, kRowsOfStripe>(n, a, out, {one}, matrix.columns);
}

// Blocks [block, end) of the accumulators of n rows, as `multiply_narrowing`; of `m`, all but the panels counts.
template <class T, int G, int U>
void multiply_unpacked(std::int64_t n, const T* const* a, T* const* out, std::int64_t block, std::int64_t end, std::int64_t units,
                       const Matrix<T, G>& matrix, const Product<T>& m) {
  for (; n > 0 && block < end; ++block) {
    const std::int64_t first = block * U * kLanes<T>;
    vectors_of<T, U>(block, units) == U ? multiply_block<T, G, U>(n, a, out, first, matrix, m)
                                        : multiply_block<T, G, 1>(n, a, out, first, matrix, m);
  }
}

// The gradients of so many columns from those of R rows of gates, (G, units): the rows of the matrix pass once, a chain's after the
// other's, as far as these columns of them go.
template <class T, int R, int G>
[[gnu::noinline]] void multiply_back(const T* const* a, T* const* out, Range columns, std::int64_t units, const Matrix<T, G>& matrix) {
  constexpr int L = kLanes<T>, V = R == 1 ? 8 : 4;
  const std::int64_t count = G * units;
  for (std::int64_t begin = 0; begin < count; begin += kChain)
    for (std::int64_t column = columns.first; column < columns.end; column += V * L) {
      const std::int64_t stop = std::min(begin + kChain, count), left = columns.end - column;
      Vec<T> sums[R][V] = {};
      for (std::int64_t k = begin; k < stop;) {
        const std::int64_t g = k / units, unit = k - g * units;  // of the units past H, none counts
        const T* weight = matrix.weight + (matrix.gate[g] * matrix.H + unit) * matrix.columns + column;
        const auto add = [&](auto load_vector) {
          for (const std::int64_t last = std::min(stop, g * units + matrix.H); k < last; ++k, weight += matrix.columns)
#pragma GCC unroll 8
            for (int v = 0; v < V; ++v) {
              const Vec<T> w = load_vector(weight + v * L, left - v * L);
#pragma GCC unroll 4
              for (int r = 0; r < R; ++r) sums[r][v] = fma(broadcast(a[r] + k), w, sums[r][v]);
            }
        };
        left >= V * L ? add([](const T* from, std::int64_t) { return load(from); })
                      : add([](const T* from, std::int64_t there) { return load_up_to(from, there); });
        if (k < stop) k = std::min(stop, (g + 1) * units);
      }
      for (int r = 0; r < R; ++r)
        for (int v = 0; v < V && left > v * L; ++v) {
          T* to = out[r] + column + v * L;
          const Vec<T> before = begin > 0 ? load_up_to(to, left - v * L) : Vec<T>{};
          store_up_to(to, sums[r][v] + before, left - v * L);
        }
    }
}

// n rows, 0 <= n <= R.
template <class T, int R, int G>
void multiply_few_back(std::int64_t n, const T* const* a, T* const* out, Range columns, std::int64_t units, const Matrix<T, G>& matrix) {
  if constexpr (R > 0) {
    if (n < R) return multiply_few_back<T, R - 1>(n, a, out, columns, units, matrix);
    multiply_back<T, R>(a, out, columns, units, matrix);
  }
}

}  // namespace recorrente::RECORRENTE_SIMD
