#include "steps.h"

#include <algorithm>

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

// As many as are needed for all rows to be read in little more ticks than the longest row has, and as many for each thread.
std::int64_t Steps::lanes(const Problem& p) {
  if (!p.lengths) return p.B;
  const std::int64_t L = longest(p), wanted = L > 0 ? (total(p) + L - 1) / L : 0;
  std::int64_t rows = 0;
  for (std::int64_t b = 0; b < p.B; ++b) rows += p.lengths[b] > 0;
  return std::min(rows, (wanted + p.threads - 1) / p.threads * p.threads);
}

Steps::Steps(const Problem& p, Arena& arena) : B_(p.B), count_(longest(p)), lanes_(lanes(p)) {
  if (!p.lengths) return;
  order_ = arena.take<std::int64_t>(p.B), first_ = arena.take<std::int64_t>(count_ + 1);
  lane_first_ = arena.take<std::int64_t>(lanes_ + 1);
  lane_rows_ = arena.take<std::int64_t>(p.B), ends_ = arena.take<std::int64_t>(p.B);
  std::int64_t *const rows = arena.take<std::int64_t>(count_), *const lane_of = arena.take<std::int64_t>(p.B);
  std::int64_t *const read = arena.take<std::int64_t>(lanes_), *const lane_order = arena.take<std::int64_t>(lanes_);
  if (order_) sort(p, rows), fill_lanes(p, lane_of, read, lane_order);
}

// A counting sort; rows of equal length keep their order. `rows`: (count), of each step.
void Steps::sort(const Problem& p, std::int64_t* rows) {
  for (std::int64_t s = 0; s < count_; ++s) rows[s] = 0;
  for (std::int64_t b = 0; b < p.B; ++b)
    if (p.lengths[b] > 0) ++rows[p.lengths[b] - 1];
  for (std::int64_t s = count_ - 2; s >= 0; --s) rows[s] += rows[s + 1];
  // first_[L] is for now the next free position among the rows of length L: as many as there are longer rows.
  for (std::int64_t L = 0; L <= count_; ++L) first_[L] = L < count_ ? rows[L] : 0;
  for (std::int64_t b = 0; b < p.B; ++b) order_[first_[p.lengths[b]]++] = b;
  first_[0] = 0;
  for (std::int64_t s = 0; s < count_; ++s) first_[s + 1] = first_[s] + rows[s];
}

// Each row that has steps, the longest first, goes to the lane that has least to read. Room to work in: `lane_of` (B), of each
// row; `read` (lanes), so far; `order` (lanes).
void Steps::fill_lanes(const Problem& p, std::int64_t* lane_of, std::int64_t* read, std::int64_t* order) {
  const std::int64_t rows = count_ > 0 ? first_[1] : 0;
  const auto reads_more = [read](std::int64_t a, std::int64_t b) { return read[a] > read[b]; };
  std::int64_t *const heap = order, *const heap_end = heap + lanes_;  // the lane that has least on top
  for (std::int64_t lane = 0; lane < lanes_; ++lane) read[lane] = 0, heap[lane] = lane;
  for (std::int64_t row = 0; row < rows; ++row) {
    std::pop_heap(heap, heap_end, reads_more);
    lane_of[row] = heap_end[-1];
    read[heap_end[-1]] += p.lengths[order_[row]];
    std::push_heap(heap, heap_end, reads_more);
  }
  std::sort(heap, heap_end, reads_more);
  std::int64_t* const rank = read;  // the lane that reads most comes first
  for (std::int64_t i = 0; i < lanes_; ++i) rank[order[i]] = i;
  for (std::int64_t i = 0; i <= lanes_; ++i) lane_first_[i] = 0;
  for (std::int64_t row = 0; row < rows; ++row) lane_of[row] = rank[lane_of[row]], ++lane_first_[lane_of[row] + 1];
  for (std::int64_t i = 0; i < lanes_; ++i) lane_first_[i + 1] += lane_first_[i], order[i] = lane_first_[i];
  std::int64_t* const next = order;  // free place of each lane
  for (std::int64_t row = 0; row < rows; ++row) {
    const std::int64_t lane = lane_of[row], k = next[lane]++;
    lane_rows_[k] = row, ends_[k] = p.lengths[order_[row]] + (k > lane_first_[lane] ? ends_[k - 1] : 0);
  }
}

RowStep Steps::find(std::int64_t lane, std::int64_t tick, std::int64_t& cursor) const {
  const std::int64_t first = lane_first_[lane];
  std::int64_t k = first + cursor;
  while (tick >= ends_[k]) ++k;
  while (k > first && tick < ends_[k - 1]) --k;
  cursor = k - first;
  return {lane_rows_[k], order_[lane_rows_[k]], k > first ? tick - ends_[k - 1] : tick};
}

Share share_of(std::int64_t n, bool equal, std::int64_t index, std::int64_t parts) {
  const std::int64_t larger = n % parts, count = n / parts + (index < larger ? 1 : 0);
  if (!equal) return {index, parts, count};
  return {index * (n / parts) + (index < larger ? index : larger), 1, count};
}

Lanes::Lanes(const Steps& steps, Share share, std::int64_t* cursors)
    : steps_(&steps), share_(share), active_(share.count), cursors_(cursors) {
  for (std::int64_t j = 0; j < share.count; ++j) cursors[j] = 0;
}

std::int64_t Lanes::active(std::int64_t tick) {
  while (active_ > 0 && steps_->ticks(number(active_ - 1)) <= tick) --active_;
  while (active_ < share_.count && steps_->ticks(number(active_)) > tick) ++active_;
  return active_;
}

}  // namespace recorrente
