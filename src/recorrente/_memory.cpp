#include "_memory.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <unordered_map>

namespace recorrente {
namespace {

constexpr std::size_t kLine = 64, kPage = 4096, kHugePage = std::size_t{2} << 20, kMostIdle = std::size_t{1} << 30;

// A block may be so many eighths of what is asked for. Four times for work: batches that differ in length then share one, not
// one for each length. A result may lie about for long, and is not to lock much more away than it holds.
constexpr std::size_t eighths(Use use) { return use == Use::work ? 32 : 9; }

// Sizes come in steps of at most an eighth, so that batches of slightly different lengths share blocks; from a huge page on, in
// whole ones.
std::size_t rounded(std::size_t bytes) {
  std::size_t step = bytes < kHugePage ? kPage : kHugePage;
  while (step * 16 <= bytes) step *= 2;
  return std::max((bytes + step - 1) / step * step, step);
}

std::size_t most_idle() {
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? std::min(kMostIdle, static_cast<std::size_t>(pages) * static_cast<std::size_t>(size) / 8) : kMostIdle;
}

class Pool {
 public:
  void* take(std::size_t bytes, Use use) {
    const std::size_t size = rounded(bytes);
    const std::lock_guard<std::mutex> locked(mutex_);
    if (const auto found = idle_.lower_bound(size); found != idle_.end() && found->first <= size / 8 * eighths(use)) {
      void* block = found->second;
      idle_bytes_ -= found->first, sizes_[block] = found->first;
      return idle_.erase(found), block;
    }
    const std::size_t alignment = size < kHugePage ? kPage : kHugePage;
    void* block = std::aligned_alloc(alignment, size);
    if (!block && idle_bytes_ > 0) drop(0), block = std::aligned_alloc(alignment, size);
    if (!block) return nullptr;
#if defined(MADV_HUGEPAGE)
    if (alignment == kHugePage) madvise(block, size, MADV_HUGEPAGE);  // a wish: where it is not heard, pages are small
#endif
    return sizes_[block] = size, block;
  }

  void give(void* block) {
    const std::lock_guard<std::mutex> locked(mutex_);
    const auto known = sizes_.find(block);
    const std::size_t size = known->second;
    sizes_.erase(known);
    if (size > most_idle_) return std::free(block);
    drop(most_idle_ - size);
    idle_.emplace(size, block), idle_bytes_ += size;
  }

  void drop_all() {
    const std::lock_guard<std::mutex> locked(mutex_);
    drop(0);
  }

  std::size_t idle_bytes() {
    const std::lock_guard<std::mutex> locked(mutex_);
    return idle_bytes_;
  }

  // Around a fork, so that a child does not begin with a lock that a thread of its parent holds.
  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  // Until no more than `most` is idle; the largest first.
  void drop(std::size_t most) {
    while (idle_bytes_ > most) {
      const auto last = std::prev(idle_.end());
      idle_bytes_ -= last->first;
      std::free(last->second);
      idle_.erase(last);
    }
  }

  std::mutex mutex_;
  std::multimap<std::size_t, void*> idle_;
  std::unordered_map<void*, std::size_t> sizes_;  // of what is in use
  std::size_t idle_bytes_ = 0;
  const std::size_t most_idle_ = recorrente::most_idle();
};

// Never destroyed: a tensor may outlive everything else.
Pool& pool() {
  static Pool* const the_pool = new Pool;
  return *the_pool;
}

[[maybe_unused]] const int watching_forks =
    pthread_atfork([] { pool().lock(); }, [] { pool().unlock(); }, [] { pool().unlock(); });

}  // namespace

void* take_block(std::size_t bytes, Use use) { return pool().take(bytes, use); }
void give_block(void* block) { pool().give(block); }

Workspace::Workspace(std::size_t bytes)
    : large_(bytes >= kLarge), data_(large_ ? take_block(bytes) : std::aligned_alloc(kLine, (bytes + kLine) / kLine * kLine)) {}

Workspace::~Workspace() {
  if (data_) large_ ? give_block(data_) : std::free(data_);
}
std::size_t idle_bytes() { return pool().idle_bytes(); }
void drop_blocks() { pool().drop_all(); }

}  // namespace recorrente
