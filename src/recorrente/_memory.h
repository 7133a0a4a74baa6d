// Blocks of memory that go from call to call. A training step asks for the same tens of megabytes again and again; the C library
// gives them back to the system each time, and every page of theirs is then faulted in and zeroed anew, which costs up to a
// third of the step.
#pragma once

#include <cstddef>

namespace recorrente {

constexpr std::size_t kLarge = std::size_t{1} << 17;  // bytes from which on a block is worth keeping

// How much larger than what is asked for a block may be: `work` is what a call is done with soon, so that batches that differ
// in length may share one block; `result` is the caller's to hold for as long as it likes.
enum class Use { work, result };

// At least one byte, aligned to a huge page where it is as long as one. Null where there is no memory.
void* take_block(std::size_t bytes, Use use = Use::work);
void give_block(void* block);

// Memory for the length of one call, from a cache line on; null where there is none.
class Workspace {
 public:
  explicit Workspace(std::size_t bytes);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  void* data() const { return data_; }

 private:
  const bool large_;
  void* const data_;
};

// What is kept and in nobody's use; at most an eighth of the machine's memory, and 1 GiB. `drop_blocks` frees it.
std::size_t idle_bytes();
void drop_blocks();

}  // namespace recorrente
