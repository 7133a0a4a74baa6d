#include "_tensors.h"

#include <nanobind/ndarray.h>

#include "recorrente/sweep.h"

namespace nb = nanobind;

namespace recorrente {
namespace {

// The table that the capsule points to, as DLPack 1 lays it out.
struct Exchange {
  std::uint32_t major, minor;
  const void* previous;
  void *allocate, *own, *wrap;
  int (*view)(void* object, nb::dlpack::dltensor* view);  // borrowed; 0 where it can be had, else a Python error is set
  void* stream;
};

const Exchange* exchange = nullptr;

constexpr std::int32_t kCpu = 1;

// A tensor as it lies in memory. Absent: None.
struct View {
  bool absent = false;
  nb::dlpack::dltensor as{};

  std::int64_t size(int i) const { return as.shape[i]; }
  std::int64_t stride(int i) const { return as.strides[i]; }
  std::uintptr_t address() const { return absent ? 0 : reinterpret_cast<std::uintptr_t>(as.data) + as.byte_offset; }
};

// Whether it can be read as it is: on the CPU, with no sign pending.
bool view(nb::handle tensor, View& to) {
  to.absent = tensor.is_none();
  if (to.absent) return true;
  if (exchange->view(tensor.ptr(), &to.as) != 0) return PyErr_Clear(), false;
  return to.as.device.device_type == kCpu && to.as.strides && !nb::cast<bool>(tensor.attr("is_neg")());
}

bool alike(const View& a, const View& b) { return a.as.dtype.code == b.as.dtype.code && a.as.dtype.bits == b.as.dtype.bits; }

// Rows of `columns` that lie side by side, or anywhere.
bool fits(const View& v, const View& like, std::int64_t rows, std::int64_t columns, bool dense) {
  if (v.absent) return true;
  return v.as.ndim == 2 && alike(v, like) && v.size(0) == rows && v.size(1) == columns && v.stride(1) == 1 &&
         (!dense || v.stride(0) == columns);
}
bool fits(const View& v, const View& like, std::int64_t count) {
  return v.absent || (v.as.ndim == 1 && alike(v, like) && v.size(0) == count && v.stride(0) == 1);
}

enum Input { x, weight_ih, weight_hh, bias_ih, bias_hh, h0, c0, kFirst };

}  // namespace

void use_exchange(nb::handle capsule) {
  exchange = nullptr;
  if (capsule.is_none()) return;
  const auto* table = static_cast<const Exchange*>(PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
  if (!table) throw nb::python_error();
  if (table->major == 1 && table->view) exchange = table;
}

nb::object pointers(nb::tuple inputs, int cell) {
  View v[kFirst];
  if (!exchange) return nb::none();
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (i < kFirst ? !view(inputs[i], v[i]) : !inputs[i].is_none()) return nb::none();
  if (v[x].absent || v[weight_ih].absent || v[weight_hh].absent || v[x].as.ndim != 3 || v[weight_hh].as.ndim != 2) return nb::none();
  const std::int64_t B = v[x].size(1), C = v[x].size(2), H = v[weight_hh].size(1), rows = gates(static_cast<Cell>(cell)) * H;
  const bool fit = v[x].stride(2) == 1 && fits(v[weight_ih], v[x], rows, C, true) && fits(v[weight_hh], v[x], rows, H, true) &&
                   fits(v[bias_ih], v[x], rows) && fits(v[bias_hh], v[x], rows) && fits(v[h0], v[x], B, H, false) && fits(v[c0], v[x], B, H, false);
  if (!fit) return nb::none();
  nb::list found;
  for (const int i : {weight_ih, weight_hh, bias_ih, bias_hh}) found.append(v[i].address());
  found.append(v[x].address()), found.append(v[x].stride(0)), found.append(v[x].stride(1));
  for (const int i : {h0, c0}) found.append(v[i].address()), found.append(v[i].absent ? 0 : v[i].stride(0));
  return found;
}

}  // namespace recorrente
