// What a target offers: the four entries of the sweep, compiled once for each set of instructions.
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
};

}  // namespace recorrente
