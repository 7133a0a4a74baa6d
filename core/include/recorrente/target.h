// Which vector code runs here. Chosen once, at the first call: the best that this build has and this machine can run, or
// the one that the environment variable RECORRENTE_TARGET names. A name that cannot be had is an error of every call that
// wants a target (Status::bad_target), never a quiet second choice.
#pragma once

#include <cstddef>

namespace recorrente {

// Names: "avx512", "avx2", "baseline" (SSE2 on x86-64, NEON on ARM). Null if RECORRENTE_TARGET cannot be had.
const char* target();

// The targets that can run here, best first; null past the last.
const char* available_target(std::size_t index);

}  // namespace recorrente
