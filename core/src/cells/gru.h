// GRU: r, z = sigmoid(...), n = tanh(x_n + r q), q = W_hn h + b_hn, h' = z h + (1 - z) n.
// arXiv 1406.1078v1 with the reset after the product, as cuDNN and torch.nn.GRU (not v3).
#pragma once

#include "activation.h"
#include "cells/cell.h"
#include "simd.h"

namespace recorrente::RECORRENTE_SIMD {

// Slots n r z q: the input product ends before q, the state product starts after n.
struct Gru {
  static constexpr int kGates = 3, kSlots = 4, kLoaded = 4, kStateSlot = 1, kUnits = 1, kPeepholes = 0, kSecondGate = -1;
  static constexpr int kInputGate[kGates] = {2, 0, 1}, kStateGate[3] = {0, 1, 2};
  static constexpr Carry kCarry = Carry::hidden;
  static constexpr bool kNormed = false, kNormedCell = false;

  template <class V>
  static V forward(V* a, V& h, const V*) {
    const V r = sigmoid(a[1]), z = sigmoid(a[2]), n = tanh(fma(r, a[3], a[0]));
    h = fma(z, h - n, n);
    a[0] = n, a[1] = r, a[2] = z;
    return h;
  }

  // Leaves dn, dr, dz, dq in place of n, r, z, q.
  template <class V>
  static void backward(V* a, V dh, V h_old, V& carry, const V*) {
    const V n = a[0], r = a[1], z = a[2], q = a[3];
    const V dn = dh * (1 - z) * (1 - n * n);
    a[0] = dn, a[1] = dn * q * r * (1 - r), a[2] = dh * (h_old - n) * z * (1 - z), a[3] = dn * r;
    carry = dh * z;
  }
};

}  // namespace recorrente::RECORRENTE_SIMD
