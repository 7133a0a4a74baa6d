// The door: checks a call, then hands it to the engine that was asked for.
#include "recorrente/sweep.h"

#include "problem.h"
#include "reference.h"

namespace recorrente {

Status saved_bytes(const Problem& problem, std::size_t* bytes) {
  if (Status status = check(problem); status != Status::ok) return status;
  *bytes = reference_saved_bytes(problem);
  return Status::ok;
}

Status forward_workspace_bytes(const Problem& problem, bool, std::size_t* bytes) {
  if (Status status = check(problem); status != Status::ok) return status;
  *bytes = reference_workspace_bytes(problem);
  return Status::ok;
}

Status backward_workspace_bytes(const Problem& problem, std::size_t* bytes) {
  if (Status status = check(problem); status != Status::ok) return status;
  *bytes = reference_workspace_bytes(problem);
  return Status::ok;
}

Status forward(const Forward& call, Ran* ran) {
  if (Status status = check(call); status != Status::ok) return status;
  reference_forward(call);
  if (ran) *ran = {"reference", Path::reference, 1};
  return Status::ok;
}

Status backward(const Backward& call, Ran* ran) {
  if (Status status = check(call); status != Status::ok) return status;
  reference_backward(call);
  if (ran) *ran = {"reference", Path::reference, 1};
  return Status::ok;
}

}  // namespace recorrente
