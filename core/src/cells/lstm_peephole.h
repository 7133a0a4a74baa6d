// LSTM with peepholes: the gates see c. i, f = sigmoid(... + p c), o = sigmoid(... + p_o c'), else as in lstm.h.
// F. Gers, N. Schraudolph and J. Schmidhuber, "Learning precise timing with LSTM recurrent networks", 2002.
#pragma once

#include "activation.h"
#include "cells/cell.h"
#include "simd.h"

namespace recorrente::RECORRENTE_SIMD {

// Slots i f g o c.
struct PeepholeLstm {
  static constexpr int kGates = 4, kSlots = 5, kLoaded = 4, kStateSlot = 0, kUnits = 1, kPeepholes = 3, kSecondGate = -1;
  static constexpr int kInputGate[kGates] = {0, 1, 2, 3}, kStateGate[4] = {0, 1, 2, 3}, kPeeping[kPeepholes] = {0, 1, 3};
  static constexpr Carry kCarry = Carry::cell;
  static constexpr bool kNormed = false, kNormedCell = false;

  template <class V>
  static V forward(V* a, V& c, const V* p) {
    const V i = sigmoid(fma(p[0], c, a[0])), f = sigmoid(fma(p[1], c, a[1])), g = tanh(a[2]);
    c = fma(f, c, i * g);
    const V o = sigmoid(fma(p[2], c, a[3]));
    a[0] = i, a[1] = f, a[2] = g, a[3] = o, a[4] = c;
    return o * tanh(c);
  }

  template <class V>
  static void backward(V* a, V dh, V c_old, V& carry, const V* p) {
    const V i = a[0], f = a[1], g = a[2], o = a[3];
    const V tanh_c = tanh(fma(f, c_old, i * g)), d_o = dh * tanh_c * o * (1 - o);
    const V dc = fma(d_o, p[2], fma(dh * o, 1 - tanh_c * tanh_c, carry));
    const V d_i = dc * g * i * (1 - i), d_f = dc * c_old * f * (1 - f);
    a[0] = d_i, a[1] = d_f, a[2] = dc * i * (1 - g * g), a[3] = d_o;
    carry = fma(d_i, p[0], fma(d_f, p[1], dc * f));
  }
};

}  // namespace recorrente::RECORRENTE_SIMD
