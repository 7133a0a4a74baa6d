// How the core is called from Python: the GIL released, workspace for as long as the call lasts, statuses turned to exceptions.
#pragma once

#include <nanobind/nanobind.h>

#include <new>

#include "_memory.h"
#include "recorrente/sweep.h"

namespace recorrente {

inline void raise_unless_ok(Status status) {
  if (status == Status::ok) return;
  if (status == Status::unsupported) {
    PyErr_SetString(PyExc_NotImplementedError, describe(status));
    throw nanobind::python_error();
  }
  throw nanobind::value_error(describe(status));
}

inline std::size_t saved_bytes(const Problem& p) {
  std::size_t bytes = 0;
  raise_unless_ok(saved_bytes(p, &bytes));
  return bytes;
}

template <class Call>
int run_with(Status (*pass)(const Call&, Ran*), Call& call, std::size_t workspace_bytes) {
  Ran ran;
  Status status;
  {
    nanobind::gil_scoped_release released;
    const Workspace workspace(workspace_bytes);
    if (!workspace.data()) throw std::bad_alloc();
    call.workspace = workspace.data();
    status = pass(call, &ran);
  }
  raise_unless_ok(status);
  return static_cast<int>(ran.path);
}

// The path that ran.
inline int run(Forward& call) {
  std::size_t bytes = 0;
  raise_unless_ok(forward_workspace_bytes(call.problem, call.saved, &bytes));
  return run_with(forward, call, bytes);
}
inline int run(Backward& call) {
  std::size_t bytes = 0;
  raise_unless_ok(backward_workspace_bytes(call.problem, &bytes));
  return run_with(backward, call, bytes);
}

}  // namespace recorrente
