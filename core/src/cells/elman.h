// Elman: h' = f(a), a = W_ih x + b_ih + W_hh h + b_hh, for tanh, relu and the identity.
// J. Elman, "Finding structure in time", 1990; torch.nn.RNN.
#pragma once

#include "activation.h"
#include "cells/cell.h"
#include "simd.h"

namespace recorrente::RECORRENTE_SIMD {

struct Tanh {
  template <class V>
  static V of(V a) { return tanh(a); }
  template <class V>
  static V gradient(V h, V dh) { return dh * (1 - h * h); }
};

// NaN passes, in both directions.
struct Relu {
  template <class V>
  static V of(V a) { return a < 0 ? V{} : a; }
  template <class V>
  static V gradient(V h, V dh) { return h <= 0 ? V{} : dh; }
};

struct Identity {
  template <class V>
  static V of(V a) { return a; }
  template <class V>
  static V gradient(V, V dh) { return dh; }
};

template <class F>
struct Elman {
  static constexpr int kGates = 1, kSlots = 1, kLoaded = 1, kStateSlot = 0, kUnits = 2, kPeepholes = 0, kSecondGate = -1;
  static constexpr int kInputGate[kGates] = {0}, kStateGate[1] = {0};
  static constexpr Carry kCarry = Carry::none;
  static constexpr bool kNormed = false, kNormedCell = false;

  template <class V>
  static V forward(V* a, V&, const V*) {
    return a[0] = F::of(a[0]);
  }
  template <class V>
  static void backward(V* a, V dh, V, V&, const V*) {
    a[0] = F::gradient(a[0], dh);
  }
};

}  // namespace recorrente::RECORRENTE_SIMD
