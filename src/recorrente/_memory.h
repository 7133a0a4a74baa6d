// Large blocks of memory that go from call to call. A training step asks for the same tens of megabytes again and again;
// the C library gives them back to the system each time, and every page of theirs is then faulted in and zeroed anew, which
// costs up to a fifth of the step.
#pragma once

#include <cstddef>

namespace recorrente {

// At least one byte, aligned to a huge page where it is as long as one. Null where there is no memory.
void* take_block(std::size_t bytes);
void give_block(void* block);

// What is kept and in nobody's use; at most an eighth of the machine's memory, and 1 GiB. `drop_blocks` frees it.
std::size_t idle_bytes();
void drop_blocks();

}  // namespace recorrente
