#include "steps.h"

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

Steps::Steps(const Problem& p, Arena& arena) : B_(p.B), count_(longest(p)) {
  if (!p.lengths) return;
  order_ = arena.take<std::int64_t>(p.B);
  rows_ = arena.take<std::int64_t>(count_);
  first_ = arena.take<std::int64_t>(count_ + 1);
  if (order_) sort(p);
}

// A counting sort; rows of equal length keep their order.
void Steps::sort(const Problem& p) {
  for (std::int64_t s = 0; s < count_; ++s) rows_[s] = 0;
  for (std::int64_t b = 0; b < p.B; ++b)
    if (p.lengths[b] > 0) ++rows_[p.lengths[b] - 1];
  for (std::int64_t s = count_ - 2; s >= 0; --s) rows_[s] += rows_[s + 1];
  // first_[L] is for now the next free position among the rows of length L: as many as there are longer rows.
  for (std::int64_t L = 0; L <= count_; ++L) first_[L] = L < count_ ? rows_[L] : 0;
  for (std::int64_t b = 0; b < p.B; ++b) order_[first_[p.lengths[b]]++] = b;
  first_[0] = 0;
  for (std::int64_t s = 0; s < count_; ++s) first_[s + 1] = first_[s] + rows_[s];
}

Share share_rows(const Problem& p, std::int64_t index, std::int64_t parts) {
  const std::int64_t larger = p.B % parts, count = p.B / parts + (index < larger ? 1 : 0);
  if (p.lengths) return {index, parts, count};
  return {index * (p.B / parts) + (index < larger ? index : larger), 1, count};
}

}  // namespace recorrente
