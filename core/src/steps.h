// Which rows of the batch take part in which step, and when a sweep comes to them. Knows no arithmetic.
//
// A sweep goes by ticks, and has lanes. A lane reads rows one after the other, each from its own first step to its own last one,
// and no tick between: so as many rows as fit are worked on at once until the end, however unlike they are in length. Threads
// that share rows have a part of them each: rows that lie side by side in the caller's memory, for a core that reads ahead takes
// its neighbour's rows away from the core that writes them. A part's lanes are in order of what they read, longest first. Where
// all rows have T steps, a lane is a row.
//
// What is kept of a row's steps lies in a run of places, step by step; where all have T steps, a few rows share a run, side by side
// in each step: so threads are far apart here, too.
//
// Sums over all N valid steps go from step to step, and in a step from the longest row to the shortest, whatever the parts are.
//
// Only what is always inlined is inline: the targets of the sweep must not leave copies of it for each other.
#pragma once

#include "arena.h"
#include "problem.h"

namespace recorrente {

// A row of the batch at one of its own steps.
struct RowStep {
  std::int64_t batch, step;
};

// A run of rows or of lanes: first, first + 1, ...
struct Share {
  std::int64_t first, count;

  [[gnu::always_inline]] std::int64_t position(std::int64_t j) const { return first + j; }
};

// Part `index` of `parts` of n.
Share share_of(std::int64_t n, std::int64_t index, std::int64_t parts);

class Steps {
 public:
  // The number of valid steps N, of steps of the longest row, and of the lanes that those would fill.
  static std::int64_t total(const Problem& problem);
  static std::int64_t longest(const Problem& problem);
  static std::int64_t lanes(const Problem& problem);

  // Takes its arrays from the arena, and fills them if the arena has memory.
  Steps(const Problem& problem, std::int64_t parts, Arena& arena);

  [[gnu::always_inline]] bool alike() const { return !order_; }          // whether all rows have T steps
  [[gnu::always_inline]] std::int64_t count() const { return count_; }  // steps of the longest row
  [[gnu::always_inline]] std::int64_t first(std::int64_t s) const { return order_ ? first_[s] : s * B_; }  // how many come before step s
  [[gnu::always_inline]] std::int64_t batch(std::int64_t position) const { return order_ ? order_[position] : position; }  // in a step
  [[gnu::always_inline]] std::int64_t place(const RowStep& row) const {
    if (order_) return start_[row.batch] + row.step;
    const std::int64_t first = row.batch / kSideBySide * kSideBySide, rows = B_ - first < kSideBySide ? B_ - first : kSideBySide;
    return first * count_ + row.step * rows + row.batch - first;
  }

  [[gnu::always_inline]] std::int64_t parts() const { return parts_; }
  [[gnu::always_inline]] std::int64_t row(std::int64_t i) const { return order_ ? rows_[i] : i; }  // part by part
  Share rows_of(std::int64_t part) const;
  Share lanes_of(std::int64_t part) const;
  [[gnu::always_inline]] std::int64_t most_lanes() const { return B_; }
  [[gnu::always_inline]] std::int64_t ticks(std::int64_t lane) const { return order_ ? ends_[lane_first_[lane + 1] - 1] : count_; }

  // What a lane reads at a tick. `cursor`: a guess of where that is among its rows, which is mended; 0 is one.
  [[gnu::always_inline]] RowStep at(std::int64_t lane, std::int64_t tick, std::int64_t& cursor) const {
    return order_ ? find(lane, tick, cursor) : RowStep{lane, tick};
  }

 private:
  static constexpr std::int64_t kSideBySide = 4;  // rows of a run

  // Memory while the arrays are filled: the part of each row, and the lane of each position; how many rows have each step; what
  // each part and each lane of a part reads; those lanes in some order.
  struct Scratch {
    std::int64_t *belongs, *lane_of, *rows, *load, *read, *order;
  };
  void sort(const Problem& problem, const Scratch& scratch);
  void part_rows(const Problem& problem, const Scratch& scratch);
  void even_out(const Problem& problem, const Scratch& scratch);
  std::int64_t most_ticks_16() const { return 17 * count_; }  // of a lane, in sixteenths: fewer lanes, and fuller, pay for a few more
  std::int64_t rows_with_steps() const { return count_ > 0 ? first_[1] : 0; }
  std::int64_t deal(const Problem& problem, std::int64_t part, std::int64_t lanes, const Scratch& scratch);
  void fill_lanes(const Problem& problem, std::int64_t part, const Scratch& scratch);
  RowStep find(std::int64_t lane, std::int64_t tick, std::int64_t& cursor) const;

  std::int64_t B_, count_, parts_;
  std::int64_t *order_ = nullptr, *first_ = nullptr, *start_ = nullptr;  // (B), (count + 1), (B); null: equal lengths
  std::int64_t *rows_ = nullptr, *part_rows_ = nullptr, *part_lanes_ = nullptr;  // (B); (parts + 1): where a part's rows and lanes begin
  std::int64_t *lane_first_ = nullptr, *lane_rows_ = nullptr, *ends_ = nullptr;  // (B + 1), (B) rows, (B) the tick after each
};

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
  [[gnu::always_inline]] std::int64_t active(std::int64_t tick) {
    return steps_->alike() ? (tick < steps_->count() ? share_.count : 0) : find_active(tick);
  }

 private:
  std::int64_t find_active(std::int64_t tick);

  const Steps* steps_;
  Share share_;
  std::int64_t active_, *cursors_;
};

}  // namespace recorrente
