// Sizes in, table out: GFLOP/s of useful work of a sweep, and its share of the FMA peak measured beside it.
//
//   sweep_bench [threads] [cells, e.g. gru,lstm] [T,B,C,H or T,B,C,H,ragged ...]
//   sweep_bench peak      for every line of the standard input, a number of threads: their FMA peak now, in GFLOP/s
//
// One thread is timed by its own processor time, more by the clock on the wall; the figure is the best of the runs, the
// spread is from the best to the median.
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "peak.h"
#include "recorrente/sweep.h"
#include "recorrente/target.h"

namespace recorrente::bench {
namespace {

struct Size {
  std::int64_t T, B, C, H;
  bool ragged = false;  // rows that end anywhere in 1..T
};

const Size kSizes[] = {{28, 32, 28, 128},  {28, 128, 28, 128}, {100, 1, 32, 64},   {100, 32, 32, 64},  {100, 32, 128, 256},
                       {100, 64, 256, 512}, {784, 32, 1, 128},  {25, 64, 512, 512}, {50, 64, 500, 500}, {150, 32, 256, 256},
                       {672, 1, 32, 32},    {96, 1, 64, 64},    {150, 1, 256, 256}, {2000, 8, 256, 256}, {60, 8, 40, 100},
                       {300, 16, 3, 48}};

double seconds(bool of_thread) {
  timespec t;
  clock_gettime(of_thread ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Timing {
  double best, median;
};

// At least five runs and half a second.
template <class Run>
Timing time_runs(bool of_thread, const Run& run) {
  std::vector<double> times;
  const double start = seconds(false);
  while (times.size() < 5 || seconds(false) - start < 0.5) {
    const double before = seconds(of_thread);
    run();
    times.push_back(seconds(of_thread) - before);
  }
  std::sort(times.begin(), times.end());
  return {times[0], times[times.size() / 2]};
}

// Memory as torch hands it out: a cache line's alignment.
template <class T>
struct Aligned {
  using value_type = T;
  Aligned() = default;
  template <class U>
  Aligned(const Aligned<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{64})); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, std::align_val_t{64}); }
  template <class U>
  bool operator==(const Aligned<U>&) const { return true; }
  template <class U>
  bool operator!=(const Aligned<U>&) const { return false; }
};
template <class T>
using Array = std::vector<T, Aligned<T>>;

Array<float> random_array(std::int64_t count, double spread) {
  static std::mt19937 random(1);
  std::uniform_real_distribution<float> uniform(static_cast<float>(-spread), static_cast<float>(spread));
  Array<float> array(count);
  for (float& value : array) value = uniform(random);
  return array;
}

std::vector<std::int64_t> random_lengths(const Size& size) {
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(size.B), size.T);
  std::mt19937 random(3);
  if (size.ragged)
    for (std::int64_t& length : lengths) length = 1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(size.T));
  return lengths;
}

void bench_size(Cell cell, const char* name, Size size, int threads, double peak) {
  const auto [T, B, C, H, ragged] = size;
  Problem p;
  p.cell = cell, p.T = T, p.B = B, p.C = C, p.H = H, p.threads = threads;
  const std::vector<std::int64_t> lengths = random_lengths(size);
  if (ragged) p.lengths = lengths.data();
  const std::int64_t GH = gates(cell) * H, TB = T * B;
  const double spread = 1 / std::sqrt(static_cast<double>(H));
  const Array<float> weight_ih = random_array(GH * C, spread), weight_hh = random_array(GH * H, spread), bias = random_array(GH, spread);
  const Array<float> x = random_array(TB * C, 1), dy = random_array(TB * H, 1);
  Array<float> y(TB * H), dx(TB * C), dweight_ih(GH * C), dweight_hh(GH * H), dbias_ih(GH), dbias_hh(GH);
  std::size_t saved_size = 0, sizes[3] = {};
  saved_bytes(p, &saved_size), forward_workspace_bytes(p, false, sizes), forward_workspace_bytes(p, true, sizes + 1);
  backward_workspace_bytes(p, sizes + 2);
  Array<char> saved(saved_size), workspace(*std::max_element(sizes, sizes + 3));

  Forward forward_call;
  forward_call.problem = p, forward_call.weights = {weight_ih.data(), weight_hh.data(), bias.data(), bias.data()};
  forward_call.x = {x.data(), B * C, C}, forward_call.y = {y.data(), B * H, H}, forward_call.workspace = workspace.data();
  Backward backward_call;
  backward_call.problem = p, backward_call.weights = forward_call.weights, backward_call.x = forward_call.x;
  backward_call.y = {y.data(), B * H, H}, backward_call.dy = {dy.data(), B * H, H}, backward_call.dx = {dx.data(), B * C, C};
  backward_call.saved = saved.data(), backward_call.workspace = workspace.data();
  backward_call.dweight_ih = dweight_ih.data(), backward_call.dweight_hh = dweight_hh.data();
  backward_call.dbias_ih = dbias_ih.data(), backward_call.dbias_hh = dbias_hh.data();

  Ran ran;
  const Timing inference = time_runs(threads == 1, [&] { forward(forward_call, &ran); });
  forward_call.saved = saved.data();
  const Timing training = time_runs(threads == 1, [&] { forward(forward_call, &ran), backward(backward_call, &ran); });
  const std::int64_t valid = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  const double flops = 2.0 * static_cast<double>(valid * GH * (C + H)), step = 3 * flops;
  const char* const paths[] = {"reference", "single", "rows", "units"};
  std::printf("%-5s %5d %4d %5d %5d %c %-9s %6.1f %4.0f%%   %6.1f %4.0f%%   +%.0f%%\n", name, static_cast<int>(T), static_cast<int>(B),
              static_cast<int>(C), static_cast<int>(H), ragged ? 'r' : ' ', paths[static_cast<int>(ran.path)], flops / inference.best / 1e9,
              100 * flops / inference.best / peak, step / training.best / 1e9, 100 * step / training.best / peak,
              100 * (training.median / training.best - 1));
  std::fflush(stdout);
}

}  // namespace
}  // namespace recorrente::bench

int main(int argc, char** argv) {
  using namespace recorrente;
  using namespace recorrente::bench;
  if (argc > 1 && argv[1] == std::string("peak")) {
    for (int threads; std::scanf("%d", &threads) == 1;) std::printf("%.2f\n", fma_peak(threads) / 1e9), std::fflush(stdout);
    return 0;
  }
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  if (threads < 1) return std::fprintf(stderr, "sweep_bench: threads: came %s, wanted a number of 1 or more\n", argv[1]), 2;
  const std::string wanted = argc > 2 ? argv[2] : "tanh,gru,lstm";
  const struct { const char* name; Cell cell; } cells[] = {{"tanh", Cell::elman_tanh}, {"gru", Cell::gru}, {"lstm", Cell::lstm}};
  std::vector<Size> sizes(std::begin(kSizes), std::end(kSizes));
  if (argc > 3) sizes.clear();
  for (int i = 3; i < argc; ++i) {
    long long T, B, C, H;
    char word[8] = {};
    const int read = std::sscanf(argv[i], "%lld,%lld,%lld,%lld,%7s", &T, &B, &C, &H, word);
    if (!(read == 4 || (read == 5 && word == std::string("ragged"))) || T < 0 || B < 0 || C < 0 || H < 1)
      return std::fprintf(stderr, "sweep_bench: a size: came %s, wanted T,B,C,H or T,B,C,H,ragged\n", argv[i]), 2;
    sizes.push_back({T, B, C, H, read == 5});
  }
  const double peak = fma_peak(threads);
  std::printf("target %s, %d threads, FMA peak %.0f GFLOP/s; inference and training step, GFLOP/s and share of peak\n", target(), threads, peak / 1e9);
  std::printf("cell      T    B     C     H  shared    inference       training      spread\n");
  for (const auto& cell : cells)
    if (wanted.find(cell.name) != std::string::npos)
      for (const Size& size : sizes) bench_size(cell.cell, cell.name, size, threads, peak);
}
