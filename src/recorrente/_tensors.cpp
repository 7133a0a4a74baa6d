#include "_tensors.h"

#include <nanobind/ndarray.h>

#include <algorithm>

#include "_call.h"
#include "_results.h"

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
enum Kind : std::uint8_t { kInteger = 0, kUnsigned = 1, kReal = 2 };

// A tensor as it lies in memory. Absent: None.
struct View {
  bool absent = true;
  nb::dlpack::dltensor as{};

  bool is(Kind kind, int bits) const { return as.dtype.code == kind && as.dtype.bits == bits; }
  std::int64_t size(int i) const { return as.shape[i]; }
  std::int64_t stride(int i) const { return absent ? 0 : as.strides[i]; }
  std::size_t bytes() const {
    std::size_t product = as.dtype.bits / 8;
    for (int i = 0; i < as.ndim; ++i) product *= static_cast<std::size_t>(size(i));
    return product;
  }
  bool dense() const {
    std::int64_t step = 1;
    for (int i = as.ndim - 1; i >= 0; step *= size(i--))
      if (size(i) != 1 && stride(i) != step) return false;
    return true;
  }
  // Not so a wrapper of other tensors; a null pointer means something else to the core.
  bool has_memory() const { return as.data || bytes() == 0; }
  std::uintptr_t address() const { return absent ? 0 : reinterpret_cast<std::uintptr_t>(as.data) + as.byte_offset; }
  void* data() const { return reinterpret_cast<void*>(address()); }

  ConstState state() const { return {data(), stride(0)}; }
  ConstSequence sequence() const { return {data(), stride(0), stride(1)}; }
};

bool has_sign_pending(nb::handle tensor) {
  static PyObject* const name = PyUnicode_InternFromString("is_neg");
  const nb::object answer = nb::steal(PyObject_CallMethodNoArgs(tensor.ptr(), name));
  if (!answer.is_valid()) throw nb::python_error();
  return !answer.is(nb::bool_(false));
}

// Whether it can be read as it is: on the CPU, with no sign pending.
bool view(nb::handle tensor, View& to) {
  to.absent = tensor.is_none();
  if (to.absent) return true;
  if (exchange->view(tensor.ptr(), &to.as) != 0) return PyErr_Clear(), false;
  return to.as.device.device_type == kCpu && to.as.strides && to.has_memory() && !has_sign_pending(tensor);
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
bool fits(const View& v, const View& like, std::int64_t T, std::int64_t B, std::int64_t H) {
  return v.absent || (v.as.ndim == 3 && alike(v, like) && v.size(0) == T && v.size(1) == B && v.size(2) == H && v.stride(2) == 1);
}

// Places in `Inputs` and in `Way` of calls/arguments.py.
constexpr int kX = 0, kWeightIh = 1, kWeightHh = 2, kBiasIh = 3, kBiasHh = 4, kH0 = 5, kC0 = 6, kFirst = 7;
constexpr int kMark = 1;  // MARK of calls/passes.py
constexpr int kLengths = 0, kMasks = 1, kCell = 5, kReverse = 6;  // masks: up to the cell

struct Inputs {
  View of[kFirst];
  std::int64_t T, B, C, H;

  Weights weights() const { return {of[kWeightIh].data(), of[kWeightHh].data(), of[kBiasIh].data(), of[kBiasHh].data()}; }
};

// Whether that is all of them, they fit each other and can be read.
bool read(nb::tuple inputs, int cell, Inputs& to) {
  if (!exchange) return false;
  View* v = to.of;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    if (i < kFirst ? !view(inputs[i], v[i]) : !inputs[i].is_none()) return false;
  if (v[kX].absent || v[kWeightIh].absent || v[kWeightHh].absent || v[kX].as.ndim != 3 || v[kWeightHh].as.ndim != 2) return false;
  to.T = v[kX].size(0), to.B = v[kX].size(1), to.C = v[kX].size(2), to.H = v[kWeightHh].size(1);
  const std::int64_t rows = gates(static_cast<Cell>(cell)) * to.H;
  return v[kX].stride(2) == 1 && fits(v[kWeightIh], v[kX], rows, to.C, true) && fits(v[kWeightHh], v[kX], rows, to.H, true) &&
         fits(v[kBiasIh], v[kX], rows) && fits(v[kBiasHh], v[kX], rows) && fits(v[kH0], v[kX], to.B, to.H, false) &&
         fits(v[kC0], v[kX], to.B, to.H, false);
}

// The same of a sweep without masks.
bool read(nb::tuple inputs, nb::tuple way, int threads, Inputs& to, Problem& p) {
  const int code = nb::cast<int>(way[kCell]);
  if (!read(inputs, code, to) || !(to.of[kX].is(kReal, 32) || to.of[kX].is(kReal, 64))) return false;
  for (int i = kMasks; i < kCell; ++i)
    if (!way[i].is_none()) return false;
  View ends;
  if (!view(way[kLengths], ends)) return false;
  if (!ends.absent && !(ends.is(kInteger, 64) && ends.as.ndim == 1 && ends.size(0) == to.B && ends.stride(0) == 1)) return false;
  p.cell = static_cast<Cell>(code), p.dtype = to.of[kX].is(kReal, 64) ? Dtype::f64 : Dtype::f32;
  p.T = to.T, p.B = to.B, p.C = to.C, p.H = to.H;
  p.reverse = nb::cast<bool>(way[kReverse]), p.threads = threads, p.lengths = static_cast<const std::int64_t*>(ends.data());
  return true;
}

void* address_of(nb::handle tensor) {
  View at;
  if (!view(tensor, at)) throw nb::type_error("torch made a tensor that cannot be read");
  return at.data();
}

// An uninitialised tensor of the dtype of `like`, contiguous, and where it lies.
template <class... Size>
nb::object make(void** at, nb::handle like, Dtype dtype, Size... size) {
  const std::size_t bytes = (static_cast<std::size_t>(size) * ...) * (dtype == Dtype::f64 ? sizeof(double) : sizeof(float));
  nb::object made = bytes < kLarge ? like.attr("new_empty")(nb::make_tuple(size...))
                                   : nb::cast(take_result({static_cast<std::size_t>(size)...}, static_cast<int>(dtype)));
  *at = address_of(made);
  return made;
}

// The same of the shape of a tensor. torch makes it of a contiguous one at two thirds of the price.
nb::object make_like(void** at, nb::handle tensor, const View& as, Dtype dtype) {
  static const nb::handle empty_like = nb::object(nb::module_::import_("torch").attr("empty_like")).release();
  if (as.dense() && as.bytes() < kLarge) {
    nb::object made = empty_like(tensor);
    *at = address_of(made);
    return made;
  }
  switch (as.as.ndim) {
    case 1: return make(at, tensor, dtype, as.size(0));
    case 2: return make(at, tensor, dtype, as.size(0), as.size(1));
    default: return make(at, tensor, dtype, as.size(0), as.size(1), as.size(2));
  }
}

}  // namespace

void use_exchange(nb::handle capsule) {
  exchange = nullptr;
  if (capsule.is_none()) return;
  const auto* table = static_cast<const Exchange*>(PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
  if (!table) throw nb::python_error();
  if (table->major == 1 && table->view) exchange = table;
}

nb::object pointers(nb::tuple inputs, int cell) {
  Inputs in;
  if (!read(inputs, cell, in)) return nb::none();
  nb::list found;
  for (const int i : {kWeightIh, kWeightHh, kBiasIh, kBiasHh}) found.append(in.of[i].address());
  found.append(in.of[kX].address()), found.append(in.of[kX].stride(0)), found.append(in.of[kX].stride(1));
  for (const int i : {kH0, kC0}) found.append(in.of[i].address()), found.append(in.of[i].stride(0));
  return found;
}

nb::object plain_forward(nb::tuple inputs, nb::tuple way, bool saving, int threads) {
  Inputs in;
  Forward call;
  Problem& p = call.problem;
  if (!read(inputs, way, threads, in, p)) return nb::none();
  void *y, *h_n, *c_n = nullptr;
  const nb::handle like = inputs[kX];
  nb::object made_y = make(&y, like, p.dtype, p.T, p.B, p.H), made_h = make(&h_n, like, p.dtype, p.B, p.H);
  nb::object made_c = has_c(p.cell) ? make(&c_n, like, p.dtype, p.B, p.H) : nb::none();
  nb::object made_saved = nb::none();
  if (saving) made_saved = nb::cast(take(saved_bytes(p) + kMark)), call.saved = address_of(made_saved);
  call.weights = in.weights(), call.x = in.of[kX].sequence(), call.h0 = in.of[kH0].state(), call.c0 = in.of[kC0].state();
  call.y = {y, p.B * p.H, p.H}, call.h_n = {h_n, p.H}, call.c_n = {c_n, p.H};
  run(call);
  return nb::make_tuple(made_y, made_h, made_c, made_saved);
}

nb::object plain_backward(nb::sequence gradients, nb::tuple inputs, nb::tuple way, nb::handle y, nb::handle saved, nb::sequence wanted,
                          int threads) {
  Inputs in;
  Backward call;
  Problem& p = call.problem;
  if (!read(inputs, way, threads, in, p)) return nb::none();
  View at_y, at_saved, dy, dh_n, dc_n;
  void* d[kFirst] = {};
  if (!view(y, at_y) || !view(saved, at_saved) || !view(gradients[0], dy) || !view(gradients[1], dh_n) || !view(gradients[2], dc_n))
    return nb::none();
  const View& like = in.of[kX];
  if (!fits(at_y, like, p.T, p.B, p.H) || !fits(dy, like, p.T, p.B, p.H) || !fits(dh_n, like, p.B, p.H, false) ||
      !fits(dc_n, like, p.B, p.H, false))
    return nb::none();
  if (!at_saved.is(kUnsigned, 8) || !at_saved.dense() || at_saved.bytes() < saved_bytes(p)) return nb::none();
  nb::list made;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool wants = i < kFirst && !in.of[i].absent && nb::cast<bool>(wanted[i]);
    made.append(wants ? make_like(&d[i], inputs[i], in.of[i], p.dtype) : nb::none());
  }
  call.weights = in.weights(), call.x = in.of[kX].sequence(), call.h0 = in.of[kH0].state(), call.c0 = in.of[kC0].state();
  call.y = at_y.sequence(), call.saved = at_saved.data();
  call.dy = dy.sequence(), call.dh_n = dh_n.state(), call.dc_n = dc_n.state();
  call.dx = {d[kX], p.B * p.C, p.C}, call.dh0 = {d[kH0], p.H}, call.dc0 = {d[kC0], p.H};
  call.dweight_ih = d[kWeightIh], call.dweight_hh = d[kWeightHh], call.dbias_ih = d[kBiasIh], call.dbias_hh = d[kBiasHh];
  run(call);
  return made;
}

}  // namespace recorrente
