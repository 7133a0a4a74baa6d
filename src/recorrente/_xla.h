// The core as functions that XLA calls by itself, for JAX: buffers in, buffers out, no Python on the way.
#pragma once

#include "../../third_party/xla/ffi/api/c_api.h"

namespace recorrente {

// Attributes of both: cell, reverse, threads (int64). An array without elements stands for one that is not given.
// Arrays are dense; lengths are int32; x, y and their gradients are (B, T, ...). What does not fit together is refused.
//
// arguments: x, weight_ih, weight_hh, bias_ih, bias_hh, h0, c0, lengths, drop
// results:   y, h_n, c_n, saved (saved_bytes of rows without lengths)
XLA_FFI_Error* xla_forward(XLA_FFI_CallFrame* frame);

// arguments: the same nine, y, saved, dy, dh_n, dc_n
// results:   dx, dweight_ih, dweight_hh, dbias_ih, dbias_hh, dh0, dc0, and `saved`, which is used up and best aliased
XLA_FFI_Error* xla_backward(XLA_FFI_CallFrame* frame);

}  // namespace recorrente
