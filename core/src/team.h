// Threads: how many a call gets and how they share it, the barrier between steps, and the state of the floating-point unit.
#pragma once

#include <omp.h>

#include <atomic>

#include "problem.h"

namespace recorrente {

struct Team {
  Path path;
  int threads;
};

// A function of the problem alone, so that the memory it was given fits. `row_tile`: rows of the batch that keep a thread's
// registers busy; `step_flops`: of one step of all rows; `steps`: of the longest row.
Team choose_team(const Problem& problem, std::int64_t row_tile, double step_flops, std::int64_t steps);

// Calls work(thread, threads) in every thread of the team; in one thread where the caller is inside a parallel region.
template <class Work>
Team run_team(Team team, const Work& work) {
  if (team.threads < 2 || omp_in_parallel()) {
    work(0, 1);
    return {Path::single, 1};
  }
#pragma omp parallel num_threads(team.threads)
  {
    const int threads = omp_get_num_threads();
#pragma omp single
    team.threads = threads;
    work(omp_get_thread_num(), threads);
  }
  return team;
}

// Between the phases of a call. One thread meets nobody, also inside the caller's own parallel region.
inline void meet(int threads) {
  if (threads > 1) {
#pragma omp barrier
  }
}

// Meets every thread of a team at every step. Spins, then yields: a thread may share its core.
class Barrier {
 public:
  void reset(int threads);
  void wait();

 private:
  int threads_;
  alignas(64) std::atomic<int> waiting_;
  alignas(64) std::atomic<unsigned> round_;
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
