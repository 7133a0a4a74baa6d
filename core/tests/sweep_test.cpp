// The pinned target against the scalar reference: every cell, size, direction, length and reset; then that the bits do not
// depend on threads. Exit code 77: no such target here.
#include <cstdio>
#include <cstdlib>

#include "case.h"
#include "recorrente/target.h"

namespace recorrente::test {
namespace {

int failures = 0;

const char* const kNames[] = {"tanh", "relu", "linear", "gru", "lstm", "lstm_peephole", "lstm_coupled", "gru_before", "gru_norm", "lstm_norm"};

void fail(const Options& o, const char* what, const std::string& name, double value) {
  if (++failures < 20)
    std::printf("%s T%d B%d C%d H%d reverse %d ragged %d resets %d biases %d states %d restart %d drop %d %d zones %d%d add %d: %s %s %g\n", kNames[static_cast<int>(o.cell)],
                static_cast<int>(o.T), static_cast<int>(o.B), static_cast<int>(o.C), static_cast<int>(o.H), o.reverse, o.ragged,
                o.resets, o.biases, o.states, o.restart, o.drop, o.gates_drop, o.zones, o.bytes, o.add, what, name.c_str(), value);
}

// The largest error, in units of the array's largest value, or of 0.01 where all are smaller: they may be differences of
// weights and inputs near 1. NaN anywhere is NaN.
double distance(const std::vector<double>& got, const std::vector<double>& want, double least = 0.01) {
  if (got.size() != want.size()) return std::nan("");
  double scale = least, worst = 0;
  for (double value : want) scale = std::fmax(scale, std::fabs(value));
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double error = std::fabs(got[i] - want[i]) / scale;
    if (!(error <= worst)) worst = error;
  }
  return worst;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && (a.empty() || !std::memcmp(a.data(), b.data(), a.size() * sizeof(double)));
}

// A few hundred roundings, each of half a unit in the last place, on values near the scale of the array.
template <class T>
constexpr double kTolerance = 200 * std::numeric_limits<T>::epsilon();

// LN(w x) of a single x hardly depends on the size of x: its gradient is what remains of terms near 1 or above that cancel.
double least_scale(const Options& o) { return o.cell >= Cell::gru_norm && (o.C == 1 || o.H == 1) ? 0.1 : 0.01; }

// One case of each type serves all its runs, and the reference runs once for both types: both are most of what this test costs.
template <class T>
void compare(const Options& o, Case<T>& one, const Arrays& want) {
  Arrays inference, replayed;
  Arrays* const again = o.drop ? nullptr : &replayed;
  const Arrays got = one.run(Engine::target, 2, &inference, again);
  for (const auto& [name, values] : want) {
    const double error = got.count(name) ? distance(got.at(name), values, least_scale(o)) : std::nan("");
    if (!(error <= kTolerance<T>)) fail(o, sizeof(T) == 4 ? "float error" : "double error", name, error);
    if (again && !same_bits(replayed[name], got.at(name))) fail(o, "replayed differs", name, 0);
    if (inference.count(name) && !same_bits(inference.at(name), got.at(name))) fail(o, "inference differs", name, 0);
  }
  if (got.count("status")) fail(o, "status", "", 0);
}

void compare_with_reference(const Options& o) {
  Case<float> floats(o);
  Case<double> doubles(o);
  const Arrays want = doubles.run(Engine::reference, 1);
  compare(o, floats, want);
  compare(o, doubles, want);
}

template <class T>
void compare_threads(const Options& o, Path wanted) {
  const Arrays one = Case<T>(o).run(Engine::target, 1);
  for (int threads : {2, 3, 8}) {
    Case<T> many(o);
    Arrays replayed;
    for (const auto& [name, values] : many.run(Engine::target, threads, nullptr, o.drop ? nullptr : &replayed))
      if (!same_bits(values, one.at(name))) fail(o, "bits change with threads", name, threads);
    for (const auto& [name, values] : replayed)
      if (!same_bits(values, one.at(name))) fail(o, "replayed bits change with threads", name, threads);
    // Soon after a team by units was broken up, on a crowded machine, one thread is right too.
    const bool alone = wanted == Path::units && many.ran.path == Path::single;
    if (many.ran.path != wanted && !alone) fail(o, "path", "", static_cast<int>(many.ran.path));
  }
}

bool can_zone(Cell cell) { return cell != Cell::lstm_peephole; }
bool can_drop_by_gate(Cell cell) { return cell != Cell::gru_norm && cell != Cell::lstm_norm; }

void every_size(Cell cell) {
  const std::int64_t sizes[][4] = {{0, 3, 2, 5},  {3, 0, 2, 5},  {1, 1, 1, 1},   {1, 1, 0, 1},   {2, 7, 1, 7},   {5, 1, 7, 63},
                                   {3, 2, 9, 65}, {4, 13, 3, 8}, {7, 5, 16, 17}, {3, 33, 33, 9}, {2, 5, 63, 33}, {60, 1, 3, 16},
                                   {2, 3, 5, 129}, {31, 17, 4, 12}, {3, 391, 2, 9}, {4, 193, 3, 9}, {1, 1, 70, 40}, {1, 2, 33, 21}, {1, 4, 200, 290}};
  for (const auto& s : sizes)
    for (int bits = 0; bits < 32; bits += s[3] < 200 ? 1 : 7) {
      Options o{cell, s[0], s[1], s[2], s[3], (bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, (bits & 8) == 0, (bits & 16) == 0};
      o.seed = bits + 1;
      // The others in another rhythm, so that all pairs meet.
      o.restart = bits % 3 == 1, o.drop = bits % 5 < 3, o.gates_drop = bits % 5 == 2 && can_drop_by_gate(cell), o.zones = bits % 7 < 3 && can_zone(cell), o.bytes = bits % 7 == 1, o.add = bits % 11 < 4;
      compare_with_reference(o);
    }
}

void every_team() {
  for (int cell = 0; cell < kCells; ++cell)
    for (bool all : {false, true}) {
      const auto options = [&](std::int64_t T, std::int64_t B, std::int64_t C, std::int64_t H) {
        Options o{static_cast<Cell>(cell), T, B, C, H, all, all, all};
        o.restart = o.drop = all, o.gates_drop = all && (cell + T / 4) % 2 && can_drop_by_gate(o.cell), o.zones = all && can_zone(o.cell), o.bytes = B % 2;
        return o;
      };
      compare_threads<float>(options(40, 37, 24, 40), Path::rows);
      compare_threads<double>(options(40, 37, 24, 40), Path::rows);
      // A step of two products has a row's whole h between them, a norm sums over a row: both are shared by rows alone.
      const bool by_rows = static_cast<Cell>(cell) == Cell::gru_before || static_cast<Cell>(cell) >= Cell::gru_norm;
      compare_threads<float>(options(12, 2, 40, 800), by_rows ? Path::rows : Path::units);
      if (!by_rows) compare_threads<float>(options(1, 2, 700, 800), Path::units);
      compare_threads<float>(options(3, 2, 4, 5), Path::single);
      compare_threads<float>(options(5, 801, 12, 24), Path::rows);
      compare_threads<float>(options(1, 32, 256, 256), by_rows ? Path::rows : Path::units);  // less to read of a state than of the weights
    }
}

void large_values() {
  for (int cell = 0; cell < kCells; ++cell) {
    Options o{static_cast<Cell>(cell), 20, 5, 30, 24};
    o.scale = cell == static_cast<int>(Cell::elman_tanh) || cell >= static_cast<int>(Cell::gru) ? 30 : 1;
    const Arrays got = Case<float>(o).run(Engine::target, 1);
    for (const auto& [name, values] : got)
      for (double value : values)
        if (!std::isfinite(value)) fail(o, "not finite", name, value);
  }
}

}  // namespace
}  // namespace recorrente::test

int main() {
  using namespace recorrente::test;
  if (!recorrente::target()) return 77;
  for (int cell = 0; cell < recorrente::kCells; ++cell) every_size(static_cast<recorrente::Cell>(cell));
  every_team();
  large_values();
  Case<float> any({recorrente::Cell::gru, 2, 2, 2, 2});
  any.run(recorrente::Engine::target, 1);
  const char* pinned = std::getenv("RECORRENTE_TARGET");
  if (pinned && std::strcmp(any.ran.target, pinned)) std::printf("ran %s, wanted %s\n", any.ran.target, pinned), ++failures;
  std::printf("%s: %d failures\n", any.ran.target, failures);
  return failures ? 1 : 0;
}
