// tanh and sigmoid of vectors. Max error against the exact value, over every float32 / sampled float64:
//   tanh     2.5 ulp        sigmoid   2.5 ulp (a denormal result: within the least normal number)
// NaN gives NaN; infinities give the limits, which no value passes.
#pragma once

#include "simd.h"

namespace recorrente::RECORRENTE_SIMD {

// exp(-x) = scale * (1 + tail): -x = n ln 2 + r, |r| <= ln 2 / 2, scale = 2^n, tail = exp(r) - 1. |x| is at most kMost.
template <class V>
struct Exponential {
  V scale, tail;
};

// What differs between float and double: the constants of the reduction, and a minimax polynomial for
// (exp(r) - 1 - r) / r^2, lowest power first (relative error of exp(r) - 1: 2^-26.2 and 2^-61.7).
template <class T>
struct ExponentialConstants;
template <>
struct ExponentialConstants<float> {
  static constexpr float kLog2e = 1.44269504089f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  static constexpr float kRound = 12582912 + 127;  // 1.5 * 2^23: a sum's last bits are n, here with the exponent's bias
  static constexpr float kMost = 88.0f;            // rounds to n = -127, whose scale is zero; -88 to n = 127
  static constexpr int kMantissa = 23;
  static constexpr float kPolynomial[] = {0.4999999702f, 0.1666654348f, 0.04166720062f, 0.008366520517f, 0.001388251549f};
};
template <>
struct ExponentialConstants<double> {
  static constexpr double kLog2e = 1.4426950408889634074, kLn2High = 0.693145751953125, kLn2Low = 1.4286068203094172321e-6;
  static constexpr double kRound = 6755399441055744.0 + 1023, kMost = 709.0;
  static constexpr int kMantissa = 52;
  static constexpr double kPolynomial[] = {0.5,
                                           0.16666666666666677,
                                           0.04166666666666651,
                                           0.008333333333321691,
                                           0.0013888888888962368,
                                           0.00019841269885966312,
                                           2.4801587172541747e-05,
                                           2.755724437380204e-06,
                                           2.7557402640735177e-07,
                                           2.5108979016724024e-08,
                                           2.0875330466107576e-09};
};

// Even and odd powers apart: half as long a chain as Horner's, and a cell waits for five of them.
template <class V>
inline V exponential_polynomial(V r, V square) {
  using T = Scalar<V>;
  constexpr const auto& c = ExponentialConstants<T>::kPolynomial;
  constexpr int last = sizeof(c) / sizeof(T) - 1;
  V sum = c[last] - V{};
#pragma GCC unroll 8
  for (int i = last - 2; i >= 0; i -= 2) sum = fma(sum, square, fma(c[i + 1] - V{}, r, c[i] - V{}));
  return sum;
}

template <class V>
inline Exponential<V> exponential_of_minus(V x) {
  using T = Scalar<V>;
  using K = ExponentialConstants<T>;
  using Bits = typename VectorOf<T>::bits;
  const V shifted = fma(x, -K::kLog2e - V{}, K::kRound - V{}), n = shifted - K::kRound;
  const V r = fma(n, -K::kLn2Low - V{}, fma(n, -K::kLn2High - V{}, -x)), square = r * r;
  const V tail = fma(square, exponential_polynomial(r, square), r);
  return {(V)((Bits)shifted << K::kMantissa), tail};
}

// With u = exp(-2 |x|): (1 - u) / (1 + u), which keeps the bits of small x, or from 0.7 on 1 - 2 u / (1 + u), where u is so
// small that its rounding hardly counts; then the sign of x.
template <class V>
inline V tanh(V x) {
  using T = Scalar<V>;
  using Bits = typename VectorOf<T>::bits;
  const Bits sign = (Bits)(static_cast<T>(-0.0) - V{}) & (Bits)x;
  const V size = (V)(sign ^ (Bits)x);
  const Exponential<V> e = exponential_of_minus(least_of(ExponentialConstants<T>::kMost - V{}, size + size));
  const V u = fma(e.scale, e.tail, e.scale), t = fma(-e.scale, e.tail, 1 - e.scale);
  const auto large = size > T(0.7);
  const V quotient = (large ? u + u : t) / (1 + u);
  return (V)((Bits)(large ? 1 - quotient : quotient) ^ sign);
}

template <class V>
inline V sigmoid(V x) {
  constexpr Scalar<V> most = ExponentialConstants<Scalar<V>>::kMost;
  const Exponential<V> e = exponential_of_minus(clamp(x, -most, most));
  return 1 / (1 + fma(e.scale, e.tail, e.scale));
}

}  // namespace recorrente::RECORRENTE_SIMD
