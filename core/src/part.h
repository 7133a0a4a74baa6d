// What one thread of a team does of a sweep: lanes of rows and blocks of units, and its slice of the pointer arrays.
#pragma once

#include "rows.h"
#include "team.h"

namespace recorrente::RECORRENTE_SIMD {

struct Part {
  Part(const Problem& p, const Steps& steps, Team team, int thread, int threads)
      : thread(thread), threads(threads), by_units(team.path == Path::units && threads > 1),
        parts(by_units ? Range{0, 1} : part_of(steps.parts(), thread, threads)), steps(&steps),
        own(by_units ? share_of(p.B, thread, threads) : together(&Steps::rows_of)), lanes(together(&Steps::lanes_of)),
        first_lane(by_units ? thread * steps.most_lanes() : lanes.first) {}

  // After a broken team: thread 0 goes on with every block, the others are done. Returns whether this thread goes on.
  bool take_over() {
    by_units = false;
    return thread == 0;
  }

  // Calls sweep(lanes) for groups of the lanes of this thread, one after the other through all of time: what a step leaves of
  // a group is then still near when the step goes on with it. Rows that need far weights, or meet at every step, stay together,
  // those of two parts never, which a thread has only where it stands in for others.
  template <class Sweep>
  void each_group(bool far, const Sweep& sweep) const {
    for (std::int64_t part = parts.first; part < parts.end; ++part) {
      const Share all = steps->lanes_of(part);
      const std::int64_t groups = by_units || far ? 1 : std::max<std::int64_t>(all.count / kRowsTogether, 1);
      for (std::int64_t g = 0; g < groups; ++g) {
        const Range group = part_of(all.count, g, groups);
        sweep(Share{all.position(group.first), group.end - group.first});
      }
    }
  }

  // Of n blocks, those of this thread.
  Range blocks(std::int64_t n) const { return by_units ? part_of(n, thread, threads) : Range{0, n}; }

  int thread, threads;
  bool by_units;            // threads share every step of every row, and meet after it
  Range parts;              // of the rows
  const Steps* steps;
  Share own;                // rows that this thread begins and ends
  Share lanes;              // what it sweeps
  std::int64_t first_lane;  // how many lanes the threads before it sweep

 private:
  static constexpr std::int64_t kRowsTogether = 96;  // at least

  // The rows or lanes of all parts.
  Share together(Share (Steps::*of)(std::int64_t) const) const {
    if (parts.first == parts.end) return {0, 0};
    const Share first = (steps->*of)(parts.first), last = (steps->*of)(parts.end - 1);
    return {first.first, last.first + last.count - first.first};
  }
};

// The packed weights of each product: the input's, the state's, and a second one of the state's.
template <class T>
struct Panels {
  T *input, *state, *second;
};

// Their memory. A few threads that share rows have each its own, where a second-level cache holds them: most of one for all would come
// from other cores, which packed it, and that takes longer than to pack it oneself.
template <class T>
class PanelMemory {
 public:
  PanelMemory(Arena& arena, Team team, bool far, std::int64_t input, std::int64_t state, std::int64_t second)
      : input_(input), state_(state), one_(input + state + second), copies_(team.path == Path::rows && !far && team.threads <= kFewThreads ? team.threads : 1),
        first_(arena.take<T>(copies_ * one_)) {}

  Panels<T> of(int thread) const {
    T* const own = first_ + (copies_ > 1 ? thread * one_ : 0);
    return {own, own + input_, own + input_ + state_};
  }

  // Of n blocks of each, those that a thread packs.
  Range packed_by(int thread, int threads, std::int64_t n) const { return copies_ > 1 ? Range{0, n} : part_of(n, thread, threads); }

 private:
  static constexpr int kFewThreads = 8;  // of more, each has little else to do, and all of them much to keep

  std::int64_t input_, state_, one_;  // elements
  std::int64_t copies_;
  T* first_;
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
inline std::int64_t pointer_lanes(const Steps& steps, Team team) { return steps.most_lanes() * (team.path == Path::units ? team.threads : 1); }

}  // namespace recorrente::RECORRENTE_SIMD
