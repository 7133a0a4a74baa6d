// The recurrent product: rows times one packed panel, added to accumulators in memory. Knows registers and nothing of cells.
//
// A panel holds the weights of one block of columns, k-major: k rows of G * U vectors, the G gates of U vectors of units
// side by side. Accumulators of a row lie `gate_stride` apart for each gate. What is added to an accumulator is one FMA
// chain for every kChain of k, each from zero, in ascending order, whatever the tile: so tiling changes no bits, and the
// error grows with the root of k, not with k.
#pragma once

#include <algorithm>
#include <utility>

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
  // What comes after this stretch of panel, which the tiles of this one bring near: so many bytes with every k, no burst, for a core
  // can have no more than a dozen lines under way.
  const char* ahead = nullptr;
  std::int64_t ahead_bytes = 0;
};

// R rows by P blocks by G gates by U vectors, all in registers. kBrings: whether it brings near what comes after.
template <class T, int R, int P, int G, int U, bool kBrings>
[[gnu::always_inline]] inline void tile(const T* const* a, T* const* out, std::int64_t from, std::int64_t unit,
                                        const Product<T>& m) {
  constexpr int W = G * U, N = P * W, lanes = kLanes<T>;
  // Copies: a store might otherwise change them, for all that the compiler knows.
  const T *const start = m.start, *panel = m.panel, *row[R];
  const std::int64_t steps = m.k, gate_stride = m.gate_stride, panel_stride = m.panel_stride;
  const char* ahead = m.ahead;
  const std::int64_t ahead_bytes = m.ahead_bytes;
  Vec<T> acc[R][N];
  T* to[R];
#pragma GCC unroll 32
  for (int r = 0; r < R; ++r) row[r] = a[r] + from, to[r] = out[r] + (m.offset + unit);
  const auto place = [&](int r, int n) { return to[r] + (n % W / U) * gate_stride + (n / W * U + n % U) * lanes; };
  for (std::int64_t k = 0; k < steps;) {
    const bool first = k == 0 && start;
    const std::int64_t end = std::min(k + kChain, steps);
#pragma GCC unroll 32
    for (int r = 0; r < R; ++r)
#pragma GCC unroll 32
      for (int n = 0; n < N; ++n) acc[r][n] = Vec<T>{};
    do {
      if constexpr (kBrings) {
#pragma GCC unroll 4
        for (int p = 0; p < P; ++p) __builtin_prefetch(ahead + p * panel_stride * static_cast<std::int64_t>(sizeof(T)));
        ahead += ahead_bytes;
      }
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
  constexpr std::int64_t kBlocks = 32 * 1024 / (W * kVectorBytes), at_once = kBlocksAtOnce<W>;
  if (n > kBlocks) return at_once;
  return std::max<std::int64_t>(kBlocks / std::max(static_cast<std::uint32_t>(n), 1u) / at_once, 1) * at_once;
}

// Whole chains within 24 KiB: what a panel may keep of a 32 KiB first-level cache while rows stream past it.
template <int W>
constexpr std::int64_t kPanelSteps = std::max<std::int64_t>(24 * 1024 / (W * kVectorBytes) / kChain, 1) * kChain;

template <class T, int R, int P, int G, int U, bool kBrings>
[[gnu::noinline]] void run_tile(const T* const* a, T* const* out, std::int64_t from, std::int64_t unit, const Product<T>& m) {
  tile<T, R, P, G, U, kBrings>(a, out, from, unit, m);
}

// n rows, least <= n <= R.
template <class T, int R, int least, int P, int G, int U, bool kBrings>
void up_to(std::int64_t n, const T* const* a, T* const* out, std::int64_t from, std::int64_t unit, const Product<T>& m) {
  if constexpr (R > least)
    if (n < R) return up_to<T, R - 1, least, P, G, U, kBrings>(n, a, out, from, unit, m);
  run_tile<T, R, P, G, U, kBrings>(a, out, from, unit, m);
}

// All blocks [block, end), P at a time and then fewer.
template <class T, int R, int P, int G, int U>
void run_blocks(const T* const* a, T* const* out, std::int64_t block, std::int64_t end, Product<T> m) {
  for (; block + P <= end; block += P) {
    run_tile<T, R, P, G, U, false>(a, out, 0, block * U * kLanes<T>, m);
    m.panel += P * m.panel_stride;
    if (m.start) m.start += P * G * U * kLanes<T>;
  }
  if constexpr (P > 1)
    if (block < end) run_blocks<T, R, P / 2, G, U>(a, out, block, end, m);
}

// R rows: each panel is read once, from end to end.
template <class T, int R, int G, int U>
[[gnu::noinline]] void few_rows(const T* const* a, T* const* out, std::int64_t block, std::int64_t end, const Product<T>& m) {
  run_blocks<T, R, kTileBlocks<R, G * U>, G, U>(a, out, block, end, m);
}

// The same of n rows, 1 <= n <= kTileRows: looked up, for one row has little work to hide a search.
template <class T, int G, int U, int... R>
void few_rows(std::int64_t n, const T* const* a, T* const* out, std::int64_t block, std::int64_t end, const Product<T>& m,
              std::integer_sequence<int, R...>) {
  constexpr void (*run[])(const T* const*, T* const*, std::int64_t, std::int64_t, const Product<T>&) = {few_rows<T, R + 1, G, U>...};
  run[n - 1](a, out, block, end, m);
}

// Many rows, n > kTileRows, P blocks: a stretch of the panels stays in the first-level cache while all rows pass.
template <class T, int P, int G, int U, bool kBrings>
[[gnu::noinline]] void many_rows(std::int64_t n, const T* const* a, T* const* out, std::int64_t block, Product<T> m) {
  constexpr int W = G * U, R = kTileRows<P * W>, lanes = kLanes<T>;
  const std::int64_t tiles = (n + R - 1) / R, k_total = m.k, row_bytes = W * kVectorBytes;
  if constexpr (kBrings) m.ahead_bytes = (row_bytes + tiles - 1) / tiles;
  for (std::int64_t k = 0; k < k_total; k += kPanelSteps<P * W>) {
    m.k = std::min(k_total - k, kPanelSteps<P * W>);
    m.ahead = reinterpret_cast<const char*>(m.panel) + m.k * row_bytes;
    for (std::int64_t t = 0; t < tiles; ++t, m.ahead += m.k * m.ahead_bytes) {
      const std::int64_t first = n * t / tiles, rows = n * (t + 1) / tiles - first;
      up_to<T, R, (R + 1) / 2, P, G, U, kBrings>(rows, a + first, out + first, k, block * U * lanes, m);
    }
    m.panel += m.k * W * lanes, m.start = nullptr;
  }
}

// All blocks [block, end), as many at once as many rows take.
template <class T, int G, int U, bool kBrings>
void many_blocks(std::int64_t n, const T* const* a, T* const* out, std::int64_t block, std::int64_t end, Product<T> m) {
  constexpr int W = G * U, P = kBlocksAtOnce<W>;
  for (std::int64_t blocks; block < end; block += blocks) {
    blocks = block + P <= end ? P : 1;
    blocks == 1 ? many_rows<T, 1, G, U, kBrings>(n, a, out, block, m) : many_rows<T, P, G, U, kBrings>(n, a, out, block, m);
    m.panel += blocks * m.panel_stride;
    if (m.start) m.start += blocks * W * kLanes<T>;
  }
}

// Blocks [block, end) of the accumulators of n rows. `m.panel` and `m.start` are those of block 0; m.k is at least 1.
template <class T, int G, int U>
void multiply(std::int64_t n, const T* const* a, T* const* out, std::int64_t block, std::int64_t end, Product<T> m) {
  constexpr int W = G * U;
  if (n == 0) return;
  m.panel += block * m.panel_stride;
  if (m.start) m.start += block * W * kLanes<T>;
  if (n <= kTileRows<W>) return few_rows<T, G, U>(n, a, out, block, end, m, std::make_integer_sequence<int, kTileRows<W>>());
  m.far ? many_blocks<T, G, U, true>(n, a, out, block, end, m) : many_blocks<T, G, U, false>(n, a, out, block, end, m);
}

}  // namespace recorrente::RECORRENTE_SIMD
