// Which rows of the batch take part in which step. Rows are put in order of length, longest first, so that the rows of a
// step are always a prefix; (step, position) counts through the N valid steps without holes. Knows no arithmetic.
#pragma once

#include "arena.h"
#include "problem.h"

namespace recorrente {

class Steps {
 public:
  // The number of valid steps N, and of steps of the longest row, without building anything.
  static std::int64_t total(const Problem& problem);
  static std::int64_t longest(const Problem& problem);

  // Takes its arrays from the arena, and fills them if the arena has memory.
  Steps(const Problem& problem, Arena& arena);

  std::int64_t count() const { return count_; }                                        // steps of the longest row
  std::int64_t rows(std::int64_t s) const { return s >= count_ ? 0 : order_ ? rows_[s] : B_; }
  std::int64_t first(std::int64_t s) const { return order_ ? first_[s] : s * B_; }     // index of (s, position 0)
  std::int64_t batch(std::int64_t position) const { return order_ ? order_[position] : position; }

 private:
  void sort(const Problem& problem);

  std::int64_t B_, count_;
  std::int64_t *order_ = nullptr, *rows_ = nullptr, *first_ = nullptr;  // (B), (count), (count + 1); null: equal lengths
};

// Part of the rows: positions first, first + stride, ...; `count` of them in step 0.
struct Share {
  std::int64_t first, stride, count;

  std::int64_t position(std::int64_t j) const { return first + j * stride; }

  // How many of these are among the first `rows` positions.
  std::int64_t active(std::int64_t rows) const {
    if (rows <= first) return 0;
    const std::int64_t n = (rows - first + stride - 1) / stride;
    return n < count ? n : count;
  }
};

// Part `index` of `parts`. Equal lengths are cut into runs; ragged ones are dealt out, so that all parts shrink alike.
Share share_rows(const Problem& problem, std::int64_t index, std::int64_t parts);

}  // namespace recorrente
