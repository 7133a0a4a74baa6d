#include "_results.h"

#include <new>

#include "_memory.h"
#include "recorrente/sweep.h"

namespace nb = nanobind;

namespace recorrente {
namespace {

nb::capsule take_owned(std::size_t bytes, Use use) {
  void* const block = take_block(bytes, use);
  if (!block) throw std::bad_alloc();
  return nb::capsule(block, [](void* p) noexcept { give_block(p); });
}

}  // namespace

nb::ndarray<nb::pytorch, std::uint8_t, nb::ndim<1>> take(std::size_t bytes) {
  const nb::capsule owner = take_owned(bytes, Use::work);
  return {owner.data(), {bytes}, owner};
}

nb::ndarray<nb::pytorch> take_result(const std::vector<std::size_t>& shape, int dtype) {
  const bool wide = static_cast<Dtype>(dtype) == Dtype::f64;
  std::size_t bytes = wide ? sizeof(double) : sizeof(float);
  for (const std::size_t n : shape) bytes *= n;
  const nb::capsule owner = take_owned(bytes, Use::result);
  return {owner.data(), shape.size(), shape.data(), owner, nullptr, wide ? nb::dtype<double>() : nb::dtype<float>()};
}

}  // namespace recorrente
