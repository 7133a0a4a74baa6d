// Vectors for one target. Compiled once for each set of instructions, in a namespace of its own (RECORRENTE_SIMD), so that
// the linker can never give one target another's code. Nothing here or in what includes it may be an inline function or
// template outside that namespace that uses vectors.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#if defined(__AVX__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace recorrente::RECORRENTE_SIMD {

// RECORRENTE_WIDE: AVX-512's shapes made of narrower vectors, to test them on machines without it.
#if defined(__AVX512F__) || defined(RECORRENTE_WIDE)
constexpr int kVectorBytes = 64, kRegisters = 32;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32, kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kVectorBytes = 16, kRegisters = 32;
#else
constexpr int kVectorBytes = 16, kRegisters = 16;
#endif

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  typedef float type __attribute__((vector_size(kVectorBytes)));
  typedef float loose __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
  typedef std::int32_t bits __attribute__((vector_size(kVectorBytes)));
};
template <>
struct VectorOf<double> {
  typedef double type __attribute__((vector_size(kVectorBytes)));
  typedef double loose __attribute__((vector_size(kVectorBytes), aligned(8), may_alias));
  typedef std::int64_t bits __attribute__((vector_size(kVectorBytes)));
};

template <class T>
using Vec = typename VectorOf<T>::type;
template <class T>
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(T));

// No alignment is asked for.
template <class T>
inline Vec<T> load(const T* from) { return *reinterpret_cast<const typename VectorOf<T>::loose*>(from); }
template <class T>
inline void store(T* to, Vec<T> v) { *reinterpret_cast<typename VectorOf<T>::loose*>(to) = v; }

// Stores past the caches, `to` aligned to a vector. Others see them after settle().
template <class T>
inline void stream(T* to, Vec<T> v) {
#if defined(__AVX512F__)
  _mm512_stream_si512(reinterpret_cast<__m512i*>(to), (__m512i)v);
#elif defined(__AVX2__) && !defined(RECORRENTE_WIDE)
  _mm256_stream_si256(reinterpret_cast<__m256i*>(to), (__m256i)v);
#elif defined(__SSE2__) && !defined(RECORRENTE_WIDE)
  _mm_stream_si128(reinterpret_cast<__m128i*>(to), (__m128i)v);
#else
  store(to, v);
#endif
}
inline void settle() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

// Keeps what several instructions use in a register: with few rows in a tile, compilers load a column again for each of them.
template <class V>
inline void keep([[maybe_unused]] V& v) {
#if defined(__AVX512F__)
  asm("" : "+v"(v));
#elif defined(__AVX2__) && !defined(RECORRENTE_WIDE)
  asm("" : "+x"(v));
#endif
}

// a * b + c: one rounding, except on targets without FMA (and in the wide test target).
#if defined(__AVX512F__)
inline Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
  return (Vec<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
inline Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
  return (Vec<double>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
}
inline Vec<float> broadcast(const float* from) { return (Vec<float>)_mm512_set1_ps(*from); }
inline Vec<double> broadcast(const double* from) { return (Vec<double>)_mm512_set1_pd(*from); }
#elif defined(__AVX2__) && !defined(RECORRENTE_WIDE)
inline Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
  return (Vec<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
inline Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
  return (Vec<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
}
inline Vec<float> broadcast(const float* from) { return (Vec<float>)_mm256_broadcast_ss(from); }
inline Vec<double> broadcast(const double* from) { return (Vec<double>)_mm256_broadcast_sd(from); }
#else
#if defined(__aarch64__)
inline Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
  return (Vec<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
inline Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
  return (Vec<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
}
#else
inline Vec<float> fma(Vec<float> a, Vec<float> b, Vec<float> c) {
  return a * b + c;
}
inline Vec<double> fma(Vec<double> a, Vec<double> b, Vec<double> c) {
  return a * b + c;
}
#endif
// Minus zero: what the compiler may drop without changing a bit.
inline Vec<float> broadcast(const float* from) { return *from - Vec<float>{}; }
inline Vec<double> broadcast(const double* from) { return *from - Vec<double>{}; }
#endif

// The scalar type of a vector.
template <class V>
using Scalar = std::remove_cv_t<std::remove_reference_t<decltype(V{}[0])>>;

// The lesser and the greater of two; where one is NaN, the second. (A full mask: without one, GCC 12 warns of its own header.)
#if defined(__AVX512F__)
inline Vec<float> least_of(Vec<float> a, Vec<float> b) { return (Vec<float>)_mm512_maskz_min_ps(__mmask16(-1), (__m512)a, (__m512)b); }
inline Vec<float> most_of(Vec<float> a, Vec<float> b) { return (Vec<float>)_mm512_maskz_max_ps(__mmask16(-1), (__m512)a, (__m512)b); }
inline Vec<double> least_of(Vec<double> a, Vec<double> b) { return (Vec<double>)_mm512_maskz_min_pd(__mmask8(-1), (__m512d)a, (__m512d)b); }
inline Vec<double> most_of(Vec<double> a, Vec<double> b) { return (Vec<double>)_mm512_maskz_max_pd(__mmask8(-1), (__m512d)a, (__m512d)b); }
#elif defined(__AVX2__) && !defined(RECORRENTE_WIDE)
inline Vec<float> least_of(Vec<float> a, Vec<float> b) { return (Vec<float>)_mm256_min_ps((__m256)a, (__m256)b); }
inline Vec<float> most_of(Vec<float> a, Vec<float> b) { return (Vec<float>)_mm256_max_ps((__m256)a, (__m256)b); }
inline Vec<double> least_of(Vec<double> a, Vec<double> b) { return (Vec<double>)_mm256_min_pd((__m256d)a, (__m256d)b); }
inline Vec<double> most_of(Vec<double> a, Vec<double> b) { return (Vec<double>)_mm256_max_pd((__m256d)a, (__m256d)b); }
#else
template <class V>
inline V least_of(V a, V b) { return a < b ? a : b; }
template <class V>
inline V most_of(V a, V b) { return a > b ? a : b; }
#endif

// v between least and most; NaN stays NaN.
template <class V>
inline V clamp(V v, Scalar<V> least, Scalar<V> most) {
  return least_of(most - V{}, most_of(least - V{}, v));
}

// A square of vectors turned: in each 16 bytes of a vector first, where two instructions of one operand each do what a permutation of
// any lanes would want a third operand for, then 16 bytes at a time.
template <class T>
constexpr int kNear = 16 / static_cast<int>(sizeof(T));  // lanes

// Of each 16 bytes of a and b the first half, or the second, in turns of S lanes.
template <int S, bool kSecond, class V, int... lane>
inline V interleave(V a, V b, std::integer_sequence<int, lane...>) {
  constexpr int n = sizeof...(lane), near = kNear<Scalar<V>>;
  return __builtin_shufflevector(
      a, b, (lane / S % 2 * n + lane / near * near + (kSecond ? near / 2 : 0) + lane % near / S / 2 * S + lane % S)...);
}

// Every other 16 bytes of a, and then of b.
template <bool kOdd, class V, int... lane>
inline V every_other(V a, V b, std::integer_sequence<int, lane...>) {
  constexpr int near = kNear<Scalar<V>>;
  return __builtin_shufflevector(a, b, ((lane / near * 2 + kOdd) * near + lane % near)...);
}

template <class T>
[[gnu::always_inline]] inline void transpose(Vec<T> (&v)[kLanes<T>]) {
  constexpr int n = kLanes<T>, near = kNear<T>;
  constexpr auto lanes = std::make_integer_sequence<int, n>();
#pragma GCC unroll 8
  for (int i = 0; i < n; i += 2) {
    const Vec<T> a = v[i], b = v[i + 1];
    v[i] = interleave<1, false>(a, b, lanes), v[i + 1] = interleave<1, true>(a, b, lanes);
  }
  if constexpr (near == 4)
#pragma GCC unroll 4
    for (int i = 0; i < n; i += 4) {
      const Vec<T> a = v[i], b = v[i + 1], c = v[i + 2], d = v[i + 3];
      v[i] = interleave<2, false>(a, c, lanes), v[i + 1] = interleave<2, true>(a, c, lanes);
      v[i + 2] = interleave<2, false>(b, d, lanes), v[i + 3] = interleave<2, true>(b, d, lanes);
    }
  // Now 16 bytes of row i hold what column i of them is to hold, from as many rows.
#pragma GCC unroll 4
  for (int i = 0; i < near && n > near; ++i) {
    if constexpr (n == 2 * near) {
      const Vec<T> a = v[i], b = v[near + i];
      v[i] = every_other<false>(a, b, lanes), v[near + i] = every_other<true>(a, b, lanes);
    } else {
      const Vec<T> a = v[i], b = v[near + i], c = v[2 * near + i], d = v[3 * near + i];
      const Vec<T> even = every_other<false>(a, b, lanes), more_even = every_other<false>(c, d, lanes);
      const Vec<T> odd = every_other<true>(a, b, lanes), more_odd = every_other<true>(c, d, lanes);
      v[i] = every_other<false>(even, more_even, lanes), v[2 * near + i] = every_other<true>(even, more_even, lanes);
      v[near + i] = every_other<false>(odd, more_odd, lanes), v[3 * near + i] = every_other<true>(odd, more_odd, lanes);
    }
  }
}

// The first n elements, 0 < n < lanes, of memory or of a vector; the other lanes are zero, and nothing beyond is touched. Under
// masks where there are some: a vector put together in memory from elements has to wait until those have left the store buffer.
#if defined(__AVX512F__)
inline __mmask16 first_floats(std::int64_t n) { return static_cast<__mmask16>((1u << n) - 1); }
inline __mmask8 first_doubles(std::int64_t n) { return static_cast<__mmask8>((1u << n) - 1); }
inline Vec<float> load_partial(const float* from, std::int64_t n) { return (Vec<float>)_mm512_maskz_loadu_ps(first_floats(n), from); }
inline Vec<double> load_partial(const double* from, std::int64_t n) { return (Vec<double>)_mm512_maskz_loadu_pd(first_doubles(n), from); }
inline void store_partial(float* to, Vec<float> v, std::int64_t n) { _mm512_mask_storeu_ps(to, first_floats(n), (__m512)v); }
inline void store_partial(double* to, Vec<double> v, std::int64_t n) { _mm512_mask_storeu_pd(to, first_doubles(n), (__m512d)v); }
inline Vec<float> partial(Vec<float> v, std::int64_t n) { return (Vec<float>)_mm512_maskz_mov_ps(first_floats(n), (__m512)v); }
inline Vec<double> partial(Vec<double> v, std::int64_t n) { return (Vec<double>)_mm512_maskz_mov_pd(first_doubles(n), (__m512d)v); }
#else
#if defined(__AVX2__) && !defined(RECORRENTE_WIDE)
inline __m256i first_floats(std::int64_t n) {
  static const std::int32_t kThere[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kThere + 8 - n));
}
inline __m256i first_doubles(std::int64_t n) {
  static const std::int64_t kThere[8] = {-1, -1, -1, -1};
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kThere + 4 - n));
}
inline Vec<float> load_partial(const float* from, std::int64_t n) { return (Vec<float>)_mm256_maskload_ps(from, first_floats(n)); }
inline Vec<double> load_partial(const double* from, std::int64_t n) { return (Vec<double>)_mm256_maskload_pd(from, first_doubles(n)); }
inline Vec<float> partial(Vec<float> v, std::int64_t n) { return (Vec<float>)((__m256i)v & first_floats(n)); }
inline Vec<double> partial(Vec<double> v, std::int64_t n) { return (Vec<double>)((__m256i)v & first_doubles(n)); }
#else
template <class T>
inline Vec<T> load_partial(const T* from, std::int64_t n) {
  T lanes[kLanes<T>] = {};
  for (std::int64_t i = 0; i < n; ++i) lanes[i] = from[i];
  return load(lanes);
}
template <class V>
inline V partial(V v, std::int64_t n) {
  Scalar<V> lanes[kLanes<Scalar<V>>];
  store(lanes, v);
  return load_partial(lanes, n);
}
#endif
template <class T>
inline void store_partial(T* to, Vec<T> v, std::int64_t n) {
  T lanes[kLanes<T>];
  store(lanes, v);
  for (std::int64_t i = 0; i < n; ++i) to[i] = lanes[i];
}
#endif

}  // namespace recorrente::RECORRENTE_SIMD
