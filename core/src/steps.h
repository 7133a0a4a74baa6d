// Which rows of the batch take part in which step, and when a sweep comes to them. Knows no arithmetic.
//
// Rows are put in order of length, longest first, so that the rows of a step are always a prefix; (step, position) counts
// through the N valid steps without holes, and says where a step of a row is kept.
//
// A sweep goes by ticks instead, and has lanes. A lane reads rows one after the other, each from its own first step to its
// own last one, and no tick between: so as many rows as fit are worked on at once until the end, however unlike they are in
// length. Lanes are in order of what they read, longest first. Where all rows have T steps, lanes, rows and positions are one.
//
// Only what is always inlined is inline: the targets of the sweep must not leave copies of it for each other.
#pragma once

#include "arena.h"
#include "problem.h"

namespace recorrente {

// A row of the batch at one of its own steps.
struct RowStep {
  std::int64_t position, batch, step;
};

class Steps {
 public:
  // The number of valid steps N, of steps of the longest row, and of lanes, without building anything.
  static std::int64_t total(const Problem& problem);
  static std::int64_t longest(const Problem& problem);
  static std::int64_t lanes(const Problem& problem);

  // Takes its arrays from the arena, and fills them if the arena has memory.
  Steps(const Problem& problem, Arena& arena);

  [[gnu::always_inline]] std::int64_t count() const { return count_; }  // steps of the longest row
  [[gnu::always_inline]] std::int64_t first(std::int64_t s) const { return order_ ? first_[s] : s * B_; }  // index of (s, position 0)
  [[gnu::always_inline]] std::int64_t batch(std::int64_t position) const { return order_ ? order_[position] : position; }
  [[gnu::always_inline]] std::int64_t lanes() const { return lanes_; }
  [[gnu::always_inline]] std::int64_t ticks(std::int64_t lane) const { return order_ ? ends_[lane_first_[lane + 1] - 1] : count_; }

  // What a lane reads at a tick. `cursor`: a guess of where that is among its rows, which is mended; 0 is one.
  [[gnu::always_inline]] RowStep at(std::int64_t lane, std::int64_t tick, std::int64_t& cursor) const {
    return order_ ? find(lane, tick, cursor) : RowStep{lane, lane, tick};
  }

 private:
  void sort(const Problem& problem, std::int64_t* rows);
  void fill_lanes(const Problem& problem, std::int64_t* lane_of, std::int64_t* read, std::int64_t* order);
  RowStep find(std::int64_t lane, std::int64_t tick, std::int64_t& cursor) const;

  std::int64_t B_, count_, lanes_;
  std::int64_t *order_ = nullptr, *first_ = nullptr;  // (B), (count + 1); null: equal lengths
  std::int64_t *lane_first_ = nullptr, *lane_rows_ = nullptr, *ends_ = nullptr;  // (lanes + 1), (B) positions, (B) the tick after each
};

// Part of the rows or of the lanes: first, first + stride, ...
struct Share {
  std::int64_t first, stride, count;

  [[gnu::always_inline]] std::int64_t position(std::int64_t j) const { return first + j * stride; }
};

// Part `index` of `parts` of n. What is equally long is cut into runs; what is not is dealt out, so that all parts are alike.
Share share_of(std::int64_t n, bool equal, std::int64_t index, std::int64_t parts);

// A thread's share of the lanes, along the ticks in one direction or the other.
class Lanes {
 public:
  // `cursors`: one for each lane of the share.
  Lanes(const Steps& steps, Share share, std::int64_t* cursors);

  [[gnu::always_inline]] std::int64_t count() const { return share_.count; }
  [[gnu::always_inline]] std::int64_t number(std::int64_t j) const { return share_.position(j); }
  [[gnu::always_inline]] std::int64_t ticks() const { return share_.count > 0 ? steps_->ticks(number(0)) : 0; }
  [[gnu::always_inline]] RowStep at(std::int64_t j, std::int64_t tick) { return steps_->at(number(j), tick, cursors_[j]); }

  // How many of them read something then: the first ones.
  std::int64_t active(std::int64_t tick);

 private:
  const Steps* steps_;
  Share share_;
  std::int64_t active_, *cursors_;
};

}  // namespace recorrente
