// GRU with the reset before the product: r, z = sigmoid(...), n = tanh(x_n + W_hn (r h) + b_hn), h' = z h + (1 - z) n.
// arXiv 1406.1078v3 with torch's z; Keras' reset_after=False, ONNX' linear_before_reset=0.
#pragma once

#include "activation.h"
#include "cells/cell.h"
#include "simd.h"

namespace recorrente::RECORRENTE_SIMD {

// Slots n r z s, s = r h. The state product goes to r and z, the second one, of s, to n.
struct GruBefore {
  static constexpr int kGates = 3, kSlots = 4, kLoaded = 3, kStateSlot = 1, kUnits = 2, kPeepholes = 0, kSecondGate = 2;
  static constexpr int kInputGate[kGates] = {2, 0, 1}, kStateGate[2] = {0, 1};
  static constexpr Carry kCarry = Carry::hidden;
  static constexpr bool kNormed = false, kNormedCell = false;

  template <class V>
  static V gate(V* a, V h) {
    a[1] = sigmoid(a[1]), a[2] = sigmoid(a[2]);
    return a[1] * h;
  }

  template <class V>
  static V forward(V* a, V& h, const V*) {
    const V n = a[0] = tanh(a[0]);
    h = fma(a[2], h - n, n);
    return h;
  }

  // Leaves dn and dz in place of n and z; r is still needed.
  template <class V>
  static void backward(V* a, V dh, V h_old, V& carry, const V*) {
    const V n = a[0], z = a[2];
    a[0] = dh * (1 - z) * (1 - n * n), a[2] = dh * (h_old - n) * z * (1 - z);
    carry = dh * z;
  }

  // Leaves dr in place of r.
  template <class V>
  static V gate_backward(V* a, V d, V h) {
    const V r = a[1];
    a[1] = d * h * r * (1 - r);
    return d * r;
  }
};

}  // namespace recorrente::RECORRENTE_SIMD
