// Lays arrays out in one block of memory. Run without memory it measures, run with memory it hands out: the same code
// gives a workspace its size and its contents.
#pragma once

#include <cstddef>
#include <cstdint>

namespace recorrente {

class Arena {
 public:
  static constexpr std::size_t kAlignment = 64;  // bytes: a cache line, and the widest vector

  Arena() = default;
  explicit Arena(void* memory) : base_((reinterpret_cast<std::uintptr_t>(memory) + kAlignment - 1) & ~(kAlignment - 1)) {}

  // Null while measuring.
  template <class T>
  T* take(std::int64_t count) {
    T* array = base_ ? reinterpret_cast<T*>(base_ + used_) : nullptr;
    used_ += (static_cast<std::size_t>(count) * sizeof(T) + kAlignment - 1) & ~(kAlignment - 1);
    return array;
  }

  // Includes what aligning the block may cost.
  std::size_t bytes() const { return used_ + kAlignment; }

 private:
  std::uintptr_t base_ = 0;
  std::size_t used_ = 0;
};

}  // namespace recorrente
