// What a target offers: the entries of the sweep, compiled once for each set of instructions.
#pragma once

#include "recorrente/sweep.h"

namespace recorrente {

// The calls have been checked.
struct SweepEngine {
  std::size_t (*saved_bytes)(const Problem&);
  std::size_t (*forward_workspace_bytes)(const Problem&, bool saving);
  std::size_t (*backward_workspace_bytes)(const Problem&);
  std::int64_t (*gradient_stretch)(Dtype);
  Ran (*forward)(const Forward&);
  Ran (*backward)(const Backward&);
  void (*turn)(Dtype, std::int64_t rows, std::int64_t columns, const void* from, std::int64_t from_row, void* to, std::int64_t to_row);
};

}  // namespace recorrente
