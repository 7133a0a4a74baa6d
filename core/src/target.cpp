// Finds out what the machine can run (GCC's and Clang's own cpuid and XGETBV) and keeps the choice.
#include "target.h"

#include <cstdlib>
#include <cstring>

namespace recorrente {

#if defined(__x86_64__)
namespace avx512 { extern const SweepEngine sweep_engine; }
namespace avx2 { extern const SweepEngine sweep_engine; }
#endif
#if defined(RECORRENTE_WITH_WIDE)
namespace wide { extern const SweepEngine sweep_engine; }
#endif
namespace baseline { extern const SweepEngine sweep_engine; }

namespace {

struct Target {
  const char* name;
  const SweepEngine* engine;
  bool (*runs_here)();
};

bool always() { return true; }
#if defined(__x86_64__)
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
}
#endif

// Best first.
const Target kTargets[] = {
#if defined(__x86_64__)
    {"avx512", &avx512::sweep_engine, has_avx512},
    {"avx2", &avx2::sweep_engine, has_avx2},
#endif
    {"baseline", &baseline::sweep_engine, always},
#if defined(RECORRENTE_WITH_WIDE)
    {"wide", &wide::sweep_engine, has_avx2},
#endif
};

const Target* choose() {
  const char* pinned = std::getenv("RECORRENTE_TARGET");
  for (const Target& target : kTargets)
    if (target.runs_here() && (!pinned || !*pinned || !std::strcmp(pinned, target.name))) return &target;
  return nullptr;
}

const Target* chosen() {
  static const Target* const target = choose();
  return target;
}

}  // namespace

const SweepEngine* target_engine() { return chosen() ? chosen()->engine : nullptr; }
const char* target() { return chosen() ? chosen()->name : nullptr; }

const char* available_target(std::size_t index) {
  for (const Target& target : kTargets)
    if (target.runs_here() && index-- == 0) return target.name;
  return nullptr;
}

}  // namespace recorrente
