// Uninitialised tensors whose memory goes back to `_memory` with them.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <vector>

namespace recorrente {

// Bytes, for what is soon done with.
nanobind::ndarray<nanobind::pytorch, std::uint8_t, nanobind::ndim<1>> take(std::size_t bytes);

// For the caller to hold as long as he likes.
nanobind::ndarray<nanobind::pytorch> take_result(const std::vector<std::size_t>& shape, int dtype);

}  // namespace recorrente
