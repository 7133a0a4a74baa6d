// What one thread of a team does of a sweep: lanes of rows and blocks of units, and its slice of the pointer arrays.
#pragma once

#include "rows.h"
#include "team.h"

namespace recorrente::RECORRENTE_SIMD {

struct Part {
  Part(const Problem& p, const Steps& steps, Team team, int thread, int threads)
      : thread(thread), threads(threads), by_units(team.path == Path::units && threads > 1),
        own(share_of(p.B, !p.lengths, thread, threads)),
        lanes(by_units ? Share{0, 1, steps.lanes()} : share_of(steps.lanes(), !p.lengths, thread, threads)),
        first_lane(by_units ? thread * steps.lanes() : share_of(steps.lanes(), true, thread, threads).first) {}

  // After a broken team: thread 0 goes on with every block, the others are done. Returns whether this thread goes on.
  bool take_over() {
    by_units = false;
    return thread == 0;
  }

  // Calls sweep(lanes) for groups of the lanes of this thread, one after the other through all of time: what a step leaves of
  // a group is then still near when the step goes on with it. Rows that need far weights, or meet at every step, stay together.
  template <class Sweep>
  void each_group(bool far, const Sweep& sweep) const {
    const std::int64_t groups = by_units || far ? 1 : lanes.count / kRowsTogether;
    if (groups < 2) return sweep(lanes);
    for (std::int64_t g = 0; g < groups; ++g) {
      const Range group = part_of(lanes.count, g, groups);
      sweep(Share{lanes.position(group.first), lanes.stride, group.end - group.first});
    }
  }

  // Of n blocks, those of this thread.
  Range blocks(std::int64_t n) const { return by_units ? part_of(n, thread, threads) : Range{0, n}; }

  int thread, threads;
  bool by_units;            // threads share every step of every row, and meet after it
  Share own;                // positions of rows that this thread begins and ends
  Share lanes;              // what it sweeps
  std::int64_t first_lane;  // how many lanes the threads before it sweep

 private:
  static constexpr std::int64_t kRowsTogether = 96;  // at least
};

// Cuts arrays of pointers from a slice of memory.
class PointerSlice {
 public:
  explicit PointerSlice(void** next) : next_(next) {}

  template <class P>
  void take(P*& array, std::int64_t count) {
    static_assert(std::is_pointer_v<P>);
    array = (P*)next_;
    next_ += count;
  }

 private:
  void** next_;
};

// How many lanes' pointers a team needs.
inline std::int64_t pointer_lanes(const Steps& steps, Team team) { return steps.lanes() * (team.path == Path::units ? team.threads : 1); }

}  // namespace recorrente::RECORRENTE_SIMD
