// Torch's tensors without a word of Python: their C exchange (DLPack 1.3, `__dlpack_c_exchange_api__`), where torch has one.
#pragma once

#include <nanobind/nanobind.h>

namespace recorrente {

// The capsule of torch.Tensor, or None: then nothing can be read.
void use_exchange(nanobind::handle capsule);

// The addresses and strides of a sweep's first seven inputs, as `forward` and `backward` want them; None where that has to be
// found out in Python: an input that does not fit the others, is laid out otherwise or is not of the first seven.
nanobind::object pointers(nanobind::tuple inputs, int cell);

// What `calls.forward` and `calls.backward` give, for a sweep that needs nothing but those inputs and perhaps lengths; None
// where it needs more, or they have to be found out in Python. `inputs` and `way` are the tuples of these names there.
nanobind::object plain_forward(nanobind::tuple inputs, nanobind::tuple way, bool saving, int threads);
nanobind::object plain_backward(nanobind::sequence gradients, nanobind::tuple inputs, nanobind::tuple way, nanobind::handle y,
                                nanobind::handle saved, nanobind::sequence wanted, int threads);

}  // namespace recorrente
