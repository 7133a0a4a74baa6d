// The sweep for one target: compiled once for each set of instructions, with RECORRENTE_SIMD naming its namespace.
#include "backward.h"
#include "cells/elman.h"
#include "cells/gru.h"
#include "cells/gru_before.h"
#include "cells/gru_norm.h"
#include "cells/lstm.h"
#include "cells/lstm_coupled.h"
#include "cells/lstm_norm.h"
#include "cells/lstm_peephole.h"
#include "engine.h"
#include "forward.h"
#include "weight_gradient.h"

namespace recorrente::RECORRENTE_SIMD {
namespace {

template <class Cell, class T>
struct Sweep {
  static std::size_t saved_bytes(const Problem& p) { return Steps::total(p) * Layout<Cell, T>(p).slots * sizeof(T); }

  static std::size_t forward_workspace_bytes(const Problem& p, bool saving) {
    Arena arena;
    ForwardMemory<Cell, T>(p, saving, arena);
    return arena.bytes();
  }

  static std::size_t backward_workspace_bytes(const Problem& p) {
    Arena arena;
    BackwardMemory<Cell, T>(p, arena);
    for (int thread = 0; thread < p.threads; ++thread) GradientMemory<Cell, T>(p, arena);
    return arena.bytes();
  }

  static Team forward(const Forward& call) {
    Arena arena(call.workspace);
    const ForwardMemory<Cell, T> memory(call.problem, call.saved, arena);
    return run_team(memory.team, [&](int thread, int threads, const auto& meet) {
      const FlushDenormals flush;
      ForwardThread<Cell, T> part(call, memory, thread, threads);
      part.pack();
      if (thread == 0) memory.barrier->reset(threads);
      meet();
      part.sweep();
      meet();
      part.finish();
    });
  }

  static Team backward(const Backward& call) {
    Arena arena(call.workspace);
    const BackwardMemory<Cell, T> memory(call.problem, arena);
    return run_team(memory.team, [&](int thread, int threads, const auto& meet) {
      const FlushDenormals flush;
      Arena own = arena;
      for (int before = 0; before < thread; ++before) GradientMemory<Cell, T>(call.problem, own);
      const GradientMemory<Cell, T> gradient_memory(call.problem, own);
      BackwardThread<Cell, T> part(call, memory, thread, threads);
      part.pack();
      if (thread == 0) memory.barrier->reset(threads);
      meet();
      part.sweep();
      meet();
      part.finish();
      meet();
      GradientThread<Cell, T>(call, memory.steps, gradient_memory, thread, threads).run();
    });
  }
};

// Calls use(Sweep) for the cell and dtype of a problem.
template <class Use>
auto with_sweep(const Problem& p, const Use& use) {
  const auto with_dtype = [&](auto cell) {
    using Cell = decltype(cell);
    return p.dtype == Dtype::f32 ? use(Sweep<Cell, float>()) : use(Sweep<Cell, double>());
  };
  switch (p.cell) {
    case recorrente::Cell::elman_tanh: return with_dtype(Elman<Tanh>());
    case recorrente::Cell::elman_relu: return with_dtype(Elman<Relu>());
    case recorrente::Cell::elman_linear: return with_dtype(Elman<Identity>());
    case recorrente::Cell::gru: return with_dtype(Gru());
    case recorrente::Cell::gru_before: return with_dtype(GruBefore());
    case recorrente::Cell::gru_norm: return with_dtype(NormGru());
    case recorrente::Cell::lstm_peephole: return with_dtype(PeepholeLstm());
    case recorrente::Cell::lstm_coupled: return with_dtype(CoupledLstm());
    case recorrente::Cell::lstm_norm: return with_dtype(NormLstm());
    default: return with_dtype(Lstm());
  }
}

#define RECORRENTE_NAME_OF(text) #text
#define RECORRENTE_NAME(text) RECORRENTE_NAME_OF(text)

std::size_t saved_bytes(const Problem& p) {
  return with_sweep(p, [&](auto sweep) { return sweep.saved_bytes(p); });
}
std::size_t forward_workspace_bytes(const Problem& p, bool saving) {
  return with_sweep(p, [&](auto sweep) { return sweep.forward_workspace_bytes(p, saving); });
}
std::size_t backward_workspace_bytes(const Problem& p) {
  return with_sweep(p, [&](auto sweep) { return sweep.backward_workspace_bytes(p); });
}
std::int64_t gradient_stretch(Dtype dtype) {
  return dtype == Dtype::f32 ? GradientMemory<Lstm, float>::kStretch : GradientMemory<Lstm, double>::kStretch;
}
Ran forward(const Forward& call) {
  const Team team = with_sweep(call.problem, [&](auto sweep) { return sweep.forward(call); });
  return {RECORRENTE_NAME(RECORRENTE_SIMD), team.path, team.threads};
}
Ran backward(const Backward& call) {
  const Team team = with_sweep(call.problem, [&](auto sweep) { return sweep.backward(call); });
  return {RECORRENTE_NAME(RECORRENTE_SIMD), team.path, team.threads};
}

void turn(Dtype dtype, std::int64_t rows, std::int64_t columns, const void* from, std::int64_t from_row, void* to, std::int64_t to_row) {
  const auto with = [&](auto zero) {
    using T = decltype(zero);
    turn_matrix(rows, columns, static_cast<const T*>(from), from_row, static_cast<T*>(to), to_row);
  };
  dtype == Dtype::f32 ? with(0.0f) : with(0.0);
}

}  // namespace

extern const SweepEngine sweep_engine;
const SweepEngine sweep_engine = {saved_bytes, forward_workspace_bytes, backward_workspace_bytes, gradient_stretch, forward, backward, turn};

}  // namespace recorrente::RECORRENTE_SIMD
