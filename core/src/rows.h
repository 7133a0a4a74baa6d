// Where a row of the caller's arrays lies at a step, and vectors that end before the array does.
#pragma once

#include <algorithm>

#include "layout.h"
#include "steps.h"

namespace recorrente::RECORRENTE_SIMD {

template <class T>
const T* at(ConstSequence s, std::int64_t t, std::int64_t b) {
  return static_cast<const T*>(s.data) + t * s.step + b * s.row;
}
template <class T>
T* at(Sequence s, std::int64_t t, std::int64_t b) {
  return static_cast<T*>(s.data) + t * s.step + b * s.row;
}
template <class T>
const T* at(ConstState s, std::int64_t b) {
  return static_cast<const T*>(s.data) + b * s.row;
}
template <class T>
T* at(State s, std::int64_t b) {
  return static_cast<T*>(s.data) + b * s.row;
}

// The t that a row reads and writes at this step of its own.
inline std::int64_t time_of(const Problem& p, const RowStep& row) { return time_of(p, row.step, length(p, row.batch)); }

// The mask of `drop` for gate g, in the order of the products, the second one's last.
template <class Cell, class T>
const T* mask_of(const Regularisation& r, std::int64_t b, int g) {
  const int states = static_cast<int>(std::size(Cell::kStateGate));
  return at<T>(r.drop, b) + (g < states ? Cell::kStateGate[g] : Cell::kSecondGate) * r.drop_gate;
}

// Null where the whole sequence is.
template <class T>
const T* row_of(ConstSequence s, std::int64_t t, std::int64_t b) {
  return s.data ? at<T>(s, t, b) : nullptr;
}

// `left` elements are there; the rest of the vector is zero, and is not written.
template <class T>
Vec<T> load_up_to(const T* from, std::int64_t left) {
  if (left >= kLanes<T>) return load(from);
  return left > 0 ? load_partial(from, left) : Vec<T>{};
}
template <class T>
void store_up_to(T* to, Vec<T> v, std::int64_t left) {
  if (left >= kLanes<T>) return store(to, v);
  if (left > 0) store_partial(to, v, left);
}

// The first n lanes, and zeros.
template <class T>
Vec<T> first_lanes(Vec<T> v, std::int64_t n) {
  T lanes[kLanes<T>];
  store(lanes, v);
  return load_up_to<T>(lanes, n);
}

// n elements into a row that is longer; null is zeros, and so are the rest.
template <class T>
void copy_padded(const T* from, std::int64_t n, T* to, std::int64_t padded) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = from ? from[i] : T(0);
  for (std::int64_t i = n; i < padded; ++i) to[i] = 0;
}

// Part `index` of `parts` of [0, n).
struct Range {
  std::int64_t first, end;
};
inline Range part_of(std::int64_t n, std::int64_t index, std::int64_t parts) {
  return {n * index / parts, n * (index + 1) / parts};
}

// Zeros past each row's end, at this thread's part of all t: in the order of memory, for a row of its own lies on as many pages.
template <class T>
void clear_past_ends(const Problem& p, Sequence s, std::int64_t columns, std::int64_t thread, std::int64_t threads) {
  if (!p.lengths) return;
  const Range mine = part_of(p.T, thread, threads);
  for (std::int64_t t = mine.first; t < mine.end; ++t)
    for (std::int64_t b = 0; b < p.B; ++b)
      if (t >= p.lengths[b]) std::fill_n(at<T>(s, t, b), columns, T(0));
}

// As many steps as give the products of the input enough rows to run at the speed of arithmetic, not of the weights.
inline std::int64_t steps_at_once(std::int64_t rows) { return rows >= 24 || rows == 0 ? 1 : (48 + rows - 1) / rows; }

}  // namespace recorrente::RECORRENTE_SIMD
