// TensorFlow's tensors to the core's calls. What is asked of them is in _tensorflow.h, what the core does in sweep.h.
#include "_tensorflow.h"

#include <array>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <vector>

#include "_dense.h"
#include "_memory.h"
#include "_tensorflow_interface.h"
#include "recorrente/sweep.h"

namespace recorrente {
namespace {

enum Input { x, weight_ih, weight_hh, bias_ih, bias_hh, h0, c0, lengths, drop, kGiven, y = kGiven, saved, dy, dh_n, dc_n, kArriving };
enum Gradient { dx, dweight_ih, dweight_hh, dbias_ih, dbias_hh, dh0, dc0, kGradients };
constexpr unsigned char kFresh = 1, kUsed = 0;  // the byte after those that the core saves

// What a node of the graph says of itself.
struct Node {
  std::int64_t cell = 0, threads = 1, units = 0, wanted = 0;
  bool reverse = false, saving = false;
  std::vector<std::int64_t> gates;  // of Keras, in our order, each `units` wide; none: the weights are ours
};

// One run of a node: what came, what goes out, and the first that went wrong.
class Run {
 public:
  Run(TF_OpKernelContext* context, int inputs) : context_(context), outcome_(tf().NewStatus()) {
    for (int i = 0; i < inputs && good(); ++i) {
      TF_Tensor* tensor = nullptr;
      tf().GetInput(context, i, &tensor, outcome_.get());
      tensors_[i].reset(tensor);
    }
  }
  ~Run() {
    if (!good()) tf().OpKernelContext_Failure(context_, outcome_.get());
  }

  bool good() const { return tf().GetCode(outcome_.get()) == kOk; }
  void refuse(Code code, const char* why) { tf().SetStatus(outcome_.get(), code, why); }
  bool take(Status status) {
    if (status != Status::ok) refuse(kInvalidArgument, describe(status));
    return status == Status::ok;
  }
  bool has(const Workspace& workspace) {
    if (!workspace.data()) refuse(kResourceExhausted, "there is not enough memory for this call");
    return workspace.data();
  }

  std::int64_t elements(Input i) const { return tf().TensorElementCount(tensors_[i].get()); }
  // Null where there are no elements.
  void* data(Input i) const { return elements(i) ? tf().TensorData(tensors_[i].get()) : nullptr; }
  int dtype(Input i) const { return tf().TensorType(tensors_[i].get()); }
  int rank(Input i) const { return tf().NumDims(tensors_[i].get()); }
  std::int64_t dim(Input i, int d) const { return tf().Dim(tensors_[i].get(), d); }
  std::vector<std::int64_t> dims(Input i) const {
    std::vector<std::int64_t> all(rank(i));
    for (int d = 0; d < rank(i); ++d) all[d] = dim(i, d);
    return all;
  }

  // Null where there are no elements, or no memory, or something went wrong before: TensorFlow would write over what that was.
  void* make(int output, int dtype, const std::vector<std::int64_t>& dims) {
    if (!good()) return nullptr;
    std::size_t bytes = dtype == kUint8 ? 1 : dtype == kFloat ? 4 : 8;
    for (const std::int64_t d : dims) bytes *= d;
    const Tensor made(tf().AllocateOutput(context_, output, dtype, dims.data(), static_cast<int>(dims.size()), bytes, outcome_.get()));
    return good() && bytes ? tf().TensorData(made.get()) : nullptr;
  }

 private:
  TF_OpKernelContext* const context_;
  const Outcome outcome_;
  std::array<Tensor, kArriving> tensors_;
};

Problem problem_of(const Node& node, const Run& run) {
  Problem p;
  p.cell = static_cast<Cell>(node.cell), p.reverse = node.reverse, p.threads = static_cast<int>(node.threads);
  p.dtype = run.dtype(x) == kDouble ? Dtype::f64 : Dtype::f32;
  p.B = run.dim(x, 0), p.T = run.dim(x, 1), p.C = run.dim(x, 2), p.H = run.dim(h0, 1);
  p.lengths = static_cast<const std::int64_t*>(run.data(lengths));
  return p;
}

// Ranks and sizes of what is read, which nothing has looked at before: a graph can be put together by hand.
class Shapes {
 public:
  Shapes(const Run& run, const Node& node) : run_(run), node_(node), ours_(node.gates.empty()) {
    if (run.rank(x) != 3 || run.rank(h0) != 2 || node.cell < 0 || node.cell >= kCells) return;
    B_ = run.dim(x, 0), T_ = run.dim(x, 1), C_ = run.dim(x, 2), H_ = run.dim(h0, 1);
    wide_ = gates(static_cast<Cell>(node.cell)) * H_;
    given_ = order() && matrices() && (is(bias_ih, {wide_}) || (!ours_ && is(bias_ih, {2, wide_}))) && (ours_ ? is(bias_hh, {wide_}) : !run.elements(bias_hh)) &&
             is(h0, {B_, H_}) && is(c0, {B_, H_}) && is(lengths, {B_}) && (is(drop, {B_, H_}) || is(drop, {B_, wide_}));
  }
  bool given() const { return given_; }
  bool arriving(std::size_t saved_bytes) const {
    return run_.dims(y) == std::vector<std::int64_t>{B_, T_, H_} && is(dy, {B_, T_, H_}) && is(dh_n, {B_, H_}) && is(dc_n, {B_, H_}) &&
           run_.elements(saved) == static_cast<std::int64_t>(saved_bytes) + 1;
  }

 private:
  // As said, or nothing.
  bool is(Input i, const std::vector<std::int64_t>& dims) const { return !run_.elements(i) || run_.dims(i) == dims; }
  bool order() const {
    const std::int64_t count = node_.gates.size();
    for (const std::int64_t gate : node_.gates)
      if (gate < 0 || gate >= count) return false;
    return ours_ || count * node_.units == wide_;
  }
  bool matrices() const {
    using Dims = std::vector<std::int64_t>;
    return run_.dims(weight_ih) == (ours_ ? Dims{wide_, C_} : Dims{C_, wide_}) &&
           run_.dims(weight_hh) == (ours_ ? Dims{wide_, H_} : Dims{H_, wide_});
  }

  const Run& run_;
  const Node& node_;
  const bool ours_;
  bool given_ = false;
  std::int64_t T_ = 0, B_ = 0, C_ = 0, H_ = 0, wide_ = 0;
};

// Room for weights, or for gradients of weights, in our order beside those in Keras'.
class Turned {
 public:
  Turned(const Node& node, const Problem& p, const Run& run)
      : node_(node), p_(p), size_(p.dtype == Dtype::f64 ? 8 : 4), wide_(gates(p.cell) * p.H),
        room_(node.gates.empty() ? 0 : size_ * wide_ * (p.C + p.H + 2)), two_(run.rank(bias_ih) == 2) {}

  const Workspace& room() const { return room_; }
  char* ih() const { return static_cast<char*>(room_.data()); }
  char* hh() const { return ih() + size_ * wide_ * p_.C; }
  char* bias() const { return hh() + size_ * wide_ * p_.H; }
  char* second_bias() const { return two_ ? bias() + size_ * wide_ : nullptr; }

  void to_ours(std::int64_t columns, const void* theirs, char* ours) const {
    each([&](std::int64_t gate, std::int64_t number) {
      turn(p_.dtype, columns, node_.units, at(theirs, gate), wide_, ours + number * columns * node_.units * size_, columns);
    });
  }
  void to_keras(std::int64_t columns, const char* ours, void* theirs) const {
    each([&](std::int64_t gate, std::int64_t number) {
      turn(p_.dtype, node_.units, columns, ours + number * columns * node_.units * size_, columns, at(theirs, gate), wide_);
    });
  }
  void bias_to_ours(const void* theirs) const {
    each_bias([&](std::int64_t there, std::int64_t here) { copy(at(theirs, there), at(bias(), here)); });
  }
  void bias_to_keras(void* theirs) const {
    each_bias([&](std::int64_t there, std::int64_t here) { copy(at(bias(), here), at(theirs, there)); });
  }

 private:
  template <class Act>
  void each(Act act) const {
    for (std::size_t number = 0; number < node_.gates.size(); ++number) act(node_.gates[number], number);
  }
  template <class Act>
  void each_bias(Act act) const {
    const std::int64_t count = node_.gates.size();
    for (std::int64_t row = 0; row < (two_ ? 2 : 1); ++row)
      each([&](std::int64_t gate, std::int64_t number) { act(row * count + gate, row * count + number); });
  }
  void copy(const void* from, void* to) const { std::memcpy(to, from, node_.units * size_); }
  const void* at(const void* all, std::int64_t gate) const { return static_cast<const char*>(all) + gate * node_.units * size_; }
  void* at(void* all, std::int64_t gate) const { return static_cast<char*>(all) + gate * node_.units * size_; }

  const Node& node_;
  const Problem& p_;
  const std::int64_t size_, wide_;
  const Workspace room_;
  const bool two_;  // biases
};

Weights weights_of(const Node& node, const Run& run, const Problem& p, const Turned& turned) {
  if (node.gates.empty()) return {run.data(weight_ih), run.data(weight_hh), run.data(bias_ih), run.data(bias_hh)};
  if (p.C) turned.to_ours(p.C, run.data(weight_ih), turned.ih());
  turned.to_ours(p.H, run.data(weight_hh), turned.hh());
  if (!run.data(bias_ih)) return {turned.ih(), turned.hh()};
  turned.bias_to_ours(run.data(bias_ih));
  return {turned.ih(), turned.hh(), turned.bias(), turned.second_bias()};
}

Dense dense(const Run& run) {
  const void* const masks = run.data(drop);
  return {run.data(x), run.data(h0), run.data(c0), masks, masks ? run.dim(drop, 1) : 0};
}

template <class Call>
bool pass(Run& run, Call& call, std::size_t bytes, Status (*way)(const Call&, Ran*)) {
  const Workspace workspace(bytes);
  if (!run.has(workspace)) return false;
  call.workspace = workspace.data();
  return run.take(way(call, nullptr));
}

bool pass(Run& run, Forward& call) {
  std::size_t bytes = 0;
  return run.take(forward_workspace_bytes(call.problem, call.saved, &bytes)) && pass(run, call, bytes, forward);
}
bool pass(Run& run, Backward& call) {
  std::size_t bytes = 0;
  return run.take(backward_workspace_bytes(call.problem, &bytes)) && pass(run, call, bytes, backward);
}

constexpr const char* kMisfit = "the shapes of a recorrente operation do not fit together";

void go_forward(void* kernel, TF_OpKernelContext* context) {
  const Node& node = *static_cast<const Node*>(kernel);
  Run run(context, kGiven);
  if (!run.good()) return;
  if (!Shapes(run, node).given()) return run.refuse(kInvalidArgument, kMisfit);
  const Problem p = problem_of(node, run);
  std::size_t bytes = 0;
  if (node.saving && !run.take(saved_bytes(p, &bytes))) return;
  const int dtype = run.dtype(x);
  Forward call;
  call.y = {run.make(0, dtype, {p.B, p.T, p.H}), p.H, p.T * p.H};
  call.h_n = {run.make(1, dtype, {p.B, p.H}), p.H};
  call.c_n = {run.make(2, dtype, has_c(p.cell) ? std::vector<std::int64_t>{p.B, p.H} : std::vector<std::int64_t>{0}), p.H};
  const std::int64_t room = node.saving ? bytes + 1 : 0;
  auto* kept = static_cast<unsigned char*>(run.make(3, kUint8, {room}));
  const Turned turned(node, p, run);
  if (!run.good() || !run.has(turned.room())) return;
  if (kept) kept[bytes] = kFresh;
  call.saved = kept;
  read(p, weights_of(node, run, p, turned), dense(run), call);
  pass(run, call);
}

// The gradients that are wanted: where the core writes them, and their way to Keras' order.
class Gradients {
 public:
  Gradients(Run& run, const Node& node, const Problem& p) : p_(p), ours_(node.gates.empty()), coming_(node, p, run) {
    for (int i = 0; i < kGradients; ++i)  // as the first inputs are
      to_[i] = run.make(i, run.dtype(x), node.wanted >> i & 1 ? run.dims(static_cast<Input>(i)) : std::vector<std::int64_t>{0});
  }
  const Workspace& room() const { return coming_.room(); }

  void aim(Backward& call) const {
    call.dx = {to_[dx], p_.C, p_.T * p_.C};
    call.dh0 = {to_[dh0], p_.H}, call.dc0 = {to_[dc0], p_.H};
    if (ours_) {
      call.dweight_ih = to_[dweight_ih], call.dweight_hh = to_[dweight_hh];
      call.dbias_ih = to_[dbias_ih], call.dbias_hh = to_[dbias_hh];
      return;
    }
    if (to_[dweight_ih]) call.dweight_ih = coming_.ih();
    if (to_[dweight_hh]) call.dweight_hh = coming_.hh();
    if (to_[dbias_ih]) call.dbias_ih = coming_.bias(), call.dbias_hh = coming_.second_bias();
  }
  void give() const {
    if (ours_) return;
    if (to_[dweight_ih]) coming_.to_keras(p_.C, coming_.ih(), to_[dweight_ih]);
    if (to_[dweight_hh]) coming_.to_keras(p_.H, coming_.hh(), to_[dweight_hh]);
    if (to_[dbias_ih]) coming_.bias_to_keras(to_[dbias_ih]);
  }

 private:
  const Problem& p_;
  const bool ours_;
  const Turned coming_;
  std::array<void*, kGradients> to_{};
};

// Takes what the forward call saved, or goes forward once more where somebody took it before.
class Saved {
 public:
  Saved(Run& run, const Problem& p, const Weights& weights, std::size_t bytes)
      : kept_(static_cast<unsigned char*>(run.data(saved))),
        fresh_(__atomic_exchange_n(kept_ + bytes, kUsed, __ATOMIC_ACQ_REL) == kFresh), own_(fresh_ ? 0 : bytes) {
    if (!fresh_ && run.has(own_)) again(run, p, weights);
  }
  void* data() const { return fresh_ ? kept_ : own_.data(); }

 private:
  void again(Run& run, const Problem& p, const Weights& weights) const {
    const Workspace outputs((p.dtype == Dtype::f64 ? 8 : 4) * p.B * p.T * p.H);
    if (!run.has(outputs)) return;
    Forward call;
    call.y = {outputs.data(), p.H, p.T * p.H};
    call.saved = own_.data();
    read(p, weights, dense(run), call);
    pass(run, call);
  }

  unsigned char* const kept_;
  const bool fresh_;
  const Workspace own_;
};

void go_backward(void* kernel, TF_OpKernelContext* context) {
  const Node& node = *static_cast<const Node*>(kernel);
  Run run(context, kArriving);
  if (!run.good()) return;
  const Shapes shapes(run, node);
  if (!shapes.given()) return run.refuse(kInvalidArgument, kMisfit);
  const Problem p = problem_of(node, run);
  std::size_t bytes = 0;
  if (!run.take(saved_bytes(p, &bytes))) return;
  if (!shapes.arriving(bytes)) return run.refuse(kInvalidArgument, kMisfit);
  const Gradients gradients(run, node, p);
  const Turned turned(node, p, run);
  if (!run.good() || !run.has(turned.room()) || !run.has(gradients.room())) return;
  const Weights weights = weights_of(node, run, p, turned);
  const Saved kept(run, p, weights, bytes);
  if (!run.good()) return;
  Backward call;
  read(p, weights, dense(run), call);
  call.saved = kept.data();
  call.y = {run.data(y), p.H, p.T * p.H}, call.dy = {run.data(dy), p.H, p.T * p.H};
  call.dh_n = {run.data(dh_n), p.H}, call.dc_n = {run.data(dc_n), p.H};
  gradients.aim(call);
  if (pass(run, call)) gradients.give();
}

void* make_node(TF_OpKernelConstruction* construction, bool forward) {
  auto node = std::make_unique<Node>();
  const Outcome outcome(tf().NewStatus());
  unsigned char flag = 0;
  std::int32_t count = 0, bytes = 0;
  const auto good = [&] { return tf().GetCode(outcome.get()) == kOk; };
  const auto number = [&](const char* name, std::int64_t& value) {
    if (good()) tf().OpKernelConstruction_GetAttrInt64(construction, name, &value, outcome.get());
  };
  const auto truth = [&](const char* name, bool& value) {
    if (good()) tf().OpKernelConstruction_GetAttrBool(construction, name, &flag, outcome.get());
    value = flag;
  };
  number("cell", node->cell), number("threads", node->threads), number("units", node->units);
  truth("reverse", node->reverse);
  if (forward) truth("saving", node->saving);
  if (!forward) number("wanted", node->wanted);
  if (good()) tf().OpKernelConstruction_GetAttrSize(construction, "gates", &count, &bytes, outcome.get());
  node->gates.resize(good() ? count : 0);
  if (count) tf().OpKernelConstruction_GetAttrInt64List(construction, "gates", node->gates.data(), count, outcome.get());
  if (!good()) tf().OpKernelConstruction_Failure(construction, outcome.get());
  return node.release();
}

void offer(const char* name, std::initializer_list<const char*> attributes, std::initializer_list<const char*> inputs,
           std::initializer_list<const char*> outputs, void* (*make)(TF_OpKernelConstruction*), void (*go)(void*, TF_OpKernelContext*)) {
  const Outcome outcome(tf().NewStatus());
  TF_OpDefinitionBuilder* definition = tf().NewOpDefinitionBuilder(name);
  for (const char* attribute : {"T: {float, double}", "cell: int", "reverse: bool", "threads: int", "gates: list(int) >= 0", "units: int"})
    tf().OpDefinitionBuilderAddAttr(definition, attribute);
  for (const char* attribute : attributes) tf().OpDefinitionBuilderAddAttr(definition, attribute);
  for (const char* input : {"x: T", "weight_ih: T", "weight_hh: T", "bias_ih: T", "bias_hh: T", "h0: T", "c0: T", "lengths: int64", "drop: T"})
    tf().OpDefinitionBuilderAddInput(definition, input);
  for (const char* input : inputs) tf().OpDefinitionBuilderAddInput(definition, input);
  for (const char* output : outputs) tf().OpDefinitionBuilderAddOutput(definition, output);
  tf().OpDefinitionBuilderSetShapeInferenceFunction(
      definition, [](TF_ShapeInferenceContext* context, TF_Status* status) { tf().ShapeInferenceContextSetUnknownShape(context, status); });
  tf().RegisterOpDefinition(definition, outcome.get());
  TF_KernelBuilder* builder = tf().NewKernelBuilder(name, "CPU", make, go, [](void* node) { delete static_cast<Node*>(node); });
  tf().RegisterKernelBuilder(name, builder, outcome.get());
}

}  // namespace
}  // namespace recorrente

void recorrente_register_tensorflow() {
  using namespace recorrente;
  if (!tf().whole) return;
  offer("RecorrenteForward", {"saving: bool", "sequences: bool = true"}, {}, {"y: T", "h_n: T", "c_n: T", "saved: uint8"},
        [](TF_OpKernelConstruction* construction) { return make_node(construction, true); }, go_forward);
  offer("RecorrenteBackward", {"wanted: int"}, {"y: T", "saved: uint8", "dy: T", "dh_n: T", "dc_n: T"},
        {"dx: T", "dweight_ih: T", "dweight_hh: T", "dbias_ih: T", "dbias_hh: T", "dh0: T", "dc0: T"},
        [](TF_OpKernelConstruction* construction) { return make_node(construction, false); }, go_backward);
}
