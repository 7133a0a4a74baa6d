// Threads that wait for each other: nobody goes on before all have come, in any round, whether they spin or sleep meanwhile.
#include "team.h"

#include <time.h>

#include <cstdio>
#include <vector>

namespace recorrente {
namespace {

struct alignas(64) Count {
  long value = 0;
};

void sleep_for(long nanoseconds) {
  const timespec time{0, nanoseconds};
  nanosleep(&time, nullptr);
}

// How often a thread saw another one that had not come. In every `late`th round one thread comes so late that the others sleep.
int misses(int wanted, long rounds, long late) {
  std::vector<Count> came(static_cast<std::size_t>(wanted));
  std::atomic<int> missed{0};
  const Team team = run_team({Path::rows, wanted}, [&](int thread, int threads, const auto& meet) {
    for (long round = 1; round <= rounds; ++round) {
      if (round % late == 0 && (round / late) % threads == thread) sleep_for(1'000'000);
      came[static_cast<std::size_t>(thread)].value = round;
      meet();
      for (int other = 0; other < threads; ++other)
        if (came[static_cast<std::size_t>(other)].value != round) ++missed;
      meet();
    }
  });
  if (team.threads != wanted) std::printf("%d threads, wanted %d\n", team.threads, wanted), ++missed;
  return missed;
}

}  // namespace
}  // namespace recorrente

int main() {
  int failures = 0;
  for (const int threads : {1, 2, 3, 8}) {
    const int missed = recorrente::misses(threads, 500, 20) + recorrente::misses(threads, 50, 1);
    if (missed) std::printf("%d threads: %d went on too early\n", threads, missed);
    failures += missed;
  }
  return failures ? 1 : 0;
}
