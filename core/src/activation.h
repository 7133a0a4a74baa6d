// tanh and sigmoid of vectors. Max error against the exact value, over every float32 / sampled float64:
//   tanh     3 ulp          sigmoid   3 ulp (where the result is not denormal; below that it is zero)
// NaN gives NaN; infinities give the limits.
#pragma once

#include "simd.h"

namespace recorrente::RECORRENTE_SIMD {

// exp(y) = scale * (1 + tail): y = n ln 2 + r, |r| <= ln 2 / 2, scale = 2^n, tail = exp(r) - 1. Beyond +-kMost, as there.
template <class V>
struct Exponential {
  V scale, tail;
};

// What differs between float and double: the constants of the reduction, and a minimax polynomial for
// (exp(r) - 1 - r) / r^2 (relative error of exp(r) - 1: 2^-31.8 and 2^-58.4).
template <class T>
struct ExponentialConstants;
template <>
struct ExponentialConstants<float> {
  static constexpr float kRound = 12582912.0f, kLog2e = 1.44269504089f, kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  static constexpr float kMost = 88.0f;  // rounds to n = 127; -88 to n = -127, whose scale is zero
  static constexpr int kMantissa = 23, kBias = 127;
  static constexpr float kPolynomial[] = {0.0001996216711241619263f, 0.0013943209195641301f, 0.008333220007569343001f,
                                          0.04166632698526102711f,   0.1666666690246935104f, 0.5000000053057057637f};
};
template <>
struct ExponentialConstants<double> {
  static constexpr double kRound = 6755399441055744.0, kLog2e = 1.4426950408889634074, kLn2High = 0.693145751953125;
  static constexpr double kLn2Low = 1.4286068203094172321e-6, kMost = 709.0;
  static constexpr int kMantissa = 52, kBias = 1023;
  static constexpr double kPolynomial[] = {1.76877272527296315e-9,   2.510519411532548809e-8,   2.756792716689096951e-7,
                                           2.755725546205994377e-6,  0.00002480157453813715636, 0.0001984126987476492346,
                                           0.001388888889559709403,  0.008333333333326153695,   0.04166666666665228962,
                                           0.1666666666666667097,    0.5000000000000000862};
};

template <class V>
inline Exponential<V> exponential(V y) {
  using T = Scalar<V>;
  using K = ExponentialConstants<T>;
  using Bits = typename VectorOf<T>::bits;
  y = clamp(y, -K::kMost, K::kMost);
  const V shifted = fma(y, K::kLog2e - V{}, K::kRound - V{}), n = shifted - K::kRound;
  const V r = fma(n, -K::kLn2Low - V{}, fma(n, -K::kLn2High - V{}, y));
  V q = K::kPolynomial[0] - V{};
#pragma GCC unroll 16
  for (unsigned i = 1; i < sizeof(K::kPolynomial) / sizeof(T); ++i) q = fma(q, r, K::kPolynomial[i] - V{});
  const Bits scale = ((Bits)shifted + K::kBias) << K::kMantissa;
  return {(V)scale, fma(r * r, q, r)};
}

// -t / (2 + t) for |x|, t = exp(-2 |x|) - 1, which keeps the bits of small x; then the sign of x.
template <class V>
inline V tanh(V x) {
  using Bits = typename VectorOf<Scalar<V>>::bits;
  const Bits sign = (Bits)(static_cast<Scalar<V>>(-0.0) - V{}) & (Bits)x;
  const Exponential<V> e = exponential(-2 * (V)(sign ^ (Bits)x));
  const V t = fma(e.scale, e.tail, e.scale - 1);
  return (V)((Bits)(-t / (2 + t)) ^ sign);
}

template <class V>
inline V sigmoid(V x) {
  const Exponential<V> e = exponential(-x);
  return 1 / (1 + fma(e.scale, e.tail, e.scale));
}

}  // namespace recorrente::RECORRENTE_SIMD
