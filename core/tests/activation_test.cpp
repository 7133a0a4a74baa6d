// tanh and sigmoid of this target against the C library's wider functions: every 61st float32, or every one where the
// argument is `all`, and a walk through the float64. Exit code 77: cannot run here.
#include "activation.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

namespace simd = recorrente::RECORRENTE_SIMD;

namespace {

constexpr double kMaxUlp = 2.5;  // as activation.h says

long double exact_tanh(long double x) { return std::tanh(x); }
double exact_tanh(double x) { return std::tanh(x); }
template <class Wide>
Wide exact_sigmoid(Wide x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }

// In units of the last place of the exact value. Denormal results may be zero, or one that flushing would make zero.
template <class T, class Wide>
double error(T x, T got, Wide want, T least) {
  if (std::isnan(x)) return std::isnan(got) ? 0 : 1e9;
  if (!(got >= least && got <= 1)) return 1e9;
  const T near = std::fabs(static_cast<T>(want));
  if (near < std::numeric_limits<T>::min()) return std::fabs(got) <= std::numeric_limits<T>::min() ? 0 : 1e9;
  return static_cast<double>(std::fabs(got - want) / (std::nextafter(near, T(2)) - near));
}

template <class T>
struct Worst {
  double tanh = 0, sigmoid = 0;

  template <class Wide>
  void see(const T (&x)[simd::kLanes<T>]) {
    T y[simd::kLanes<T>], s[simd::kLanes<T>];
    simd::store(y, simd::tanh(simd::load(x))), simd::store(s, simd::sigmoid(simd::load(x)));
    for (int i = 0; i < simd::kLanes<T>; ++i) {
      tanh = std::fmax(tanh, error<T, Wide>(x[i], y[i], exact_tanh(static_cast<Wide>(x[i])), -1));
      sigmoid = std::fmax(sigmoid, error<T, Wide>(x[i], s[i], exact_sigmoid(static_cast<Wide>(x[i])), 0));
    }
  }

  bool report(const char* name) const {
    std::printf("%s: tanh %.3f ulp, sigmoid %.3f ulp\n", name, tanh, sigmoid);
    return tanh <= kMaxUlp && sigmoid <= kMaxUlp;
  }
};

// Every `stride`th bit pattern, from the first to the last.
template <class T, class Bits, class Wide>
Worst<T> walk(double patterns, Bits stride) {
  Worst<T> worst;
  Bits bits = 0;
  for (double seen = 0; seen < patterns; seen += static_cast<double>(stride) * simd::kLanes<T>) {
    T x[simd::kLanes<T>];
    for (T& value : x) {
      std::memcpy(&value, &bits, sizeof(T));
      bits += stride;
    }
    worst.template see<Wide>(x);
  }
  return worst;
}

bool runs_here() {
#if defined(__AVX512F__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
#elif defined(__AVX2__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return true;
#endif
}

}  // namespace

int main(int argc, char** argv) {
  if (!runs_here()) return 77;
  const std::uint32_t stride = argc > 1 && !std::strcmp(argv[1], "all") ? 1 : 61;
  const bool floats = walk<float, std::uint32_t, double>(std::ldexp(1, 32), stride).report("float32");
  const bool doubles = walk<double, std::uint64_t, long double>(std::ldexp(1, 64), (std::uint64_t{1} << 43) + 12345678901).report("float64");
  return floats && doubles ? 0 : 1;
}
