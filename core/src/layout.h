// Where everything of a layer lies in memory for one cell and one width of vector. Sizes only, no data.
#pragma once

#include <iterator>

#include "problem.h"
#include "simd.h"
#include "tile.h"

namespace recorrente::RECORRENTE_SIMD {

constexpr std::int64_t round_up(std::int64_t n, std::int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// Vectors of columns in a block of the backward panels.
constexpr int kColumns = 2;

// Vectors in a block of U, all blocks together `columns` wide: the last one has one where no more is needed.
template <class T, int U>
int vectors_of(std::int64_t block, std::int64_t columns) {
  return columns - block * U * kLanes<T> <= kLanes<T> ? 1 : U;
}

template <class Cell, class T>
struct Layout {
  static constexpr int kLane = kLanes<T>;
  static constexpr int kForwardVectors = Cell::kGates * Cell::kUnits;
  static constexpr bool kSecond = Cell::kSecondGate >= 0;  // whether a step has a second product
  static constexpr int kStateGates = static_cast<int>(std::size(Cell::kStateGate));
  static constexpr int kKept = kSecond ? Cell::kLoaded : Cell::kSlots;  // slots that forward keeps after its last product
  static constexpr bool kByRows = kSecond || Cell::kNormed;  // a step looks at a row's whole h, or at sums over it
  // First slots of what the state product gives, and of the gates and what the cell keeps with them. A normed cell keeps both
  // products as they are, before its gates; after them, one with a normed c has the gradient of that.
  static constexpr int kStateAt = Cell::kNormed ? Cell::kGates : Cell::kStateSlot;
  static constexpr int kGatesAt = Cell::kNormed ? Cell::kGates + kStateGates : 0;
  static constexpr int kSlots = kGatesAt + Cell::kSlots + (Cell::kNormedCell ? 1 : 0);
  static constexpr int kNorms = Cell::kNormed ? 16 : 0;  // elements for what a row knows of its norms, after its slots

  explicit Layout(const Problem& p)
      : C(p.C), H(p.H), inputs(C > 0 ? C : 1), units(round_up(H, kLane)), slots(kSlots * units + kNorms) {
    // Rows that lie a multiple of 1 KiB apart would compete for the same sets of the cache.
    if (slots * sizeof(T) % 1024 == 0) slots += 64 / sizeof(T);
  }

  std::int64_t forward_blocks() const { return round_up(units, Cell::kUnits * kLane) / (Cell::kUnits * kLane); }
  int forward_vectors(std::int64_t block) const { return vectors_of<T, Cell::kUnits>(block, units); }  // of units, in a block
  std::int64_t input_panel() const { return inputs * kForwardVectors * kLane; }  // elements of one block's panel
  std::int64_t state_panel() const { return H * kStateGates * Cell::kUnits * kLane; }
  std::int64_t gate_panel() const { return H * Cell::kUnits * kLane; }  // of one gate alone
  std::int64_t second_panel() const { return kSecond ? gate_panel() : 0; }

  bool far() const { return Cell::kGates * units * (C + H) * static_cast<std::int64_t>(sizeof(T)) > kNearBytes; }

  std::int64_t gate_rows() const { return Cell::kGates * units; }  // k of the backward products: of dx,
  std::int64_t state_rows() const { return kStateGates * units; }  // of dh
  std::int64_t second_rows() const { return kSecond ? units : 0; }  // and of what the second product read
  std::int64_t hidden_blocks() const { return round_up(H, kColumns * kLane) / (kColumns * kLane); }
  std::int64_t input_blocks() const { return round_up(C, kColumns * kLane) / (kColumns * kLane); }
  std::int64_t backward_panel(std::int64_t rows) const { return rows * kColumns * kLane; }

  // torch's gate behind the product that reaches a slot from the state, the second one where a slot waits for it; -1: none.
  static constexpr int state_gate(int slot) {
    if (kSecond && slot == 0) return Cell::kSecondGate;
    return slot >= Cell::kStateSlot && slot < Cell::kStateSlot + kStateGates ? Cell::kStateGate[slot - Cell::kStateSlot] : -1;
  }

  std::int64_t C, H;
  std::int64_t inputs;     // C, but at least one column (of zeros), so that every product has a step
  std::int64_t units;      // H rounded up to whole vectors
  std::int64_t slots;  // elements from one (step, row) to the next: kSlots vectors of `units`, kNorms, and padding
};

}  // namespace recorrente::RECORRENTE_SIMD
