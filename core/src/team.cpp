#include "team.h"

#include <algorithm>
#include <climits>

#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#endif

namespace recorrente {
namespace {

// A fork and a join cost about a microsecond each: below this a second thread loses. To meet, and to read what another core
// has just written, costs from a few hundred cycles to 2 us: a step of less work a thread is not shared by units where there
// is nobody to share it by rows with, nor one of less than the second number where there is.
constexpr double kForkFlops = 1e6, kMeetingFlops = 0.7e5, kMeetingFlopsBesideRows = 3e5;
constexpr int kSpins = 1000;
constexpr std::int64_t kSpinAtMost = 200'000;  // nanoseconds

// So many rows of a thread use weights at the speed of arithmetic: those that its second-level cache holds, and others, which are
// worth more than a part of the weights to itself.
constexpr std::int64_t kRowsNear = 2, kRowsFar = 24;

// With fewer units a thread has no block of its own.
constexpr std::int64_t kUnitsOfThread = 32;

// A wait is lost time when it is longer than kPatience and twice the work before it. A team is broken up when more than
// kLoss and half of its time is lost, and then none is formed for a while, the longer the more often this happens.
constexpr std::int64_t kPatience = 200'000, kLoss = 2'000'000;                    // nanoseconds
constexpr std::int64_t kShortestBreak = 20'000'000, kLongestBreak = 1'000'000'000;  // nanoseconds

std::atomic<std::int64_t> alone_until{0}, next_break{kShortestBreak};
std::atomic<bool> forked{false};
[[maybe_unused]] const int watching_forks = pthread_atfork(nullptr, nullptr, [] { forked = true; });

std::int64_t nanoseconds() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
}

void take_a_break() {
  const std::int64_t length = next_break.load(std::memory_order_relaxed);
  alone_until.store(nanoseconds() + length, std::memory_order_relaxed);
  next_break.store(std::min(2 * length, kLongestBreak), std::memory_order_relaxed);
}

// Of a core, in bytes; where the system does not say, what nearly every core has.
std::int64_t second_level_cache() {
#if defined(_SC_LEVEL2_CACHE_SIZE)
  static const std::int64_t bytes = std::max<std::int64_t>(sysconf(_SC_LEVEL2_CACHE_SIZE), kNearBytes);
  return bytes;
#else
  return kNearBytes;
#endif
}

void pause_thread() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Until somebody wakes those who wait for it, or for no reason; not at all where it has another value.
void sleep_while([[maybe_unused]] std::atomic<int>& number, [[maybe_unused]] int value) {
#if defined(__linux__)
  static_assert(sizeof number == sizeof value);
  syscall(SYS_futex, reinterpret_cast<int*>(&number), FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
#else
  sched_yield();
#endif
}

void wake([[maybe_unused]] std::atomic<int>& number) {
#if defined(__linux__)
  syscall(SYS_futex, reinterpret_cast<int*>(&number), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
#endif
}

}  // namespace

Team choose_team(const Problem& p, int gates, bool units, std::int64_t states) {
  const Team alone = {Path::single, 1};
  const std::int64_t lanes = Steps::lanes(p), by_rows = lanes < p.threads ? lanes : p.threads;
  const double weights = static_cast<double>(gates) * static_cast<double>(p.H) * static_cast<double>(p.C + p.H);
  const double step_flops = 2 * static_cast<double>(lanes) * weights, steps = static_cast<double>(Steps::longest(p));
  if (p.threads < 2 || step_flops * steps < kForkFlops) return alone;
  const bool near = weights * static_cast<double>(element_bytes(p)) <= static_cast<double>(second_level_cache());
  const std::int64_t inputs = p.C < p.H ? p.C : p.H;  // of more, x would be as much to read as their weights
  const bool many_states = static_cast<double>(states * lanes) * steps > static_cast<double>(gates * (inputs + p.H));
  const bool enough_rows = (many_states || p.H < p.threads * kUnitsOfThread) && lanes >= p.threads * (near ? kRowsNear : kRowsFar);
  const double worth_meeting = p.threads * (by_rows < p.threads ? kMeetingFlops : kMeetingFlopsBesideRows);
  if (units && !enough_rows && step_flops > worth_meeting) return {Path::units, p.threads};
  if (by_rows < 2) return alone;
  return {Path::rows, static_cast<int>(by_rows)};
}

bool can_share(Team team) {
  if (omp_in_parallel() || forked.load(std::memory_order_relaxed)) return false;
  if (team.path != Path::units) return true;
  const std::int64_t since = nanoseconds() - alone_until.load(std::memory_order_relaxed);
  if (since > kLongestBreak) next_break.store(kShortestBreak, std::memory_order_relaxed);
  return since >= 0;
}

Gathering::Gathering() : waiting_(0), round_(0), asleep_(0) {}

// A thread counts itself asleep before it looks at the round a last time, and the last of a round looks for sleepers after it has
// begun the next: all in one order, so that one of the two sees the other.
void Gathering::wait(int threads) {
  const int round = round_.load(std::memory_order_relaxed);
  if (waiting_.fetch_add(1, std::memory_order_acq_rel) == threads - 1) {
    waiting_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_seq_cst);
    if (asleep_.load(std::memory_order_seq_cst) > 0) wake(round_);
    return;
  }
  for (const std::int64_t limit = nanoseconds() + kSpinAtMost; round_.load(std::memory_order_acquire) == round;) {
    for (int spins = 0; spins < kSpins / 8 && round_.load(std::memory_order_acquire) == round; ++spins) pause_thread();
    if (nanoseconds() > limit) break;
  }
  if (round_.load(std::memory_order_acquire) != round) return;
  asleep_.fetch_add(1, std::memory_order_seq_cst);
  while (round_.load(std::memory_order_seq_cst) == round) sleep_while(round_, round);
  asleep_.fetch_sub(1, std::memory_order_relaxed);
}

void Barrier::reset(int threads) {
  threads_ = threads, together_ = true;
  waiting_.store(0, std::memory_order_relaxed);
  crowded_.store(false, std::memory_order_relaxed);
  round_.store(0, std::memory_order_relaxed);
}

bool Barrier::wait(std::int64_t limit) {
  const unsigned round = round_.load(std::memory_order_relaxed);
  if (waiting_.fetch_add(1, std::memory_order_acq_rel) == threads_ - 1) {
    if (crowded_.load(std::memory_order_relaxed)) together_ = false, take_a_break();
    waiting_.store(0, std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);
    return together_;
  }
  for (int spins = 0; round_.load(std::memory_order_acquire) == round;) {
    if (++spins < kSpins) {
      pause_thread();
      continue;
    }
    if (nanoseconds() > limit) crowded_.store(true, std::memory_order_relaxed);
    sched_yield();
  }
  return together_;
}

Meetings::Meetings(Barrier* barrier) : barrier_(barrier), start_(nanoseconds()), last_(start_) {}

bool Meetings::wait() {
  const std::int64_t now = nanoseconds(), usual = std::max(kPatience, 2 * (now - last_));
  const std::int64_t may_lose = std::max(kLoss, (now - start_) / 2) - lost_;
  const bool together = barrier_->wait(now + std::max(usual, may_lose));
  last_ = nanoseconds();
  if (last_ - now > usual) lost_ += last_ - now;
  return together;
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
