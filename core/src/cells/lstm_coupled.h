// LSTM with coupled gates: what is forgotten makes room for what comes. f = 1 - i, else as in lstm.h.
// K. Greff et al., "LSTM: A search space odyssey", arXiv 1503.04069 (CIFG).
#pragma once

#include "activation.h"
#include "cells/cell.h"
#include "simd.h"

namespace recorrente::RECORRENTE_SIMD {

// Slots i g o c.
struct CoupledLstm {
  static constexpr int kGates = 3, kSlots = 4, kLoaded = 3, kStateSlot = 0, kUnits = 1, kPeepholes = 0, kSecondGate = -1;
  static constexpr int kInputGate[kGates] = {0, 1, 2}, kStateGate[3] = {0, 1, 2};
  static constexpr Carry kCarry = Carry::cell;
  static constexpr bool kNormed = false, kNormedCell = false;

  template <class V>
  static V forward(V* a, V& c, const V*) {
    const V i = sigmoid(a[0]), g = tanh(a[1]), o = sigmoid(a[2]);
    c = fma(i, g - c, c);
    a[0] = i, a[1] = g, a[2] = o, a[3] = c;
    return o * tanh(c);
  }

  template <class V>
  static void backward(V* a, V dh, V c_old, V& carry, const V*) {
    const V i = a[0], g = a[1], o = a[2];
    const V tanh_c = tanh(fma(i, g - c_old, c_old)), dc = fma(dh * o, 1 - tanh_c * tanh_c, carry);
    a[0] = dc * (g - c_old) * i * (1 - i), a[1] = dc * i * (1 - g * g), a[2] = dh * tanh_c * o * (1 - o);
    carry = dc * (1 - i);
  }
};

}  // namespace recorrente::RECORRENTE_SIMD
