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

// The shares of a row's old h and c that stay; null where nothing is said.
template <class T>
struct Zones {
  const T *h = nullptr, *c = nullptr;

  Zones() = default;
  // Of units [first, end); made in `room`, 2 * units, where they are said in bytes.
  Zones(const Problem& p, const Regularisation& r, const RowStep& row, std::int64_t first, std::int64_t end, T* room, std::int64_t units) {
    const std::int64_t t = time_of(p, row), last = std::min(end, p.H);
    const auto of = [&](ConstSequence zone, T* made) -> const T* {
      if (!zone.data) return nullptr;
      if (!r.zone_bytes) return at<T>(zone, t, row.batch);
      const std::uint8_t* stays = at<std::uint8_t>(zone, t, row.batch);
      for (std::int64_t i = first; i < last; ++i) made[i] = static_cast<T>(stays[i]);
      return made;
    };
    h = of(r.zone_h, room), c = of(r.zone_c, room + units);
  }
};

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
  if (n >= kLanes<T>) return v;
  return n > 0 ? partial(v, n) : Vec<T>{};
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

// Where a row of a batch of several lengths lies so many steps later, to be brought near before it is asked for: what hardware
// does by itself where rows lie side by side. Null past its ends.
template <class T, class Where>
auto ahead(const Problem& p, Where s, const RowStep& row, std::int64_t steps) -> decltype(at<T>(s, 0, 0)) {
  if (!p.lengths || !s.data) return nullptr;
  const std::int64_t step = row.step + steps, L = p.lengths[row.batch];
  return step >= 0 && step < L ? at<T>(s, time_of(p, step, L), row.batch) : nullptr;
}

// Cache lines on their way to the second level.
template <class T>
void bring_near(const T* from, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i += 64 / static_cast<std::int64_t>(sizeof(T))) __builtin_prefetch(from + i, 0, 2);
}

// Units [unit, end) of so many slots of a row on their way to the first level, to be written: what is kept of a row's steps lies
// too far apart for hardware to read ahead. Null is no row.
template <int kSlots, class T>
void bring_slots(T* row, std::int64_t unit, std::int64_t end, std::int64_t units) {
  constexpr std::int64_t kLine = 64 / static_cast<std::int64_t>(sizeof(T));
  if (!row) return;
  for (unit = (unit + kLine - 1) / kLine * kLine; unit < end; unit += kLine)
    for (int i = 0; i < kSlots; ++i) __builtin_prefetch(row + i * units + unit, 1);
}

template <class T>
void clear_row(T* to, std::int64_t n, bool far) {
  std::int64_t i = 0;
  if (far) {
    while (i < n && reinterpret_cast<std::uintptr_t>(to + i) % kVectorBytes != 0) to[i++] = 0;
    for (; i + kLanes<T> <= n; i += kLanes<T>) stream(to + i, Vec<T>{});
  }
  std::fill_n(to + i, n - i, T(0));
}

// Zeros past the ends of some rows: in the order of memory, for a row of its own lies on as many pages; and past the caches
// where those would not hold it all, for memory is then not read before it is written.
template <class T>
void clear_past_ends(const Problem& p, const Steps& steps, Share rows, Sequence s, std::int64_t columns) {
  if (!p.lengths) return;
  const bool far = p.T * p.B * columns * static_cast<std::int64_t>(sizeof(T)) > kCachedBytes;
  for (std::int64_t t = 0; t < p.T; ++t)
    for (std::int64_t j = 0; j < rows.count; ++j)
      if (const std::int64_t b = steps.row(rows.position(j)); t >= p.lengths[b]) clear_row(at<T>(s, t, b), columns, far);
  settle();
}

// As many steps as give the products of the input enough rows to run at the speed of arithmetic, not of the weights.
inline std::int64_t steps_at_once(std::int64_t rows) { return rows >= 24 || rows == 0 ? 1 : (48 + rows - 1) / rows; }

}  // namespace recorrente::RECORRENTE_SIMD
