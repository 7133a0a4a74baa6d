// LSTM: i, f, o = sigmoid(...), g = tanh(...), c' = f c + i g, h' = o tanh(c').
// S. Hochreiter and J. Schmidhuber, 1997, with the forget gate of F. Gers et al., 2000; torch.nn.LSTM.
#pragma once

#include "activation.h"
#include "cells/cell.h"
#include "simd.h"

namespace recorrente::RECORRENTE_SIMD {

// Slots i f g o c.
struct Lstm {
  static constexpr int kGates = 4, kSlots = 5, kLoaded = 4, kStateSlot = 0, kUnits = 1, kPeepholes = 0, kSecondGate = -1;
  static constexpr int kInputGate[kGates] = {0, 1, 2, 3}, kStateGate[4] = {0, 1, 2, 3};
  static constexpr Carry kCarry = Carry::cell;
  static constexpr bool kNormed = false, kNormedCell = false;

  template <class V>
  static V forward(V* a, V& c, const V*) {
    const V i = sigmoid(a[0]), f = sigmoid(a[1]), g = tanh(a[2]), o = sigmoid(a[3]);
    c = fma(f, c, i * g);
    a[0] = i, a[1] = f, a[2] = g, a[3] = o, a[4] = c;
    return o * tanh(c);
  }

  // Leaves di, df, dg, do in place of i, f, g, o. The new c is computed again, with the same bits: cheaper than its load.
  template <class V>
  static void backward(V* a, V dh, V c_old, V& carry, const V*) {
    const V i = a[0], f = a[1], g = a[2], o = a[3];
    const V tanh_c = tanh(fma(f, c_old, i * g)), dc = fma(dh * o, 1 - tanh_c * tanh_c, carry);
    a[0] = dc * g * i * (1 - i), a[1] = dc * c_old * f * (1 - f), a[2] = dc * i * (1 - g * g), a[3] = dh * tanh_c * o * (1 - o);
    carry = dc * f;
  }
};

}  // namespace recorrente::RECORRENTE_SIMD
