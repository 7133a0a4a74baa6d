// The door: checks a call, then hands it to the engine that was asked for.
#include "recorrente/sweep.h"

#include "engine.h"
#include "problem.h"
#include "reference.h"
#include "target.h"

namespace recorrente {
namespace {

std::size_t reference_forward_bytes(const Problem& p, bool) { return reference_workspace_bytes(p); }

std::int64_t any_stretch(Dtype) { return 1; }

Ran run_reference_forward(const Forward& call) {
  reference_forward(call);
  return {"reference", Path::reference, 1};
}
Ran run_reference_backward(const Backward& call) {
  reference_backward(call);
  return {"reference", Path::reference, 1};
}

const SweepEngine kReference = {reference_saved_bytes, reference_forward_bytes, reference_workspace_bytes,
                                any_stretch, run_reference_forward, run_reference_backward, nullptr};

const SweepEngine& engine_of(const Problem& p) { return p.engine == Engine::reference ? kReference : *target_engine(); }

}  // namespace

Status saved_bytes(const Problem& problem, std::size_t* bytes) {
  const Status status = check(problem);
  if (status == Status::ok) *bytes = engine_of(problem).saved_bytes(problem);
  return status;
}

Status forward_workspace_bytes(const Problem& problem, bool saving, std::size_t* bytes) {
  const Status status = check(problem);
  if (status == Status::ok) *bytes = engine_of(problem).forward_workspace_bytes(problem, saving);
  return status;
}

Status backward_workspace_bytes(const Problem& problem, std::size_t* bytes) {
  const Status status = check(problem);
  if (status == Status::ok) *bytes = engine_of(problem).backward_workspace_bytes(problem);
  return status;
}

Status forward(const Forward& call, Ran* ran) {
  if (const Status status = check(call); status != Status::ok) return status;
  const Ran result = engine_of(call.problem).forward(call);
  if (ran) *ran = result;
  return Status::ok;
}

Status backward(const Backward& call, Ran* ran) {
  if (const Status status = check(call); status != Status::ok) return status;
  const Ran result = engine_of(call.problem).backward(call);
  if (ran) *ran = result;
  return Status::ok;
}

Status turn(Dtype dtype, std::int64_t rows, std::int64_t columns, const void* from, std::int64_t from_row, void* to, std::int64_t to_row) {
  if (!target_engine()) return Status::bad_target;
  if (rows < 0 || columns < 0 || from_row < columns || to_row < rows) return Status::bad_shape;
  if (rows == 0 || columns == 0) return Status::ok;
  if (!from || !to) return Status::null_pointer;
  target_engine()->turn(dtype, rows, columns, from, from_row, to, to_row);
  return Status::ok;
}

std::int64_t gradient_stretch(Dtype dtype) { return target_engine() ? target_engine()->gradient_stretch(dtype) : 0; }

}  // namespace recorrente
