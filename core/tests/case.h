// One problem with random data, run by any engine. Every array that the core writes starts as NaN, and every row lies apart
// from the next, so that what is left unwritten or written beside its place shows.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "recorrente/sweep.h"

namespace recorrente::test {

struct Options {
  Cell cell;
  std::int64_t T, B, C, H;
  bool reverse = false, ragged = false, resets = false, biases = true, states = true;
  bool restart = false, drop = false, gates_drop = false, zones = false, bytes = false, add = false;
  unsigned seed = 1;
  double scale = 1;  // of inputs and weights
};

using Arrays = std::map<std::string, std::vector<double>>;

template <class T>
class Case {
 public:
  explicit Case(const Options& o) : o_(o), random_(o.seed) {
    const std::int64_t GH = gates(o.cell) * o.H, TB = o.T * o.B;
    fill(x_, TB * (o.C + kGap)), fill(dy_, TB * (o.H + kGap));
    for (auto* state : {&h0_, &c0_, &dh_n_, &dc_n_}) fill(*state, o.B * (o.H + kGap));
    const double spread = o.scale / std::sqrt(static_cast<double>(o.H));
    fill(weight_ih_, GH * o.C, spread), fill(weight_hh_, GH * o.H, spread), fill(bias_ih_, GH, spread), fill(bias_hh_, GH, spread);
    for (auto* state : {&restart_h_, &restart_c_}) fill(*state, o.B * (o.H + kGap));
    fill(drop_, o.B * (GH + kGap));
    for (auto* zone : {&zone_h_, &zone_c_}) fill(*zone, TB * (o.H + kGap));
    for (auto* zone : {&bytes_h_, &bytes_c_})
      for (std::int64_t i = 0; i < TB * (o.H + kGap); ++i) zone->push_back(random_() % 3 == 0);
    fill(peephole_, 3 * o.H), fill(norm_ih_, GH), fill(norm_hh_, GH), fill(norm_c_, 2 * o.H);
    for (std::int64_t b = 0; b < o.B; ++b) lengths_.push_back(random_() % (o.T + 1));
    for (std::int64_t i = 0; i < TB; ++i) reset_.push_back(random_() % 4 == 0);
  }

  // Outputs by name, of forward and backward; `inference` has the outputs of a forward that saves nothing, `replayed` those of
  // both passes where forward is given its own y.
  Arrays run(Engine engine, int threads, Arrays* inference = nullptr, Arrays* replayed = nullptr) {
    const Problem p = problem(engine, threads);
    std::size_t forward_bytes = 0, saving_bytes = 0, backward_bytes = 0, saved_bytes = 0;
    bool ok = forward_workspace_bytes(p, false, &forward_bytes) == Status::ok;
    ok &= forward_workspace_bytes(p, true, &saving_bytes) == Status::ok && backward_workspace_bytes(p, &backward_bytes) == Status::ok;
    ok &= recorrente::saved_bytes(p, &saved_bytes) == Status::ok;
    std::vector<char> saved(saved_bytes + 1, kFill), again = saved;
    Arrays outputs;
    if (inference) ok &= run_forward(p, nullptr, forward_bytes, *inference);
    ok &= run_forward(p, saved.data(), saving_bytes, outputs);
    ok &= run_backward(p, saved.data(), backward_bytes, outputs);
    if (replayed) ok &= run_forward(p, again.data(), saving_bytes, *replayed, true) && run_backward(p, again.data(), backward_bytes, *replayed);
    if (!ok) outputs["status"] = {std::nan("")};
    return outputs;
  }

  Ran ran;  // of the last call

 private:
  static constexpr std::int64_t kGap = 3;  // elements between rows
  static constexpr char kFill = '\xff';    // all ones is a NaN

  void fill(std::vector<T>& array, std::int64_t count, double spread = 1) {
    std::uniform_real_distribution<double> uniform(-1, 1);
    for (std::int64_t i = 0; i < count; ++i) array.push_back(static_cast<T>(static_cast<float>(uniform(random_) * spread)));
  }

  Problem problem(Engine engine, int threads) const {
    Problem p;
    p.cell = o_.cell, p.dtype = sizeof(T) == 4 ? Dtype::f32 : Dtype::f64, p.engine = engine;
    p.T = o_.T, p.B = o_.B, p.C = o_.C, p.H = o_.H, p.reverse = o_.reverse, p.threads = threads;
    if (o_.ragged) p.lengths = lengths_.data();
    if (o_.resets) p.reset = reset_.data(), p.reset_step = o_.B, p.reset_row = 1;
    return p;
  }
  Weights weights() const {
    return {weight_ih_.data(), weight_hh_.data(), o_.biases ? bias_ih_.data() : nullptr, o_.biases ? bias_hh_.data() : nullptr,
            o_.cell == Cell::lstm_peephole ? peephole_.data() : nullptr, normed() ? norm_ih_.data() : nullptr,
            normed() ? norm_hh_.data() : nullptr, o_.cell == Cell::lstm_norm ? norm_c_.data() : nullptr};
  }
  bool cell_state() const { return has_c(o_.cell); }
  bool normed() const { return o_.cell == Cell::gru_norm || o_.cell == Cell::lstm_norm; }
  template <class Call>
  void regularise(Call& call) const {
    if (o_.restart) call.restart = {{restart_h_.data(), o_.H + kGap}, {restart_c_.data(), o_.H + kGap}};
    if (o_.drop) call.regularisation.drop = {drop_.data(), gates(o_.cell) * o_.H + kGap};
    if (o_.gates_drop) call.regularisation.drop_gate = o_.H;
    if (o_.zones) call.regularisation.zone_h = sequence(zone_h_, o_.H), call.regularisation.zone_c = sequence(zone_c_, o_.H);
    call.regularisation.zone_bytes = o_.zones && o_.bytes;
    if (o_.zones && o_.bytes) call.regularisation.zone_h = sequence(bytes_h_, o_.H), call.regularisation.zone_c = sequence(bytes_c_, o_.H);
  }
  // Batch first: rows of the batch are the slow index.
  template <class E>
  ConstSequence sequence(const std::vector<E>& array, std::int64_t n) const { return {array.data(), n + kGap, o_.T * (n + kGap)}; }
  ConstState state(const std::vector<T>& array) const { return {o_.states ? array.data() : nullptr, o_.H + kGap}; }

  static std::vector<T> fresh(std::int64_t count) { return std::vector<T>(count + 1, std::numeric_limits<T>::quiet_NaN()); }
  // Rows of n elements out of n + kGap; the gap must still be NaN.
  static std::vector<double> rows_of(const std::vector<T>& array, std::int64_t rows, std::int64_t n) {
    std::vector<double> values;
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t i = 0; i < n + kGap; ++i) {
        const double value = array[r * (n + kGap) + i];
        if (i < n) values.push_back(value);
        else if (!std::isnan(value)) values.push_back(std::numeric_limits<double>::infinity());
      }
    return values;
  }

  bool run_forward(const Problem& p, void* saved, std::size_t bytes, Arrays& outputs, bool replay = false) {
    const std::int64_t TB = o_.T * o_.B;
    std::vector<char> workspace(bytes, kFill);
    std::vector<T> y = replay ? y_ : fresh(TB * (o_.H + kGap)), h_n = fresh(o_.B * (o_.H + kGap)), c_n = h_n;
    Forward call;
    call.problem = p, call.weights = weights(), call.x = sequence(x_, o_.C), call.h0 = state(h0_), call.c0 = state(c0_);
    call.y = {y.data(), o_.H + kGap, o_.T * (o_.H + kGap)};
    call.h_n = {h_n.data(), o_.H + kGap}, call.c_n = {c_n.data(), o_.H + kGap};
    call.saved = saved, call.workspace = workspace.data(), call.replay = replay;
    regularise(call);
    const bool ok = forward(call, &ran) == Status::ok;
    outputs["y"] = rows_of(y, TB, o_.H), outputs["h_n"] = rows_of(h_n, o_.B, o_.H);
    if (cell_state()) outputs["c_n"] = rows_of(c_n, o_.B, o_.H);
    y_ = std::move(y);
    return ok;
  }

  bool run_backward(const Problem& p, void* saved, std::size_t bytes, Arrays& outputs) {
    const std::int64_t TB = o_.T * o_.B, GH = gates(o_.cell) * o_.H;
    std::vector<char> workspace(bytes, kFill);
    std::vector<T> dx = fresh(TB * (o_.C + kGap)), dh0 = fresh(o_.B * (o_.H + kGap)), dc0 = dh0;
    std::vector<T> dweight_ih = fresh(GH * o_.C), dweight_hh = fresh(GH * o_.H), dbias_ih = fresh(GH), dbias_hh = fresh(GH);
    std::vector<T> dpeephole = fresh(3 * o_.H), dh_restart = dh0, dc_restart = dh0;
    std::vector<T> dnorm_ih = dbias_ih, dnorm_hh = dbias_ih, dnorm_c = fresh(2 * o_.H);
    for (auto* array : {&dweight_ih, &dweight_hh, &dbias_ih, &dbias_hh, &dpeephole, &dnorm_ih, &dnorm_hh, &dnorm_c})
      if (o_.add) std::fill(array->begin(), array->end(), T(0.5));
    Backward call;
    call.problem = p, call.weights = weights(), call.x = sequence(x_, o_.C), call.h0 = state(h0_), call.c0 = state(c0_);
    call.y = sequence(y_, o_.H), call.dy = sequence(dy_, o_.H), call.dh_n = state(dh_n_), call.dc_n = state(dc_n_);
    call.dx = {dx.data(), o_.C + kGap, o_.T * (o_.C + kGap)};
    call.dh0 = {dh0.data(), o_.H + kGap}, call.dc0 = {dc0.data(), o_.H + kGap};
    call.dweight_ih = dweight_ih.data(), call.dweight_hh = dweight_hh.data();
    call.dbias_ih = dbias_ih.data(), call.dbias_hh = dbias_hh.data();
    call.dh_restart = {dh_restart.data(), o_.H + kGap}, call.dc_restart = {dc_restart.data(), o_.H + kGap};
    call.add = o_.add;
    if (o_.cell == Cell::lstm_peephole) call.dpeephole = dpeephole.data();
    if (normed()) call.dnorm_ih = dnorm_ih.data(), call.dnorm_hh = dnorm_hh.data();
    if (o_.cell == Cell::lstm_norm) call.dnorm_c = dnorm_c.data();
    call.saved = saved, call.workspace = workspace.data();
    regularise(call);
    const bool ok = backward(call, &ran) == Status::ok;
    outputs["dx"] = rows_of(dx, TB, o_.C), outputs["dh0"] = rows_of(dh0, o_.B, o_.H);
    outputs["dh_restart"] = rows_of(dh_restart, o_.B, o_.H);
    if (cell_state()) outputs["dc_restart"] = rows_of(dc_restart, o_.B, o_.H);
    if (o_.cell == Cell::lstm_peephole) outputs["dpeephole"] = std::vector<double>(dpeephole.begin(), dpeephole.end() - 1);
    if (cell_state()) outputs["dc0"] = rows_of(dc0, o_.B, o_.H);
    const auto whole = [](const std::vector<T>& array) { return std::vector<double>(array.begin(), array.end() - 1); };
    outputs["dweight_ih"] = whole(dweight_ih), outputs["dweight_hh"] = whole(dweight_hh);
    if (normed()) outputs["dnorm_ih"] = whole(dnorm_ih), outputs["dnorm_hh"] = whole(dnorm_hh);
    if (o_.cell == Cell::lstm_norm) outputs["dnorm_c"] = whole(dnorm_c);
    outputs["dbias_ih"] = whole(dbias_ih), outputs["dbias_hh"] = whole(dbias_hh);
    return ok;
  }

  Options o_;
  std::mt19937 random_;
  std::vector<T> x_, dy_, h0_, c0_, dh_n_, dc_n_, weight_ih_, weight_hh_, bias_ih_, bias_hh_, y_;
  std::vector<std::uint8_t> bytes_h_, bytes_c_;
  std::vector<T> restart_h_, restart_c_, drop_, zone_h_, zone_c_, peephole_, norm_ih_, norm_hh_, norm_c_;
  std::vector<std::int64_t> lengths_;
  std::vector<std::uint8_t> reset_;
};

}  // namespace recorrente::test
