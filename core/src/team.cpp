#include "team.h"

#include <sched.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace recorrente {
namespace {

// A fork and a join cost about a microsecond each, a barrier a few hundred cycles: below these a second thread loses.
constexpr double kForkFlops = 1e6, kBarrierFlops = 1e5;
constexpr int kSpins = 4000;

void pause_thread() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Team choose_team(const Problem& p, std::int64_t row_tile, double step_flops, std::int64_t steps) {
  const Team alone = {Path::single, 1};
  if (p.threads < 2 || step_flops * static_cast<double>(steps) < kForkFlops) return alone;
  const std::int64_t by_rows = p.B < p.threads ? p.B : p.threads;
  const bool enough_rows = p.B >= p.threads * row_tile;
  if (!enough_rows && step_flops > kBarrierFlops * p.threads) return {Path::units, p.threads};
  if (by_rows < 2) return alone;
  return {Path::rows, static_cast<int>(by_rows)};
}

void Barrier::reset(int threads) {
  threads_ = threads;
  waiting_.store(0, std::memory_order_relaxed);
  round_.store(0, std::memory_order_relaxed);
}

void Barrier::wait() {
  if (threads_ < 2) return;
  const unsigned round = round_.load(std::memory_order_relaxed);
  if (waiting_.fetch_add(1, std::memory_order_acq_rel) == threads_ - 1) {
    waiting_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);
    return;
  }
  for (int spins = 0; round_.load(std::memory_order_acquire) == round;)
    if (++spins < kSpins) pause_thread();
    else sched_yield();
}

#if defined(__x86_64__)
// Flush to zero (bit 15) and denormals are zero (bit 6) of MXCSR.
FlushDenormals::FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(static_cast<unsigned>(before_) | 0x8040u); }
FlushDenormals::~FlushDenormals() { _mm_setcsr(static_cast<unsigned>(before_)); }
#elif defined(__aarch64__)
// FZ, bit 24 of FPCR.
FlushDenormals::FlushDenormals() {
  asm volatile("mrs %0, fpcr" : "=r"(before_));
  asm volatile("msr fpcr, %0" : : "r"(before_ | (std::uint64_t{1} << 24)));
}
FlushDenormals::~FlushDenormals() { asm volatile("msr fpcr, %0" : : "r"(before_)); }
#else
FlushDenormals::FlushDenormals() : before_(0) {}
FlushDenormals::~FlushDenormals() {}
#endif

}  // namespace recorrente
