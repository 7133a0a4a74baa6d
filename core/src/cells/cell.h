// What the loop over time asks of a cell. One pointwise file a cell fills it in; the loop, packing, products and threads
// know cells only through these names.
//
//   kGates        G
//   kSlots        vectors of H that a (step, row) keeps: pre-activations first, what backward needs afterwards, and the
//                 gradients of the pre-activations in the end, all in the same place
//   kLoaded       how many of the slots hold pre-activations; a cell that carries c keeps it in the slot after them
//   kStateSlot    the input product goes to slots 0 .. G-1, the state product to the slots from kStateSlot on
//   kInputGate, kStateGate   torch's gate behind each of those slots
//   kSecondGate   torch's gate behind slot 0, where that waits for a second product, of what gate() makes of h; -1: there is
//                 none. A cell with one keeps what gate() gave in the slot after the pre-activations
//   kUnits        vectors of units in a block of the forward panels
//   kCarry        what a row hands from step to step beside h, in vectors that no product reads
//   kPeepholes, kPeeping   vectors of weights that let gates see c, and the slot of the gate that each belongs to; the last
//                  sees the new c, the others the old
//   kNormed       whether the two products are normalised over a row, each, before they meet (normed.h); such a cell keeps the
//                 products in slots of their own, before those that are told of here, and is shared by rows alone
//   kNormedCell   whether h' is made of the new c normalised over a row; the cell then has output() and output_backward()
//   gate(a, h) -> what the second product reads        h: as W_hh sees it
//   gate_backward(a, d, h) -> the part of h's gradient  d: gradient of what the second product reads
//   forward(a, carry, p) -> h'         a: slots; p: peepholes
//   backward(a, dh, old, carry, p)     a: slots; dh: gradient of h' from all that reads it; old: the carried quantity before
//                                      this step; carry: what goes round the product to the gradient of the carried quantity;
//                                      for c it comes in with that of the new one
// With kNormedCell, forward returns o, backward takes no dh, and between them and h' stand
//   output(o, u) -> h'                 u: the new c, normalised, with its gain and bias
//   output_backward(a, dh, u) -> du    leaves do in place of o
#pragma once

namespace recorrente {

enum class Carry { none, hidden, cell };

}  // namespace recorrente
