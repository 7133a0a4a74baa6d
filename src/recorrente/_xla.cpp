// XLA's call frames to the core's calls. What is asked of the buffers is in _xla.h, what the core does in sweep.h.
#include "_xla.h"

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "_dense.h"
#include "_memory.h"
#include "recorrente/sweep.h"

namespace recorrente {
namespace {

enum Argument { x, weight_ih, weight_hh, bias_ih, bias_hh, h0, c0, lengths, drop, kGiven, y = kGiven, saved, dy, dh_n, dc_n, kArguments };

const XLA_FFI_Buffer& argument(const XLA_FFI_CallFrame* frame, int i) {
  return *static_cast<const XLA_FFI_Buffer*>(frame->args.args[i]);
}
const XLA_FFI_Buffer& result(const XLA_FFI_CallFrame* frame, int i) {
  return *static_cast<const XLA_FFI_Buffer*>(frame->rets.rets[i]);
}

std::int64_t elements(const XLA_FFI_Buffer& buffer) {
  std::int64_t count = 1;
  for (std::int64_t i = 0; i < buffer.rank; ++i) count *= buffer.dims[i];
  return count;
}

// Null where there are no elements.
void* data(const XLA_FFI_Buffer& buffer) { return elements(buffer) ? buffer.data : nullptr; }
const void* given(const XLA_FFI_CallFrame* frame, int i) { return data(argument(frame, i)); }
void* wanted(const XLA_FFI_CallFrame* frame, int i) { return data(result(frame, i)); }

std::int64_t attribute(const XLA_FFI_CallFrame* frame, std::string_view name) {
  for (std::int64_t i = 0; i < frame->attrs.size; ++i)
    if (name == std::string_view(frame->attrs.names[i]->ptr, frame->attrs.names[i]->len)) {
      const auto* scalar = static_cast<const XLA_FFI_Scalar*>(frame->attrs.attrs[i]);
      const bool whole = frame->attrs.types[i] == XLA_FFI_AttrType_SCALAR && scalar->dtype == XLA_FFI_DataType_S64;
      return whole ? *static_cast<const std::int64_t*>(scalar->value) : -1;
    }
  return -1;
}

XLA_FFI_Error* error(const XLA_FFI_CallFrame* frame, const char* why) {
  XLA_FFI_Error_Create_Args args{};
  args.struct_size = XLA_FFI_Error_Create_Args_STRUCT_SIZE;
  args.message = why, args.errc = XLA_FFI_Error_Code_INVALID_ARGUMENT;
  return frame->api->XLA_FFI_Error_Create(&args);
}
XLA_FFI_Error* error(const XLA_FFI_CallFrame* frame, Status status) { return error(frame, describe(status)); }

constexpr const char* kMisfit = "the arrays of a recorrente call do not fit together";

// Ranks, sizes and dtypes of what is read and written, looked at before anything is: a module can be put together by hand.
class Shapes {
 public:
  Shapes(const XLA_FFI_CallFrame* frame, int arguments, int results) : frame_(frame) {
    const std::int64_t cell = attribute(frame, "cell");
    if (frame->args.size != arguments || frame->rets.size != results || cell < 0 || cell >= kCells) return;
    const XLA_FFI_Buffer &sequence = argument(frame, x), &state = argument(frame, h0);
    dtype_ = sequence.dtype;
    if (sequence.rank != 3 || state.rank != 2 || (dtype_ != XLA_FFI_DataType_F32 && dtype_ != XLA_FFI_DataType_F64)) return;
    B_ = sequence.dims[0], T_ = sequence.dims[1], C_ = sequence.dims[2], H_ = state.dims[1];
    wide_ = gates(static_cast<Cell>(cell)) * H_, c_ = has_c(static_cast<Cell>(cell));
    given_ = H_ > 0 && is(argument(frame, weight_ih), {wide_, C_}) && is(argument(frame, weight_hh), {wide_, H_}) &&
             maybe(argument(frame, bias_ih), {wide_}) && maybe(argument(frame, bias_hh), {wide_}) && is(state, {B_, H_}) &&
             is_c(argument(frame, c0)) && maybe(argument(frame, lengths), {B_}, XLA_FFI_DataType_S32) &&
             (maybe(argument(frame, drop), {B_, H_}) || maybe(argument(frame, drop), {B_, wide_}));
  }
  bool given() const { return given_; }
  bool made(std::size_t saved_bytes) const {
    const std::int64_t kept = elements(result(frame_, 3));
    return is(result(frame_, 0), {B_, T_, H_}) && is(result(frame_, 1), {B_, H_}) && is_c(result(frame_, 2)) &&
           is(result(frame_, 3), {kept}, XLA_FFI_DataType_U8) && (!kept || kept >= static_cast<std::int64_t>(saved_bytes));
  }
  bool going_back(std::size_t saved_bytes) const {
    const std::int64_t kept = elements(argument(frame_, saved));
    for (int i = 0; i < 7; ++i)  // as the arguments are
      if (!maybe(result(frame_, i), argument(frame_, i).dims, argument(frame_, i).rank)) return false;
    return is(argument(frame_, y), {B_, T_, H_}) && maybe(argument(frame_, dy), {B_, T_, H_}) && maybe(argument(frame_, dh_n), {B_, H_}) &&
           maybe(argument(frame_, dc_n), {B_, H_}) && kept >= static_cast<std::int64_t>(saved_bytes) &&
           is(argument(frame_, saved), {kept}, XLA_FFI_DataType_U8) && is(result(frame_, 7), {kept}, XLA_FFI_DataType_U8);
  }

 private:
  using Dims = std::initializer_list<std::int64_t>;
  static bool same(const XLA_FFI_Buffer& buffer, const std::int64_t* dims, std::int64_t rank, XLA_FFI_DataType dtype) {
    return buffer.dtype == dtype && std::equal(dims, dims + rank, buffer.dims, buffer.dims + buffer.rank);
  }
  bool is(const XLA_FFI_Buffer& buffer, Dims dims, XLA_FFI_DataType dtype) const { return same(buffer, dims.begin(), dims.size(), dtype); }
  bool is(const XLA_FFI_Buffer& buffer, Dims dims) const { return is(buffer, dims, dtype_); }
  bool is_c(const XLA_FFI_Buffer& buffer) const { return c_ ? is(buffer, {B_, H_}) : !elements(buffer); }
  // As said, or nothing.
  bool maybe(const XLA_FFI_Buffer& buffer, Dims dims, XLA_FFI_DataType dtype) const { return !elements(buffer) || is(buffer, dims, dtype); }
  bool maybe(const XLA_FFI_Buffer& buffer, Dims dims) const { return maybe(buffer, dims, dtype_); }
  bool maybe(const XLA_FFI_Buffer& buffer, const std::int64_t* dims, std::int64_t rank) const {
    return !elements(buffer) || same(buffer, dims, rank, dtype_);
  }

  const XLA_FFI_CallFrame* const frame_;
  XLA_FFI_DataType dtype_ = XLA_FFI_DataType_INVALID;
  std::int64_t T_ = 0, B_ = 0, C_ = 0, H_ = 0, wide_ = 0;
  bool c_ = false, given_ = false;
};

// XLA asks once which interface this was compiled against.
bool told_version(const XLA_FFI_CallFrame* frame) {
  const XLA_FFI_Extension_Base* extension = frame->extension_start;
  if (!extension || extension->type != XLA_FFI_Extension_Metadata) return false;
  XLA_FFI_Metadata* metadata = reinterpret_cast<const XLA_FFI_Metadata_Extension*>(extension)->metadata;
  metadata->api_version.major_version = XLA_FFI_API_MAJOR, metadata->api_version.minor_version = XLA_FFI_API_MINOR;
  metadata->traits = 0, metadata->state_type_id = XLA_FFI_UNKNOWN_TYPE_ID;
  return true;
}

// What both calls share; `ends` holds the lengths as long as they are read.
template <class Call>
Call call_of(const XLA_FFI_CallFrame* frame, std::vector<std::int64_t>& ends) {
  Problem p;
  const XLA_FFI_Buffer& sequence = argument(frame, x);
  p.cell = static_cast<Cell>(attribute(frame, "cell")), p.reverse = attribute(frame, "reverse") > 0;
  p.threads = static_cast<int>(attribute(frame, "threads"));
  p.dtype = sequence.dtype == XLA_FFI_DataType_F64 ? Dtype::f64 : Dtype::f32;
  p.B = sequence.dims[0], p.T = sequence.dims[1], p.C = sequence.dims[2], p.H = argument(frame, h0).dims[1];
  if (const auto* rows = static_cast<const std::int32_t*>(given(frame, lengths))) {
    ends.assign(rows, rows + p.B);
    p.lengths = ends.data();
  }
  const Weights weights = {given(frame, weight_ih), given(frame, weight_hh), given(frame, bias_ih), given(frame, bias_hh), nullptr};
  const void* const masks = given(frame, drop);
  Call call;
  read(p, weights, {given(frame, x), given(frame, h0), given(frame, c0), masks, masks ? argument(frame, drop).dims[1] : 0}, call);
  return call;
}

template <class Call>
XLA_FFI_Error* run(const XLA_FFI_CallFrame* frame, Call& call, Status sized, std::size_t bytes, Status (*pass)(const Call&, Ran*)) {
  if (sized != Status::ok) return error(frame, sized);
  const Workspace workspace(bytes);
  if (!workspace.data()) return error(frame, Status::too_large);
  call.workspace = workspace.data();
  const Status status = pass(call, nullptr);
  return status == Status::ok ? nullptr : error(frame, status);
}

}  // namespace

XLA_FFI_Error* xla_forward(XLA_FFI_CallFrame* frame) {
  if (told_version(frame)) return nullptr;
  const Shapes shapes(frame, kGiven, 4);
  if (!shapes.given()) return error(frame, kMisfit);
  std::vector<std::int64_t> ends;
  Forward call = call_of<Forward>(frame, ends);
  const Problem& p = call.problem;
  std::size_t kept = 0;
  if (const Status status = saved_bytes(p, &kept); status != Status::ok) return error(frame, status);
  if (!shapes.made(kept)) return error(frame, kMisfit);
  call.y = {wanted(frame, 0), p.H, p.T * p.H};
  call.h_n = {wanted(frame, 1), p.H}, call.c_n = {wanted(frame, 2), p.H};
  call.saved = wanted(frame, 3);
  std::size_t bytes = 0;
  const Status sized = forward_workspace_bytes(p, call.saved != nullptr, &bytes);
  return run(frame, call, sized, bytes, forward);
}

XLA_FFI_Error* xla_backward(XLA_FFI_CallFrame* frame) {
  if (told_version(frame)) return nullptr;
  const Shapes shapes(frame, kArguments, 8);
  if (!shapes.given()) return error(frame, kMisfit);
  std::vector<std::int64_t> ends;
  Backward call = call_of<Backward>(frame, ends);
  const Problem& p = call.problem;
  std::size_t kept = 0;
  if (const Status status = saved_bytes(p, &kept); status != Status::ok) return error(frame, status);
  if (!shapes.going_back(kept)) return error(frame, kMisfit);
  call.y = {given(frame, y), p.H, p.T * p.H};
  call.saved = wanted(frame, 7);
  if (call.saved != given(frame, saved)) std::memcpy(call.saved, given(frame, saved), elements(result(frame, 7)));
  call.dy = {given(frame, dy), p.H, p.T * p.H};
  call.dh_n = {given(frame, dh_n), p.H}, call.dc_n = {given(frame, dc_n), p.H};
  call.dx = {wanted(frame, 0), p.C, p.T * p.C};
  call.dweight_ih = wanted(frame, 1), call.dweight_hh = wanted(frame, 2);
  call.dbias_ih = wanted(frame, 3), call.dbias_hh = wanted(frame, 4);
  call.dh0 = {wanted(frame, 5), p.H}, call.dc0 = {wanted(frame, 6), p.H};
  std::size_t bytes = 0;
  const Status sized = backward_workspace_bytes(p, &bytes);
  return run(frame, call, sized, bytes, backward);
}

}  // namespace recorrente
