// Packing: torch's weight matrices into panels that the products read from end to end. Tails are zeros.
#pragma once

#include "rows.h"

namespace recorrente::RECORRENTE_SIMD {

// The first `columns` of as many rows as a vector has lanes, turned: element (row, column) goes to to[column * stride + row].
// A null row is zeros.
template <class T, int L>
[[gnu::noinline]] void transpose_rows(const T* const (&row)[L], std::int64_t columns, T* to, std::int64_t stride) {
  static_assert(L == kLanes<T>);
  for (std::int64_t column = 0; column < columns; column += L) {
    const std::int64_t left = columns - column;
    Vec<T> square[L];
    for (int i = 0; i < L; ++i) square[i] = row[i] ? load_up_to(row[i] + column, left) : Vec<T>{};
    transpose<T>(square);
    for (int i = 0; i < L && i < left; ++i) store(to + (column + i) * stride, square[i]);
  }
}

// The same for the first n rows that row_of(i) finds; those from n on are zeros.
template <class T, class RowOf>
void transpose_rows(RowOf row_of, std::int64_t n, std::int64_t columns, T* to, std::int64_t stride) {
  const T* row[kLanes<T>];
  for (int i = 0; i < kLanes<T>; ++i) row[i] = i < n ? row_of(i) : nullptr;
  transpose_rows(row, columns, to, stride);
}

// A matrix turned, square by square; nothing beyond it is touched.
template <class T>
void turn_matrix(std::int64_t rows, std::int64_t columns, const T* from, std::int64_t from_row, T* to, std::int64_t to_row) {
  constexpr int L = kLanes<T>;
  for (std::int64_t row = 0; row < rows; row += L)
    for (std::int64_t column = 0; column < columns; column += L) {
      Vec<T> square[L];
      for (int i = 0; i < L; ++i)
        square[i] = row + i < rows ? load_up_to(from + (row + i) * from_row + column, columns - column) : Vec<T>{};
      transpose<T>(square);
      for (int i = 0; i < L && column + i < columns; ++i) store_up_to(to + (column + i) * to_row + row, square[i], rows - row);
    }
}

// One block of forward panel, so many vectors of units from `first` on: k-major, for each k the gates side by side.
// (k, G, vectors * lanes) from (G*H, columns)
template <class T, int G>
void pack_forward(const T* weight, const int (&gate)[G], std::int64_t H, std::int64_t columns, std::int64_t first, int vectors, T* panel) {
  constexpr int L = kLanes<T>;
  for (int g = 0; g < G; ++g)
    for (int u = 0; u < vectors; ++u) {
      const std::int64_t unit = first + u * L;
      const auto row = [&](int i) { return weight + (gate[g] * H + unit + i) * columns; };
      transpose_rows(row, H - unit, columns, panel + (g * vectors + u) * L, G * vectors * L);
    }
}

// One block of backward panel: the same matrix, read the other way.  // (G, units, columns) from (G*H, columns_total)
template <class T, int G>
void pack_backward(const T* weight, const int (&gate)[G], std::int64_t H, std::int64_t units, std::int64_t columns_total,
                   std::int64_t block, T* panel) {
  const std::int64_t N = vectors_of<T, kColumns>(block, columns_total) * kLanes<T>, column = block * kColumns * kLanes<T>;
  const std::int64_t width = columns_total - column < N ? columns_total - column : N;
  for (int g = 0; g < G; ++g)
    for (std::int64_t unit = 0; unit < units; ++unit, panel += N) {
      const T* row = weight + (gate[g] * H + unit) * columns_total + column;
      for (std::int64_t i = 0; i < N; ++i) panel[i] = unit < H && i < width ? row[i] : T(0);
    }
}

// `multiply` where the last of all blocks may be narrow: blocks [block, end) of so many columns, from a row of the panels on.
template <class T, int G, int U>
void multiply_narrowing(std::int64_t n, const T* const* a, T* const* out, std::int64_t block, std::int64_t end, std::int64_t columns,
                        Product<T> m, std::int64_t row = 0) {
  constexpr int N = U * kLanes<T>;
  const bool narrow = U > 1 && block < end && vectors_of<T, U>(end - 1, columns) == 1;
  const T* panel = m.panel;
  m.panel = panel + row * G * N;
  multiply<T, G, U>(n, a, out, block, narrow ? end - 1 : end, m);
  if (!narrow) return;
  m.panel = panel + (end - 1) * m.panel_stride + row * G * kLanes<T>, m.offset += (end - 1) * N;
  if (m.start) m.start += (end - 1) * G * N;
  multiply<T, G, 1>(n, a, out, 0, 1, m);
}

// The same with backward panels.
template <class T>
void multiply_columns(std::int64_t n, const T* const* a, T* const* out, std::int64_t block, std::int64_t end, std::int64_t columns,
                      const Product<T>& m, std::int64_t row = 0) {
  multiply_narrowing<T, 1, kColumns>(n, a, out, block, end, columns, m, row);
}

// One bias vector a block for the input product, summed with the state's where both meet.  // (G, vectors * lanes)
template <class Cell, class T>
void pack_bias(const Weights& w, std::int64_t H, std::int64_t first, int vectors, T* to) {
  const int N = vectors * kLanes<T>;
  const T *from_input = static_cast<const T*>(w.bias_ih), *from_state = static_cast<const T*>(w.bias_hh);
  for (int slot = 0; slot < Cell::kGates; ++slot)
    for (int lane = 0; lane < N; ++lane) {
      const std::int64_t unit = first + lane, i = Cell::kInputGate[slot] * H + unit;
      const bool shared = Layout<Cell, T>::state_gate(slot) >= 0;
      T bias = unit < H && from_input ? from_input[i] : T(0);
      if (unit < H && from_state && shared) bias += from_state[i];
      to[slot * N + lane] = bias;
    }
}

// (kPeepholes, units) from (kPeepholes, H).
template <class Cell, class T>
void pack_peepholes(const T* from, std::int64_t H, std::int64_t units, T* to) {
  for (int i = 0; i < Cell::kPeepholes; ++i) copy_padded(from + i * H, H, to + i * units, units);
}

// What the slot after the input's starts from: the state's bias of the gate that the input does not reach.  // (vectors * lanes)
template <class Cell, class T>
void pack_constant(const Weights& w, std::int64_t H, std::int64_t first, int vectors, T* to) {
  const T* bias = static_cast<const T*>(w.bias_hh);
  for (int lane = 0; lane < vectors * kLanes<T>; ++lane) {
    const std::int64_t unit = first + lane;
    to[lane] = bias && unit < H ? bias[Cell::kStateGate[Cell::kGates - 1] * H + unit] : T(0);
  }
}

}  // namespace recorrente::RECORRENTE_SIMD
