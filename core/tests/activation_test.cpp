// tanh and sigmoid of this target against the C library's double functions: every 61st float32. Exit code 77: cannot run here.
#include "activation.h"

#include <cmath>
#include <cstdio>
#include <cstring>

namespace simd = recorrente::RECORRENTE_SIMD;

namespace {

constexpr double kMaxUlp = 3;  // as activation.h says
constexpr int kLanes = simd::kLanes<float>;

double exact_sigmoid(double x) { return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x)); }

// In units of the last place of the exact value; denormal results may be zero.
double error(float got, double want) {
  const float near = std::fabs(static_cast<float>(want));
  if (near < 1.2e-38f) return std::fabs(got) < 1.3e-38f ? 0 : 1e9;
  return std::fabs(got - want) / (std::nextafter(near, INFINITY) - near);
}

double worst_of(simd::Vec<float> (*of)(simd::Vec<float>), double (*exact)(double)) {
  double worst = 0;
  for (std::uint64_t start = 0; start < (std::uint64_t{1} << 32); start += 61 * kLanes) {
    float x[kLanes], y[kLanes];
    for (int i = 0; i < kLanes; ++i) {
      const std::uint32_t bits = static_cast<std::uint32_t>(start + 61 * i);
      std::memcpy(x + i, &bits, 4);
    }
    simd::store(y, of(simd::load(x)));
    for (int i = 0; i < kLanes; ++i) {
      const double e = std::isnan(x[i]) ? (std::isnan(y[i]) ? 0 : 1e9) : error(y[i], exact(x[i]));
      if (!(e <= worst)) worst = e;
    }
  }
  return worst;
}

}  // namespace

int main() {
#if defined(__x86_64__)
  if (kLanes == 16 && !__builtin_cpu_supports("avx2")) return 77;
#if defined(__AVX512F__)
  if (!__builtin_cpu_supports("avx512f")) return 77;
#elif defined(__AVX2__)
  if (!__builtin_cpu_supports("avx2")) return 77;
#endif
#endif
  const double tanh = worst_of(simd::tanh, [](double x) { return std::tanh(x); });
  const double sigmoid = worst_of(simd::sigmoid, exact_sigmoid);
  std::printf("tanh %.3f ulp, sigmoid %.3f ulp\n", tanh, sigmoid);
  return tanh <= kMaxUlp && sigmoid <= kMaxUlp ? 0 : 1;
}
