// What XLA and TensorFlow call the core with: dense arrays, x (B, T, C).
#pragma once

#include "recorrente/sweep.h"

namespace recorrente {

// Null: not given.
struct Dense {
  const void *x, *h0, *c0, *drop;
  std::int64_t drop_width;  // H, or G*H: a mask for each gate
};

template <class Call>
void read(const Problem& p, const Weights& weights, const Dense& given, Call& call) {
  call.problem = p, call.weights = weights;
  call.x = {given.x, p.C, p.T * p.C};
  call.h0 = {given.h0, p.H}, call.c0 = {given.c0, p.H};
  if (!given.drop) return;
  call.regularisation.drop = {given.drop, given.drop_width};
  call.regularisation.drop_gate = given.drop_width == p.H ? 0 : p.H;
}

}  // namespace recorrente
