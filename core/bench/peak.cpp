// Threads run together, for two that a machine has put on one core give no more than one. Each is timed by its own processor time.
//
// Twelve independent chains: latency times throughput is eight to ten on the machines we know. The widest vectors that the
// machine can run are asked, whatever target the core has chosen.
#include "peak.h"

#include <time.h>

#include <algorithm>
#include <numeric>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace recorrente::bench {
namespace {

double thread_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

constexpr int kChains = 12, kRounds = 1000000;

// Flops of kRounds: V is a vector, fma its multiply and add.
#define RECORRENTE_CHAINS(V, splat, fma)                        \
  V sums[kChains], factor = splat(0.999f), term = splat(0.001f); \
  _Pragma("GCC unroll 12") for (int j = 0; j < kChains; ++j) sums[j] = term; \
  for (int i = 0; i < kRounds; ++i) {                           \
    _Pragma("GCC unroll 12") for (int j = 0; j < kChains; ++j) { \
      sums[j] = fma(sums[j], factor, term);                     \
      asm volatile("" : "+v"(sums[j]));                         \
    }                                                           \
  }                                                             \
  return 2.0 * kChains * kRounds * sizeof(V) / sizeof(float)

#if defined(__x86_64__)
[[gnu::target("avx512f,fma"), gnu::noinline]] double avx512_flops() { RECORRENTE_CHAINS(__m512, _mm512_set1_ps, _mm512_fmadd_ps); }
[[gnu::target("avx2,fma"), gnu::noinline]] double avx2_flops() { RECORRENTE_CHAINS(__m256, _mm256_set1_ps, _mm256_fmadd_ps); }
double baseline_flops() { RECORRENTE_CHAINS(__m128, _mm_set1_ps, [](__m128 a, __m128 b, __m128 c) { return a * b + c; }); }
#elif defined(__aarch64__)
double baseline_flops() { RECORRENTE_CHAINS(float32x4_t, vdupq_n_f32, [](float32x4_t a, float32x4_t b, float32x4_t c) { return vfmaq_f32(c, a, b); }); }
#endif

double flops() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return avx512_flops();
  if (__builtin_cpu_supports("avx2")) return avx2_flops();
#endif
  return baseline_flops();
}

double best_of_rounds() {
  double best = 0;
  for (int i = 0; i < 10; ++i) {
    const double before = thread_seconds(), count = flops();
    best = std::max(best, count / (thread_seconds() - before));
  }
  return best;
}

}  // namespace

double fma_peak(int threads) {
  std::vector<double> best(static_cast<std::size_t>(threads), 0.0);
  std::vector<std::thread> team;
  for (double& mine : best) team.emplace_back([&mine] { mine = best_of_rounds(); });
  for (std::thread& thread : team) thread.join();
  return std::accumulate(best.begin(), best.end(), 0.0);
}

}  // namespace recorrente::bench
