// The binding: integers to pointers. Computes nothing.
// What every argument means is in recorrente/sweep.h; what Python sees is in _core.pyi.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <stdexcept>

#include "_call.h"
#include "_memory.h"
#include "_results.h"
#include "_tensors.h"
#include "_xla.h"
#include "recorrente/sweep.h"
#include "recorrente/target.h"

namespace nb = nanobind;
namespace rc = recorrente;

namespace {

using Address = std::uintptr_t;
using Stride = std::int64_t;

const void* in(Address address) { return reinterpret_cast<const void*>(address); }
void* out(Address address) { return reinterpret_cast<void*>(address); }

rc::Problem problem(int cell, int dtype, Stride T, Stride B, Stride C, Stride H, bool reverse, int threads, int engine,
                    Address lengths, Address reset, Stride reset_step, Stride reset_row) {
  rc::Problem p;
  p.cell = static_cast<rc::Cell>(cell), p.dtype = static_cast<rc::Dtype>(dtype);
  p.engine = static_cast<rc::Engine>(engine);
  p.T = T, p.B = B, p.C = C, p.H = H, p.reverse = reverse, p.threads = threads;
  p.lengths = static_cast<const std::int64_t*>(in(lengths));
  p.reset = static_cast<const std::uint8_t*>(in(reset)), p.reset_step = reset_step, p.reset_row = reset_row;
  return p;
}

// What most calls do without.
struct Further {
  Address peephole = 0, norm_ih = 0, norm_hh = 0, norm_c = 0;
  Address dpeephole = 0, dnorm_ih = 0, dnorm_hh = 0, dnorm_c = 0, bias_sums = 0;
  rc::Regularisation regularisation;
  rc::Restart restart;
  rc::State dh_restart, dc_restart;
  bool add = false, replay = false;
};

int forward(const rc::Problem& p, Address weight_ih, Address weight_hh, Address bias_ih, Address bias_hh, Address x,
            Stride x_step, Stride x_row, Address h0, Stride h0_row, Address c0, Stride c0_row, Address y, Stride y_step,
            Stride y_row, Address h_n, Stride h_n_row, Address c_n, Stride c_n_row, Address saved, const Further* given) {
  const Further further = given ? *given : Further();
  rc::Forward call;
  call.problem = p;
  call.weights = {in(weight_ih), in(weight_hh), in(bias_ih), in(bias_hh), in(further.peephole),
                  in(further.norm_ih), in(further.norm_hh), in(further.norm_c)};
  call.restart = further.restart, call.regularisation = further.regularisation;
  call.x = {in(x), x_step, x_row};
  call.h0 = {in(h0), h0_row}, call.c0 = {in(c0), c0_row};
  call.y = {out(y), y_step, y_row};
  call.h_n = {out(h_n), h_n_row}, call.c_n = {out(c_n), c_n_row};
  call.saved = out(saved), call.replay = further.replay;
  return rc::run(call);
}

int backward(const rc::Problem& p, Address weight_ih, Address weight_hh, Address bias_ih, Address bias_hh, Address x,
             Stride x_step, Stride x_row, Address h0, Stride h0_row, Address c0, Stride c0_row, Address y, Stride y_step,
             Stride y_row, Address saved, Address dy, Stride dy_step, Stride dy_row, Address dh_n, Stride dh_n_row,
             Address dc_n, Stride dc_n_row, Address dx, Stride dx_step, Stride dx_row, Address dh0, Stride dh0_row,
             Address dc0, Stride dc0_row, Address dweight_ih, Address dweight_hh, Address dbias_ih, Address dbias_hh,
             const Further* given) {
  const Further further = given ? *given : Further();
  rc::Backward call;
  call.problem = p;
  call.weights = {in(weight_ih), in(weight_hh), in(bias_ih), in(bias_hh), in(further.peephole),
                  in(further.norm_ih), in(further.norm_hh), in(further.norm_c)};
  call.restart = further.restart, call.regularisation = further.regularisation;
  call.dh_restart = further.dh_restart, call.dc_restart = further.dc_restart;
  call.add = further.add, call.dpeephole = out(further.dpeephole), call.bias_sums = static_cast<double*>(out(further.bias_sums));
  call.dnorm_ih = out(further.dnorm_ih), call.dnorm_hh = out(further.dnorm_hh), call.dnorm_c = out(further.dnorm_c);
  call.x = {in(x), x_step, x_row};
  call.h0 = {in(h0), h0_row}, call.c0 = {in(c0), c0_row};
  call.y = {in(y), y_step, y_row};
  call.saved = out(saved);
  call.dy = {in(dy), dy_step, dy_row};
  call.dh_n = {in(dh_n), dh_n_row}, call.dc_n = {in(dc_n), dc_n_row};
  call.dx = {out(dx), dx_step, dx_row};
  call.dh0 = {out(dh0), dh0_row}, call.dc0 = {out(dc0), dc0_row};
  call.dweight_ih = out(dweight_ih), call.dweight_hh = out(dweight_hh);
  call.dbias_ih = out(dbias_ih), call.dbias_hh = out(dbias_hh);
  return rc::run(call);
}

void turn(int dtype, Stride rows, Stride columns, Address from, Stride from_row, Address to, Stride to_row) {
  rc::raise_unless_ok(rc::turn(static_cast<rc::Dtype>(dtype), rows, columns, in(from), from_row, out(to), to_row));
}

const char* target() {
  if (const char* name = rc::target()) return name;
  throw nb::value_error(rc::describe(rc::Status::bad_target));
}

nb::list targets() {
  nb::list names;
  for (std::size_t i = 0; const char* name = rc::available_target(i); ++i) names.append(name);
  return names;
}

void name_constants(nb::module_& m) {
  m.attr("ELMAN_TANH") = static_cast<int>(rc::Cell::elman_tanh);
  m.attr("ELMAN_RELU") = static_cast<int>(rc::Cell::elman_relu);
  m.attr("ELMAN_LINEAR") = static_cast<int>(rc::Cell::elman_linear);
  m.attr("GRU") = static_cast<int>(rc::Cell::gru);
  m.attr("LSTM") = static_cast<int>(rc::Cell::lstm);
  m.attr("LSTM_PEEPHOLE") = static_cast<int>(rc::Cell::lstm_peephole);
  m.attr("LSTM_COUPLED") = static_cast<int>(rc::Cell::lstm_coupled);
  m.attr("GRU_BEFORE") = static_cast<int>(rc::Cell::gru_before);
  m.attr("GRU_NORM") = static_cast<int>(rc::Cell::gru_norm);
  m.attr("LSTM_NORM") = static_cast<int>(rc::Cell::lstm_norm);
  m.attr("F32") = static_cast<int>(rc::Dtype::f32);
  m.attr("F64") = static_cast<int>(rc::Dtype::f64);
  m.attr("TARGET") = static_cast<int>(rc::Engine::target);
  m.attr("REFERENCE") = static_cast<int>(rc::Engine::reference);
  m.attr("PATH_REFERENCE") = static_cast<int>(rc::Path::reference);
  m.attr("PATH_SINGLE") = static_cast<int>(rc::Path::single);
  m.attr("PATH_ROWS") = static_cast<int>(rc::Path::rows);
  m.attr("PATH_UNITS") = static_cast<int>(rc::Path::units);
}

}  // namespace

NB_MODULE(_core, m) {
  using namespace nb::literals;
  name_constants(m);
  m.def("target", &target);
  m.def("targets", &targets);
  m.def("gates", [](int cell) { return rc::gates(static_cast<rc::Cell>(cell)); }, "cell"_a);
  nb::class_<rc::Problem>(m, "Problem")
      .def("__init__",
           [](rc::Problem* self, int cell, int dtype, Stride T, Stride B, Stride C, Stride H, bool reverse, int threads,
              int engine, Address lengths, Address reset, Stride reset_step, Stride reset_row) {
             new (self) rc::Problem(problem(cell, dtype, T, B, C, H, reverse, threads, engine, lengths, reset, reset_step, reset_row));
           },
           "cell"_a, "dtype"_a, "T"_a, "B"_a, "C"_a, "H"_a, "reverse"_a = false, "threads"_a = 1, "engine"_a = 0,
           "lengths"_a = 0, "reset"_a = 0, "reset_step"_a = 0, "reset_row"_a = 0)
      .def("saved_bytes", [](const rc::Problem& p) { return rc::saved_bytes(p); });
  using AddressRow = std::tuple<Address, Stride>;
  using AddressStepRow = std::tuple<Address, Stride, Stride>;
  nb::class_<Further>(m, "Further")
      .def("__init__",
           [](Further* self, AddressRow drop, AddressStepRow zone_h, AddressStepRow zone_c, AddressRow restart_h,
              AddressRow restart_c, AddressRow dh_restart, AddressRow dc_restart, Address peephole, Address norm_ih,
              Address norm_hh, Address norm_c, Address dpeephole, Address dnorm_ih, Address dnorm_hh, Address dnorm_c,
              Address bias_sums, bool add, Stride drop_gate, bool replay, bool zone_bytes) {
             const auto state = [](AddressRow s) { return rc::ConstState{in(std::get<0>(s)), std::get<1>(s)}; };
             const auto gradient = [](AddressRow s) { return rc::State{out(std::get<0>(s)), std::get<1>(s)}; };
             const auto sequence = [](AddressStepRow s) {
               return rc::ConstSequence{in(std::get<0>(s)), std::get<1>(s), std::get<2>(s)};
             };
             new (self) Further{peephole, norm_ih, norm_hh, norm_c, dpeephole, dnorm_ih, dnorm_hh, dnorm_c, bias_sums,
                                {state(drop), drop_gate, sequence(zone_h), sequence(zone_c), zone_bytes},
                                {state(restart_h), state(restart_c)}, gradient(dh_restart), gradient(dc_restart), add, replay};
           },
           "drop"_a = AddressRow(), "zone_h"_a = AddressStepRow(), "zone_c"_a = AddressStepRow(), "restart_h"_a = AddressRow(),
           "restart_c"_a = AddressRow(), "dh_restart"_a = AddressRow(), "dc_restart"_a = AddressRow(), "peephole"_a = 0,
           "norm_ih"_a = 0, "norm_hh"_a = 0, "norm_c"_a = 0, "dpeephole"_a = 0, "dnorm_ih"_a = 0, "dnorm_hh"_a = 0,
           "dnorm_c"_a = 0, "bias_sums"_a = 0, "add"_a = false, "drop_gate"_a = 0, "replay"_a = false, "zone_bytes"_a = false);
  m.attr("LARGE") = rc::kLarge;
  m.def("take", &rc::take, "size"_a);
  m.def("take_result", &rc::take_result, "shape"_a, "dtype"_a);
  m.def("idle_bytes", &rc::idle_bytes);
  m.def("empty_cache", &rc::drop_blocks);
  m.def("xla_forward", [] { return nb::capsule(reinterpret_cast<void*>(&rc::xla_forward)); });
  m.def("xla_backward", [] { return nb::capsule(reinterpret_cast<void*>(&rc::xla_backward)); });
  m.def("use_exchange", &rc::use_exchange, "capsule"_a.none());
  m.def("pointers", &rc::pointers, "inputs"_a, "cell"_a);
  m.def("plain_forward", &rc::plain_forward, "inputs"_a, "way"_a, "saving"_a, "threads"_a);
  m.def("plain_backward", &rc::plain_backward, "gradients"_a, "inputs"_a, "way"_a, "y"_a, "saved"_a, "wanted"_a, "threads"_a);
  m.def("turn", &turn, "dtype"_a, "rows"_a, "columns"_a, "source"_a, "source_row"_a, "to"_a, "to_row"_a);
  m.def("gradient_stretch", [](int dtype) { return rc::gradient_stretch(static_cast<rc::Dtype>(dtype)); }, "dtype"_a);
  m.def("forward", &forward, "problem"_a, "weight_ih"_a, "weight_hh"_a, "bias_ih"_a, "bias_hh"_a, "x"_a, "x_step"_a,
        "x_row"_a, "h0"_a, "h0_row"_a, "c0"_a, "c0_row"_a, "y"_a, "y_step"_a, "y_row"_a, "h_n"_a, "h_n_row"_a, "c_n"_a,
        "c_n_row"_a, "saved"_a, "further"_a.none() = nb::none());
  m.def("backward", &backward, "problem"_a, "weight_ih"_a, "weight_hh"_a, "bias_ih"_a, "bias_hh"_a, "x"_a, "x_step"_a,
        "x_row"_a, "h0"_a, "h0_row"_a, "c0"_a, "c0_row"_a, "y"_a, "y_step"_a, "y_row"_a, "saved"_a, "dy"_a, "dy_step"_a,
        "dy_row"_a, "dh_n"_a, "dh_n_row"_a, "dc_n"_a, "dc_n_row"_a, "dx"_a, "dx_step"_a, "dx_row"_a, "dh0"_a,
        "dh0_row"_a, "dc0"_a, "dc0_row"_a, "dweight_ih"_a, "dweight_hh"_a, "dbias_ih"_a, "dbias_hh"_a,
        "further"_a.none() = nb::none());
}
