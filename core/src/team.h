// Threads: how many a call gets and how they share it, the barrier between steps, and the state of the floating-point unit.
#pragma once

#include <omp.h>

#include <atomic>

#include "steps.h"

namespace recorrente {

struct Team {
  Path path;
  int threads;

  std::int64_t parts() const { return path == Path::rows ? threads : 1; }  // of the rows
};

// By rows each thread needs all of the weights, which another core had last, or packed; by units it reads the others' part of each
// state. So threads share rows where the values of all steps' states, so many times, are more than the weights. Backward a thread
// with a part of the units reads what another has just written of the others, and of every gate.
constexpr std::int64_t kForwardStates = 4, kBackwardStates = 8;

// A function of the problem and the machine alone, so that the memory it was given fits. `units`: whether threads may share those;
// `states`: kForwardStates or kBackwardStates.
Team choose_team(const Problem& problem, int gates, bool units, std::int64_t states);

// Whether a team can be had now: not inside a parallel region, not in a forked child (whose threads stayed behind), and not
// by units soon after a team was broken up.
bool can_share(Team team);

// Where the threads of a team wait for each other between the phases of a call. Spins for a little longer than phases differ on a
// machine of its own, then sleeps: OpenMP's own barrier spins for milliseconds, on a core that the thread it waits for may need.
class Gathering {
 public:
  Gathering();
  void wait(int threads);  // as many as call it

 private:
  alignas(64) std::atomic<int> waiting_;
  alignas(64) std::atomic<int> round_;
  std::atomic<int> asleep_;
};

// Calls work(thread, threads, meet) in every thread of the team, or of one thread where it cannot be had; meet() waits for them all.
template <class Work>
Team run_team(Team team, const Work& work) {
  if (team.threads < 2 || !can_share(team)) {
    work(0, 1, [] {});
    return {Path::single, 1};
  }
  Gathering gathering;
#pragma omp parallel num_threads(team.threads)
  {
    const int thread = omp_get_thread_num(), threads = omp_get_num_threads();
    if (thread == 0) team.threads = threads;
    work(thread, threads, [&] { gathering.wait(threads); });
    gathering.wait(threads);  // here, so that nobody spins at the end of the region
  }
  return team;
}

// Meets every thread of a team at every step. Spins, then yields: a thread may share its core with other work.
//
// Where it does, a team would advance only while all of its threads happen to run. So a team that loses as much time to
// waits as it works is broken up: all threads learn it from the same meeting, thread 0 finishes the sweep alone, and for a
// while calls are not shared this way.
class Barrier {
 public:
  void reset(int threads);
  // Whether the team stays together; not, if this thread waits beyond `limit`.
  bool wait(std::int64_t limit);

 private:
  int threads_;
  alignas(64) std::atomic<int> waiting_;
  std::atomic<bool> crowded_;
  alignas(64) std::atomic<unsigned> round_;
  bool together_;
};

// A thread's own view of a barrier: it keeps count of the time lost. All in nanoseconds.
class Meetings {
 public:
  explicit Meetings(Barrier* barrier);
  bool wait();

 private:
  Barrier* barrier_;
  std::int64_t start_, last_, lost_ = 0;
};

// Flushes denormals to zero in this thread for its own lifetime.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  std::uint64_t before_;
};

}  // namespace recorrente
