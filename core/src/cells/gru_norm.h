// GRU with layer normalisation: as gru.h, from products that are normalised over all 3H values, each.
// J. Ba, J. Kiros and G. Hinton, "Layer normalization", arXiv 1607.06450, with the reset after the product.
#pragma once

#include "cells/gru.h"

namespace recorrente::RECORRENTE_SIMD {

struct NormGru : Gru {
  static constexpr bool kNormed = true;
};

}  // namespace recorrente::RECORRENTE_SIMD
