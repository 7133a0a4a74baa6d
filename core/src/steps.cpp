#include "steps.h"

#include <algorithm>
#include <cstdlib>

namespace recorrente {

std::int64_t Steps::total(const Problem& p) {
  if (!p.lengths) return p.T * p.B;
  std::int64_t total = 0;
  for (std::int64_t b = 0; b < p.B; ++b) total += p.lengths[b];
  return total;
}

std::int64_t Steps::longest(const Problem& p) {
  if (!p.lengths) return p.B > 0 ? p.T : 0;
  std::int64_t longest = 0;
  for (std::int64_t b = 0; b < p.B; ++b)
    if (p.lengths[b] > longest) longest = p.lengths[b];
  return longest;
}

std::int64_t Steps::lanes(const Problem& p) {
  if (!p.lengths) return p.B;
  const std::int64_t L = longest(p);
  return L > 0 ? (total(p) + L - 1) / L : 0;
}

Steps::Steps(const Problem& p, std::int64_t parts, Arena& arena)
    : B_(p.B), count_(longest(p)), parts_(parts) {
  if (!p.lengths) return;
  order_ = arena.take<std::int64_t>(p.B), first_ = arena.take<std::int64_t>(count_ + 1), start_ = arena.take<std::int64_t>(p.B);
  rows_ = arena.take<std::int64_t>(p.B);
  part_rows_ = arena.take<std::int64_t>(parts + 1), part_lanes_ = arena.take<std::int64_t>(parts + 1);
  lane_first_ = arena.take<std::int64_t>(p.B + 1);
  lane_rows_ = arena.take<std::int64_t>(p.B), ends_ = arena.take<std::int64_t>(p.B);
  Scratch scratch;
  scratch.belongs = arena.take<std::int64_t>(p.B), scratch.lane_of = arena.take<std::int64_t>(p.B);
  scratch.rows = arena.take<std::int64_t>(count_), scratch.load = arena.take<std::int64_t>(parts);
  scratch.read = arena.take<std::int64_t>(p.B), scratch.order = arena.take<std::int64_t>(p.B);
  if (!order_) return;
  sort(p, scratch);
  part_rows(p, scratch);
  part_lanes_[0] = 0, lane_first_[0] = 0;
  for (std::int64_t part = 0; part < parts; ++part) fill_lanes(p, part, scratch);
}

// A counting sort; rows of equal length keep their order.
void Steps::sort(const Problem& p, const Scratch& scratch) {
  std::int64_t* const rows = scratch.rows;
  for (std::int64_t s = 0; s < count_; ++s) rows[s] = 0;
  for (std::int64_t b = 0; b < p.B; ++b) {
    start_[b] = b > 0 ? start_[b - 1] + p.lengths[b - 1] : 0;
    if (p.lengths[b] > 0) ++rows[p.lengths[b] - 1];
  }
  for (std::int64_t s = count_ - 2; s >= 0; --s) rows[s] += rows[s + 1];
  // first_[L] is for now the next free position among the rows of length L: as many as there are longer rows.
  for (std::int64_t L = 0; L <= count_; ++L) first_[L] = L < count_ ? rows[L] : 0;
  for (std::int64_t b = 0; b < p.B; ++b) order_[first_[p.lengths[b]]++] = b;
  first_[0] = 0;
  for (std::int64_t s = 0; s < count_; ++s) first_[s + 1] = first_[s] + rows[s];
}

// Runs of rows that have as many steps as each other, but for a few that go elsewhere to even them out.
void Steps::part_rows(const Problem& p, const Scratch& scratch) {
  const std::int64_t N = first_[count_];
  for (std::int64_t part = 0; part < parts_; ++part) scratch.load[part] = 0, part_rows_[part + 1] = 0;
  for (std::int64_t b = 0; b < B_; ++b) {
    const std::int64_t middle = 2 * start_[b] + p.lengths[b], part = N > 0 ? std::min(middle * parts_ / (2 * N), parts_ - 1) : 0;
    scratch.belongs[b] = part, scratch.load[part] += p.lengths[b];
  }
  even_out(p, scratch);
  for (std::int64_t b = 0; b < B_; ++b) ++part_rows_[scratch.belongs[b] + 1];
  part_rows_[0] = 0;
  for (std::int64_t part = 0, i = 0; part < parts_; ++part) {
    part_rows_[part + 1] += part_rows_[part];
    for (std::int64_t b = 0; b < B_; ++b)
      if (scratch.belongs[b] == part) rows_[i++] = b;
  }
}

// While the fullest part has a sixteenth of what a part should have more than the emptiest: of its rows, the one that evens
// those two out best goes over.
void Steps::even_out(const Problem& p, const Scratch& scratch) {
  for (std::int64_t moves = 0; moves < B_; ++moves) {
    const auto [least, most] = std::minmax_element(scratch.load, scratch.load + parts_);
    const std::int64_t gap = *most - *least, full = most - scratch.load;
    if (16 * gap * parts_ <= first_[count_]) return;
    std::int64_t best = -1, left = gap;  // between the two after the move
    for (std::int64_t b = 0; b < B_; ++b) {
      const std::int64_t after = std::abs(gap - 2 * p.lengths[b]);
      if (scratch.belongs[b] == full && after < left) best = b, left = after;
    }
    if (best < 0) return;
    scratch.belongs[best] = least - scratch.load;
    *most -= p.lengths[best], *least += p.lengths[best];
  }
}

// Each row of the part that has steps, the longest first, goes to the lane that has least to read: `lane_of` its position, `order`
// a heap of the lanes. Returns how many of them are left with more than they may have.
std::int64_t Steps::deal(const Problem& p, std::int64_t part, std::int64_t lanes, const Scratch& scratch) {
  std::int64_t *const read = scratch.read, *const heap = scratch.order;
  const auto reads_more = [read](std::int64_t a, std::int64_t b) { return read[a] > read[b]; };  // on top of the heap: the least
  for (std::int64_t lane = 0; lane < lanes; ++lane) read[lane] = 0, heap[lane] = lane;
  for (std::int64_t position = 0; position < rows_with_steps(); ++position) {
    const std::int64_t b = order_[position];
    if (scratch.belongs[b] != part) continue;
    std::pop_heap(heap, heap + lanes, reads_more);
    scratch.lane_of[position] = heap[lanes - 1];
    read[heap[lanes - 1]] += p.lengths[b];
    std::push_heap(heap, heap + lanes, reads_more);
  }
  std::sort(heap, heap + lanes, reads_more);
  return std::count_if(read, read + lanes, [&](std::int64_t steps) { return 16 * steps > most_ticks_16(); });
}

// The fewest lanes that read the part in little more ticks than the longest row of all has, the one that reads most first.
void Steps::fill_lanes(const Problem& p, std::int64_t part, const Scratch& scratch) {
  const std::int64_t first_lane = part_lanes_[part];
  const auto is_of_part = [&](std::int64_t position) { return scratch.belongs[order_[position]] == part; };
  std::int64_t rows = 0;
  for (std::int64_t position = 0; position < rows_with_steps(); ++position) rows += is_of_part(position);
  std::int64_t lanes = rows > 0 ? std::min(rows, (16 * scratch.load[part] + most_ticks_16() - 1) / most_ticks_16()) : 0;
  for (std::int64_t full; (full = deal(p, part, lanes, scratch)) > 0 && lanes < rows;) lanes = std::min(rows, lanes + full);
  part_lanes_[part + 1] = first_lane + lanes;

  std::int64_t *const rank = scratch.read, *const next = scratch.order, *const begin = lane_first_ + first_lane;
  for (std::int64_t i = 0; i < lanes; ++i) rank[scratch.order[i]] = i, begin[i + 1] = 0;
  for (std::int64_t position = 0; position < rows_with_steps(); ++position)
    if (is_of_part(position)) scratch.lane_of[position] = rank[scratch.lane_of[position]], ++begin[scratch.lane_of[position] + 1];
  for (std::int64_t i = 0; i < lanes; ++i) begin[i + 1] += begin[i], next[i] = begin[i];  // the free place of each lane
  for (std::int64_t position = 0; position < rows_with_steps(); ++position) {
    if (!is_of_part(position)) continue;
    const std::int64_t lane = scratch.lane_of[position], k = next[lane]++, b = order_[position];
    lane_rows_[k] = b, ends_[k] = p.lengths[b] + (k > begin[lane] ? ends_[k - 1] : 0);
  }
}

RowStep Steps::find(std::int64_t lane, std::int64_t tick, std::int64_t& cursor) const {
  const std::int64_t first = lane_first_[lane];
  std::int64_t k = first + cursor;
  while (tick >= ends_[k]) ++k;
  while (k > first && tick < ends_[k - 1]) --k;
  cursor = k - first;
  return {lane_rows_[k], k > first ? tick - ends_[k - 1] : tick};
}

Share Steps::rows_of(std::int64_t part) const {
  return order_ ? Share{part_rows_[part], part_rows_[part + 1] - part_rows_[part]} : share_of(B_, part, parts_);
}

Share Steps::lanes_of(std::int64_t part) const {
  return order_ ? Share{part_lanes_[part], part_lanes_[part + 1] - part_lanes_[part]} : share_of(B_, part, parts_);
}

Share share_of(std::int64_t n, std::int64_t index, std::int64_t parts) {
  const std::int64_t larger = n % parts;
  return {index * (n / parts) + std::min(index, larger), n / parts + (index < larger ? 1 : 0)};
}

Lanes::Lanes(const Steps& steps, Share share, std::int64_t* cursors)
    : steps_(&steps), share_(share), active_(share.count), cursors_(cursors) {
  for (std::int64_t j = 0; j < share.count; ++j) cursors[j] = 0;
}

std::int64_t Lanes::find_active(std::int64_t tick) {
  while (active_ > 0 && steps_->ticks(number(active_ - 1)) <= tick) --active_;
  while (active_ < share_.count && steps_->ticks(number(active_)) > tick) ++active_;
  return active_;
}

}  // namespace recorrente
