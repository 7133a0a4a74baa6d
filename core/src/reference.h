// The scalar reference: the equations in plain loops, one row at a time. Slow, obvious, and the judge of every target.
#pragma once

#include "recorrente/sweep.h"

namespace recorrente {

// The calls have been checked.
std::size_t reference_saved_bytes(const Problem& problem);
std::size_t reference_workspace_bytes(const Problem& problem);
void reference_forward(const Forward& call);
void reference_backward(const Backward& call);

}  // namespace recorrente
