// LSTM with layer normalisation: as lstm.h, from products that are normalised over all 4H values, each, and with
// h' = o tanh(u), u = LN(c') gain + bias.
// J. Ba, J. Kiros and G. Hinton, "Layer normalization", arXiv 1607.06450, equations 20 to 22.
#pragma once

#include "cells/lstm.h"

namespace recorrente::RECORRENTE_SIMD {

struct NormLstm : Lstm {
  static constexpr bool kNormed = true, kNormedCell = true;

  template <class V>
  static V forward(V* a, V& c, const V*) {
    const V i = sigmoid(a[0]), f = sigmoid(a[1]), g = tanh(a[2]), o = sigmoid(a[3]);
    c = fma(f, c, i * g);
    a[0] = i, a[1] = f, a[2] = g, a[3] = o;
    return o;
  }

  template <class V>
  static V output(V o, V u) { return o * tanh(u); }

  template <class V>
  static V output_backward(V* a, V dh, V u) {
    const V o = a[3], tanh_u = tanh(u);
    a[3] = dh * tanh_u * o * (1 - o);
    return dh * o * (1 - tanh_u * tanh_u);
  }

  // Leaves di, df, dg in place of i, f, g. The carry comes in as dc.
  template <class V>
  static void backward(V* a, V c_old, V& carry) {
    const V i = a[0], f = a[1], g = a[2], dc = carry;
    a[0] = dc * g * i * (1 - i), a[1] = dc * c_old * f * (1 - f), a[2] = dc * i * (1 - g * g);
    carry = dc * f;
  }
};

}  // namespace recorrente::RECORRENTE_SIMD
