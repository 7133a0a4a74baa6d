// Layer normalisation within a step: sums over a row, and what is made of them. J. Ba, J. Kiros and G. Hinton, "Layer
// normalization", arXiv 1607.06450; epsilon and the variance by n as torch.nn.functional.layer_norm.
//
// What is kept of a norm are the values as they came and two numbers a row: to normalise again costs less than to keep the
// result. Vectors past H hold zeros, and stay out of all sums.
#pragma once

#include <cmath>

#include "rows.h"

namespace recorrente::RECORRENTE_SIMD {

// What a row knows of one norm: LN(a) = (a - mean) * scale. Backward adds the means of its gradient, and of that times LN(a).
template <class T>
struct Norm {
  T mean, scale, d, dz;

  Vec<T> of(Vec<T> value) const { return (value - mean) * scale; }
  // The gradient of a value, from that of LN(a), z, and z itself.
  Vec<T> back(Vec<T> z_gradient, Vec<T> z) const { return scale * ((z_gradient - d) - z * dz); }
};

enum NormOf { kInputNorm, kStateNorm, kCellNorm };

// A row's norms, after its slots.
template <class L, class T>
Norm<T>* norms_of(const L& layout, T* slots) {
  static_assert(3 * sizeof(Norm<T>) <= L::kNorms * sizeof(T));
  return reinterpret_cast<Norm<T>*>(slots + L::kSlots * layout.units);
}
template <class L, class T>
const Norm<T>* norms_of(const L& layout, const T* slots) {
  return reinterpret_cast<const Norm<T>*>(slots + L::kSlots * layout.units);
}

template <int S, class V, int... lane>
V swap_lanes(V v, std::integer_sequence<int, lane...>) {
  return __builtin_shufflevector(v, v, (lane ^ S)...);
}

// Halves onto halves.
template <class T, int S = kLanes<T> / 2>
T sum_lanes(Vec<T> v) {
  if constexpr (S == 0) return v[0];
  else return sum_lanes<T, S / 2>(v + swap_lanes<S>(v, std::make_integer_sequence<int, kLanes<T>>()));
}

// One running vector a gate: chains enough to hide the latency of an addition, and one order whatever the thread.
template <class T, int G>
T sum_gates(const Vec<T> (&gate)[G]) {
  Vec<T> sum = gate[0];
  for (int g = 1; g < G; ++g) sum += gate[g];
  return sum_lanes<T>(sum);
}

// Mean and 1 / deviation of G gates of H values, `units` apart. Twice over the row: no difference of large sums.
template <int G, class T>
Norm<T> moments(const T* row, std::int64_t units, std::int64_t H) {
  Vec<T> sum[G] = {}, squares[G] = {};
  for (std::int64_t unit = 0; unit < H; unit += kLanes<T>)
    for (int g = 0; g < G; ++g) sum[g] += load(row + g * units + unit);
  const T n = static_cast<T>(G * H), mean = sum_gates<T>(sum) / n;
  for (std::int64_t unit = 0; unit < H; unit += kLanes<T>)
    for (int g = 0; g < G; ++g) {
      Vec<T> off = load(row + g * units + unit) - mean;
      if (H - unit < kLanes<T>) off = first_lanes<T>(off, H - unit);
      squares[g] = fma(off, off, squares[g]);
    }
  return {mean, 1 / std::sqrt(sum_gates<T>(squares) / n + T(1e-5)), 0, 0};
}

// Over a row: of the gradient of LN(a), and of that times LN(a).
template <class T>
struct Sums {
  Vec<T> d[4] = {}, dz[4] = {};

  void add(int gate, Vec<T> z_gradient, Vec<T> z) { d[gate] += z_gradient, dz[gate] = fma(z_gradient, z, dz[gate]); }
  void means(Norm<T>& norm, std::int64_t n) const {
    norm.d = sum_gates<T>(d) / static_cast<T>(n), norm.dz = sum_gates<T>(dz) / static_cast<T>(n);
  }
};

// Gains and biases as the loop reads them: by slot, `units` apart. Nothing where a cell has no norms.
template <class Cell, class T>
struct NormWeights {
  using L = Layout<Cell, T>;

  NormWeights(const L& layout, Arena& arena) : units(layout.units) {
    if (!Cell::kNormed) return;
    input = arena.take<T>(Cell::kGates * units), state = arena.take<T>(L::kStateGates * units);
    bias = arena.take<T>(Cell::kLoaded * units), cell = arena.take<T>(2 * units);
  }

  void pack(const Weights& w, std::int64_t H) const {
    const auto part = [&](const void* from, int gate) { return from ? static_cast<const T*>(from) + gate * H : nullptr; };
    for (int slot = 0; slot < Cell::kGates; ++slot) copy_padded(part(w.norm_ih, Cell::kInputGate[slot]), H, input + slot * units, units);
    for (int slot = 0; slot < L::kStateGates; ++slot) copy_padded(part(w.norm_hh, Cell::kStateGate[slot]), H, state + slot * units, units);
    for (int slot = 0; slot < Cell::kLoaded; ++slot) {
      const int gate = L::state_gate(slot);
      const T *of_input = slot < Cell::kGates ? part(w.bias_ih, Cell::kInputGate[slot]) : nullptr, *of_state = gate < 0 ? nullptr : part(w.bias_hh, gate);
      for (std::int64_t i = 0; i < units; ++i)
        bias[slot * units + i] = i < H ? (of_input ? of_input[i] : T(0)) + (of_state ? of_state[i] : T(0)) : T(0);
    }
    if (Cell::kNormedCell) copy_padded(part(w.norm_c, 0), H, cell, units), copy_padded(part(w.norm_c, 1), H, cell + units, units);
  }

  // What the cell reads at this unit, from both products.
  void meet(const T* slots, const Norm<T>* norms, std::int64_t unit, Vec<T>* a) const {
    for (int i = 0; i < Cell::kLoaded; ++i) a[i] = load(bias + i * units + unit);
    for (int i = 0; i < L::kStateGates; ++i) a[Cell::kStateSlot + i] = fma(state_value(slots, norms, i, unit), load(state + i * units + unit), a[Cell::kStateSlot + i]);
    for (int i = 0; i < Cell::kGates; ++i) a[i] = fma(input_value(slots, norms, i, unit), load(input + i * units + unit), a[i]);
  }
  Vec<T> input_value(const T* slots, const Norm<T>* norms, int i, std::int64_t unit) const {
    return norms[kInputNorm].of(load(slots + i * units + unit));
  }
  Vec<T> state_value(const T* slots, const Norm<T>* norms, int i, std::int64_t unit) const {
    return norms[kStateNorm].of(load(slots + (L::kStateAt + i) * units + unit));
  }

  std::int64_t units;
  T *input = nullptr, *state = nullptr, *bias = nullptr, *cell = nullptr;  // (G), (gates of the state), (kLoaded), (2), each of units
};

}  // namespace recorrente::RECORRENTE_SIMD
