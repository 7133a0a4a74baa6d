// The recurrent product: rows times one packed panel, added to accumulators in memory. Knows registers and nothing of cells.
//
// A panel holds the weights of one block of columns, k-major: k rows of G * U vectors, the G gates of U vectors of units
// side by side. Accumulators of a row lie `gate_stride` apart for each gate. What is added to an accumulator is one FMA
// chain for every kChain of k, each from zero, in ascending order, whatever the tile: so tiling changes no bits, and the
// error grows with the root of k, not with k.
#pragma once

#include <algorithm>

#include "simd.h"

namespace recorrente::RECORRENTE_SIMD {

constexpr std::int64_t kChain = 64;

template <class T>
struct Product {
  const T* panel;             // (blocks, k_total, G * U vectors)
  std::int64_t panel_stride;  // from one block's panel to the next
  std::int64_t k;             // rows of the panel to run through
  const T* start;             // (blocks, G * U vectors), what accumulators begin with; null: what they hold
  std::int64_t gate_stride;   // between gates of an accumulator row
  std::int64_t offset = 0;    // from where a row of accumulators points to where block 0 begins
  bool far = false;           // whether the panels are more than kNearBytes
  const char* ahead = nullptr;  // the stretch of panel after this one, which the tiles of this one bring near:
  int ahead_lines = 0;          // so many cache lines with every chain
};

// R rows by P blocks by G gates by U vectors, all in registers.
template <class T, int R, int P, int G, int U>
[[gnu::always_inline]] inline void tile(const T* const* a, T* const* out, std::int64_t from, std::int64_t unit,
                                        const Product<T>& m) {
  constexpr int W = G * U, N = P * W, lanes = kLanes<T>;
  // Copies: a store might otherwise change them, for all that the compiler knows.
  const T *const start = m.start, *panel = m.panel, *row[R];
  const std::int64_t steps = m.k, gate_stride = m.gate_stride, panel_stride = m.panel_stride;
  const char* ahead = m.ahead;
  const int ahead_lines = m.ahead_lines;
  Vec<T> acc[R][N];
  T* to[R];
#pragma GCC unroll 32
  for (int r = 0; r < R; ++r) row[r] = a[r] + from, to[r] = out[r] + (m.offset + unit);
  const auto place = [&](int r, int n) { return to[r] + (n % W / U) * gate_stride + (n / W * U + n % U) * lanes; };
  for (std::int64_t k = 0; k < steps;) {
    const bool first = k == 0 && start;
    const std::int64_t end = std::min(k + kChain, steps);
    for (int i = 0; i < ahead_lines; ++i, ahead += 64)
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) __builtin_prefetch(ahead + p * panel_stride * static_cast<std::int64_t>(sizeof(T)));
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
      for (int n = 0; n < N; ++n) acc[r][n] = Vec<T>{};
    do {
      if constexpr (R <= N) {
        Vec<T> value[R];
#pragma GCC unroll 32
        for (int r = 0; r < R; ++r) value[r] = broadcast(row[r] + k);
#pragma GCC unroll 32
        for (int n = 0; n < N; ++n) {
          Vec<T> column = load(panel + n / W * panel_stride + n % W * lanes);
          if constexpr (R > 1) keep(column);
#pragma GCC unroll 32
          for (int r = 0; r < R; ++r) acc[r][n] = fma(value[r], column, acc[r][n]);
        }
      } else {
        Vec<T> column[N];
#pragma GCC unroll 32
        for (int n = 0; n < N; ++n) column[n] = load(panel + n / W * panel_stride + n % W * lanes);
#pragma GCC unroll 32
        for (int r = 0; r < R; ++r) {
          const Vec<T> value = broadcast(row[r] + k);
#pragma GCC unroll 32
          for (int n = 0; n < N; ++n) acc[r][n] = fma(value, column[n], acc[r][n]);
        }
      }
      panel += W * lanes;
    } while (++k < end);
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
      for (int n = 0; n < N; ++n) store(place(r, n), acc[r][n] + load(first ? start + n * lanes : place(r, n)));
  }
}

// Accumulators that leave registers for the operands. More rows than chains that hide the latency of an FMA gain nothing.
constexpr int kAccumulators = kRegisters == 32 ? 24 : 12;
template <int W>
constexpr int kTileRows = W == 1 ? 12 : kAccumulators / W;

// A few rows take several blocks at once, so that enough chains are in flight to hide the latency of an FMA.
template <int R, int W>
constexpr int kTileBlocks = W == 1 ? 1 : R * W * 4 <= kAccumulators ? 4 : R * W * 2 <= kAccumulators ? 2 : 1;

// Many rows take narrow blocks by two where registers allow: half as many rows a tile, so that each value of a row is read
// half as often. On AVX-512 4 to 10 % faster with W = 2.
template <int W>
constexpr int kBlocksAtOnce = kRegisters == 32 && W == 2 ? 2 : 1;

// So many blocks of accumulators of n rows are made before a cell passes over them: it then has long runs of a row, which the
// nearer caches still hold.
template <int W>
std::int64_t blocks_together(std::int64_t n) {
  constexpr std::int64_t kBytes = 32 * 1024, at_once = kBlocksAtOnce<W>;
  return std::max<std::int64_t>(kBytes / (std::max<std::int64_t>(n, 1) * W * kVectorBytes) / at_once, 1) * at_once;
}

// Whole chains within 24 KiB: what a panel may keep of a 32 KiB first-level cache while rows stream past it.
template <int W>
constexpr std::int64_t kPanelSteps = std::max<std::int64_t>(24 * 1024 / (W * kVectorBytes) / kChain, 1) * kChain;

template <class T, int R, int P, int G, int U>
[[gnu::noinline]] void run_tile(const T* const* a, T* const* out, std::int64_t from, std::int64_t unit, const Product<T>& m) {
  tile<T, R, P, G, U>(a, out, from, unit, m);
}

// n rows, 1 <= n <= R.
template <class T, int R, int P, int G, int U>
void up_to(std::int64_t n, const T* const* a, T* const* out, std::int64_t from, std::int64_t unit, const Product<T>& m) {
  if constexpr (R > 1)
    if (n < R) return up_to<T, R - 1, P, G, U>(n, a, out, from, unit, m);
  run_tile<T, R, P, G, U>(a, out, from, unit, m);
}

// All blocks [block, end), P at a time and then fewer.
template <class T, int R, int P, int G, int U>
void run_blocks(const T* const* a, T* const* out, std::int64_t block, std::int64_t end, Product<T> m) {
  for (; block + P <= end; block += P) {
    run_tile<T, R, P, G, U>(a, out, 0, block * U * kLanes<T>, m);
    m.panel += P * m.panel_stride;
    if (m.start) m.start += P * G * U * kLanes<T>;
  }
  if constexpr (P > 1)
    if (block < end) run_blocks<T, R, P / 2, G, U>(a, out, block, end, m);
}

// Few rows, 1 <= n <= R: each panel is read once, from end to end.
template <class T, int R, int G, int U>
[[gnu::noinline]] void few_rows(std::int64_t n, const T* const* a, T* const* out, std::int64_t block, std::int64_t end,
                                const Product<T>& m) {
  if constexpr (R > 1)
    if (n < R) return few_rows<T, R - 1, G, U>(n, a, out, block, end, m);
  run_blocks<T, R, kTileBlocks<R, G * U>, G, U>(a, out, block, end, m);
}

// Many rows, P blocks: a stretch of the panels stays in the first-level cache while all rows pass.
template <class T, int P, int G, int U>
[[gnu::noinline]] void many_rows(std::int64_t n, const T* const* a, T* const* out, std::int64_t block, Product<T> m) {
  constexpr int W = G * U, R = kTileRows<P * W>, lanes = kLanes<T>;
  const std::int64_t tiles = (n + R - 1) / R, k_total = m.k;
  for (std::int64_t k = 0; k < k_total; k += kPanelSteps<P * W>) {
    m.k = std::min(k_total - k, kPanelSteps<P * W>);
    const std::int64_t bytes = m.k * W * lanes * static_cast<std::int64_t>(sizeof(T)), chains = (m.k + kChain - 1) / kChain;
    if (m.far) m.ahead_lines = static_cast<int>((bytes / 64 + tiles * chains - 1) / (tiles * chains));
    m.ahead = reinterpret_cast<const char*>(m.panel) + bytes;
    for (std::int64_t t = 0; t < tiles; ++t, m.ahead += m.ahead_lines * chains * 64) {
      const std::int64_t first = n * t / tiles, rows = n * (t + 1) / tiles - first;
      up_to<T, R, P, G, U>(rows, a + first, out + first, k, block * U * lanes, m);
    }
    m.panel += m.k * W * lanes, m.start = nullptr;
  }
}

// Blocks [block, end) of the accumulators of n rows. `m.panel` and `m.start` are those of block 0; m.k is at least 1.
template <class T, int G, int U>
void multiply(std::int64_t n, const T* const* a, T* const* out, std::int64_t block, std::int64_t end, Product<T> m) {
  constexpr int W = G * U;
  if (n == 0) return;
  m.panel += block * m.panel_stride;
  if (m.start) m.start += block * W * kLanes<T>;
  if (n <= kTileRows<W>) return few_rows<T, kTileRows<W>, G, U>(n, a, out, block, end, m);
  constexpr int P = kBlocksAtOnce<W>;
  for (std::int64_t blocks; block < end; block += blocks) {
    blocks = block + P <= end ? P : 1;
    blocks == 1 ? many_rows<T, 1, G, U>(n, a, out, block, m) : many_rows<T, P, G, U>(n, a, out, block, m);
    m.panel += blocks * m.panel_stride;
    if (m.start) m.start += blocks * W * kLanes<T>;
  }
}

}  // namespace recorrente::RECORRENTE_SIMD
