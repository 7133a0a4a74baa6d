// The sweep backward. The same loop over time as forward's, run from the end: the gradients of the gates of the next step
// are the rows of the product, and the gradient of h is what it accumulates.
#pragma once

#include "cells/cell.h"
#include "normed.h"
#include "panel.h"
#include "part.h"
#include "unpacked.h"

namespace recorrente::RECORRENTE_SIMD {

// Everything that the sweep keeps in the workspace of a backward call.
template <class Cell, class T>
struct BackwardMemory {
  BackwardMemory(const Problem& p, Arena& arena)
      : layout(p), team(choose_team(p, Cell::kGates, !Layout<Cell, T>::kByRows, kBackwardStates)), steps(p, team.parts(), arena), norms(layout, arena),
        unpacked(goes_back_unpacked(p)), panels(make_panels(arena)) {
    tile_ticks = steps_at_once(Steps::lanes(p) / team.parts());
    dgated = arena.take<T>(p.B * layout.second_rows());
    zeros = arena.take<T>(zero_count());
    dh = arena.take<T>(p.B * layout.units);
    carry = arena.take<T>(p.B * layout.units);
    passed = arena.take<T>(p.B * layout.units);
    through = arena.take<T>(p.B * layout.units);
    peepholes = arena.take<T>(Cell::kPeepholes * layout.units);
    zones = arena.take<T>(2 * team.threads * layout.units);
    dinput = arena.take<T>(Cell::kNormed ? pointer_lanes(steps, team) * tile_ticks * layout.gate_rows() : 0);
    dstate = arena.take<T>(Cell::kNormed ? p.B * layout.state_rows() : 0);
    const std::int64_t restarts = p.reset ? p.B * layout.units : 0;
    dh_restart = arena.take<T>(restarts), dc_restart = arena.take<T>(restarts), cut = arena.take<T>(restarts);
    edge = arena.take<T>(edge_count());
    pointers = arena.take<void*>(pointer_lanes(steps, team) * pointers_a_lane());
    rows = arena.take<RowStep>(2 * pointer_lanes(steps, team)), cursors = arena.take<std::int64_t>(pointer_lanes(steps, team));
    barrier = arena.take<Barrier>(1);
  }

  PanelMemory<T> make_panels(Arena& arena) const {
    const std::int64_t input = unpacked ? 0 : layout.input_blocks() * layout.backward_panel(layout.gate_rows());
    const auto of_state = [&](std::int64_t rows) { return layout.hidden_blocks() * layout.backward_panel(rows); };
    return {arena, team, layout.far(), input, of_state(layout.state_rows()), of_state(layout.second_rows())};
  }

  std::int64_t pointers_a_lane() const { return 3 * tile_ticks + 13; }
  std::int64_t zero_count() const { return std::max(layout.gate_rows(), layout.input_blocks() * kColumns * kLanes<T>); }
  // The last columns of dx go through memory of their own, since the caller's rows end before the block does.
  std::int64_t edge_count() const { return pointer_lanes(steps, team) * tile_ticks * kColumns * kLanes<T>; }

  Layout<Cell, T> layout;
  Team team;
  Steps steps;
  NormWeights<Cell, T> norms;
  bool unpacked;                   // whether the products read the weights as they come, but where each gate has a mask
  PanelMemory<T> panels;           // (blocks, gates of the product, units, columns of a block)
  std::int64_t tile_ticks;         // ticks whose dx is made at once
  T* dgated;                       // (B, units): of what the second product read
  T* zeros;
  T *dh, *carry, *passed;          // (B, units); passed: what zoneout lets through to the gradient of the old h
  T* through;                      // (B, units): of what one gate saw of h, where each has a mask of its own
  T* peepholes;                    // (kPeepholes, units)
  T* zones;                        // (threads, 2, units): what stayed of a row's h and c, where that is said in bytes
  T *dinput, *dstate;              // (tile_ticks, lanes, G, units), (B, gates of the state, units): of products under a norm
  T *dh_restart, *dc_restart;      // (B, units), where there are resets
  T* cut;                          // (B, units): the gradient of h that a reset has cut off
  T* edge;
  void** pointers;
  RowStep* rows;                   // (2, lanes): at this tick, and those of the next one whose product is made
  std::int64_t* cursors;
  Barrier* barrier;
};

// One thread's part of a backward sweep.
template <class Cell, class T>
class BackwardThread {
  static constexpr int kLane = kLanes<T>, kBlock = kColumns * kLane;
  static constexpr bool kSecond = Layout<Cell, T>::kSecond;
  static constexpr int kGatesAt = Layout<Cell, T>::kGatesAt, kStateGates = Layout<Cell, T>::kStateGates, kCarryAt = kGatesAt + Cell::kLoaded;

 public:
  BackwardThread(const Backward& call, const BackwardMemory<Cell, T>& memory, int thread, int threads)
      : call_(call), p_(call.problem), m_(memory), layout_(memory.layout), part_(p_, memory.steps, memory.team, thread, threads),
        lanes_(memory.steps, part_.lanes, memory.cursors + part_.first_lane), blocks_(part_.blocks(layout_.hidden_blocks())),
        row_(memory.rows + 2 * part_.first_lane), next_row_(row_ + part_.lanes.count),
        edge_(m_.edge + part_.first_lane * m_.tile_ticks * kBlock), dinput_(m_.dinput + part_.first_lane * m_.tile_ticks * layout_.gate_rows()),
        panels_(memory.panels.of(thread)) {
    PointerSlice slice(memory.pointers + part_.first_lane * memory.pointers_a_lane());
    const std::int64_t lanes = part_.lanes.count, tile = lanes * m_.tile_ticks;
    slice.take(tile_slots_, tile), slice.take(dx_, tile), slice.take(edges_, tile);
    slice.take(next_, lanes), slice.take(slots_, lanes), slice.take(slots_ahead_, lanes), slice.take(c_ahead_, lanes), slice.take(old_, lanes);
    slice.take(dy_, lanes), slice.take(dy_ahead_, lanes), slice.take(dh_, lanes), slice.take(carry_, lanes), slice.take(product_, lanes);
    slice.take(drop_, lanes), slice.take(dgated_, lanes), slice.take(through_, lanes);
  }

  void pack() {
    const auto pack_blocks = [&](const void* weight, const auto& gate, std::int64_t columns, std::int64_t blocks, T* panels) {
      const Range mine = m_.panels.packed_by(part_.thread, part_.threads, blocks);
      for (std::int64_t block = mine.first; block < mine.end; ++block)
        pack_backward<T>(static_cast<const T*>(weight), gate, p_.H, layout_.units, columns, block,
                         panels + block * layout_.backward_panel(std::size(gate) * layout_.units));
    };
    if (!m_.unpacked || by_gate()) pack_blocks(call_.weights.weight_hh, Cell::kStateGate, p_.H, layout_.hidden_blocks(), panels_.state);
    if constexpr (kSecond) {
      constexpr int kGate[] = {Cell::kSecondGate};
      pack_blocks(call_.weights.weight_hh, kGate, p_.H, layout_.hidden_blocks(), panels_.second);
    }
    if (call_.dx.data && !m_.unpacked) pack_blocks(call_.weights.weight_ih, Cell::kInputGate, p_.C, layout_.input_blocks(), panels_.input);
    if (part_.thread == 0) std::fill_n(m_.zeros, m_.zero_count(), T(0));
    if (Cell::kNormed && part_.thread == 0) m_.norms.pack(call_.weights, p_.H);
    if (part_.thread == 0) pack_peepholes<Cell>(static_cast<const T*>(call_.weights.peephole), p_.H, layout_.units, m_.peepholes);
    const bool given = Cell::kCarry == Carry::cell && call_.dc_n.data;
    for (std::int64_t j = 0; j < part_.own.count; ++j) {
      const std::int64_t b = m_.steps.row(part_.own.position(j));
      copy_padded(given ? at<T>(call_.dc_n, b) : nullptr, p_.H, m_.carry + b * layout_.units, layout_.units);
      copy_padded(call_.dh_n.data ? at<T>(call_.dh_n, b) : nullptr, p_.H, m_.dh + b * layout_.units, layout_.units);
      if (zoned()) std::fill_n(m_.passed + b * layout_.units, layout_.units, T(0));
      if (!p_.reset) continue;
      for (T* array : {m_.dh_restart, m_.dc_restart}) std::fill_n(array + b * layout_.units, layout_.units, T(0));
    }
  }

  void sweep() {
    part_.each_group(layout_.far(), [this](Share lanes) {
      lanes_ = Lanes(m_.steps, lanes, m_.cursors + part_.first_lane);
      sweep_lanes();
    });
  }

  // The gradients of the initial states, and zeros in dx past each row's end.
  void finish() {
    for (std::int64_t j = 0; j < part_.own.count; ++j) {
      const std::int64_t b = m_.steps.row(part_.own.position(j)), L = length(p_, b);
      const T *dh = m_.dh + b * layout_.units, *carry = m_.carry + b * layout_.units, *around = around_product(b);
      if (call_.dh0.data)
        for (std::int64_t i = 0; i < p_.H; ++i) at<T>(call_.dh0, b)[i] = around && L > 0 ? dh[i] + around[i] : dh[i];
      if (call_.dh_restart.data)
        copy_padded(p_.reset ? m_.dh_restart + b * layout_.units : nullptr, p_.H, at<T>(call_.dh_restart, b), p_.H);
      if (Cell::kCarry == Carry::cell && call_.dc_restart.data)
        copy_padded(p_.reset ? m_.dc_restart + b * layout_.units : nullptr, p_.H, at<T>(call_.dc_restart, b), p_.H);
      if (Cell::kCarry == Carry::cell && call_.dc0.data) std::copy_n(carry, p_.H, at<T>(call_.dc0, b));
    }
    if (call_.dx.data) clear_past_ends<T>(p_, m_.steps, part_.own, call_.dx, p_.C);
  }

 private:
  void sweep_lanes() {
    Meetings meetings(m_.barrier);
    for (std::int64_t end = lanes_.ticks(); end > 0;) {
      const std::int64_t first = end > m_.tile_ticks ? end - m_.tile_ticks : 0;
      for (std::int64_t tick = end - 1; tick >= first; --tick) {
        step(tick);
        if (part_.by_units && !meetings.wait()) {
          if (!part_.take_over()) return;
          blocks_ = part_.blocks(layout_.hidden_blocks());
        }
      }
      if (call_.dx.data) multiply_dx(first, end);
      end = first;
    }
    point_next(0);
    multiply_state(blocks_.first, blocks_.end);
  }

  T* slots_of(const RowStep& row) const { return static_cast<T*>(call_.saved) + m_.steps.place(row) * layout_.slots; }

  bool zoned() const { return call_.regularisation.zone_h.data || call_.regularisation.zone_c.data; }

  // What reaches the gradient of the old h beside the product; null where nothing does.
  T* around_product(std::int64_t b) const {
    if (Cell::kCarry == Carry::hidden) return m_.carry + b * layout_.units;
    return zoned() ? m_.passed + b * layout_.units : nullptr;
  }

  void step(std::int64_t tick) {
    const std::int64_t n = lanes_.active(tick);
    point_next(tick + 1), point_rows(tick, n);
    const std::int64_t group = Cell::kNormed ? blocks_.end - blocks_.first : blocks_together<kColumns>(n);
    for (std::int64_t block = blocks_.first, end; block < blocks_.end; block = end) {
      end = std::min(block + group, blocks_.end);
      multiply_state(block, end);
      const std::int64_t last = std::min(end * kBlock, layout_.units);
      if constexpr (Cell::kNormed)
        zoned() ? apply_normed<true>(n) : apply_normed<false>(n);
      else
        zoned() ? apply<true>(n, block * kBlock, last) : apply<false>(n, block * kBlock, last);
    }
    if constexpr (kSecond) close_gates(n);
    if (p_.reset) cut_around(n);
  }

  // The rows of this tick whose gates give dh of the step before: all, but none at its first step whose dh0 nobody wants.
  void point_next(std::int64_t tick) {
    const bool starts_too = call_.dh0.data || call_.dh_restart.data;
    going_on_ = 0;
    for (std::int64_t j = 0, n = lanes_.active(tick); j < n; ++j) {
      const RowStep row = lanes_.at(j, tick);
      if (row.step == 0 && !starts_too) continue;
      next_row_[going_on_] = row;
      product_[going_on_] = (cut_before(row) ? m_.cut : m_.dh) + row.batch * layout_.units;
      next_[going_on_] = Cell::kNormed ? m_.dstate + row.batch * layout_.state_rows() : slots_of(row) + Cell::kStateSlot * layout_.units;
      through_[going_on_++] = m_.through + row.batch * layout_.units;
    }
  }

  // dh of the steps before those, from their gates. Rows that end between keep the dh_n that they were given.
  void multiply_state(std::int64_t block, std::int64_t end) {
    const Matrix<T, kStateGates> weights = {static_cast<const T*>(call_.weights.weight_hh), Cell::kStateGate, p_.H, p_.H};
    if (by_gate()) multiply_gates(going_on_, block, end);
    else if (m_.unpacked) multiply_few_back<T, kRowsOfStripe>(going_on_, next_, product_, columns(block, end, p_.H), layout_.units, weights);
    else multiply_columns<T>(going_on_, next_, product_, block, end, p_.H,
                             {panels_.state, layout_.backward_panel(layout_.state_rows()), layout_.state_rows(), m_.zeros, 0, 0, layout_.far()});
    if (call_.regularisation.drop.data || p_.reset)
      for (std::int64_t j = 0; j < going_on_; ++j) finish_product(j, block * kBlock, std::min(end * kBlock, layout_.units));
  }

  // Columns of blocks [block, end).
  static Range columns(std::int64_t block, std::int64_t end, std::int64_t most) {
    return {std::min(block * kBlock, most), std::min(end * kBlock, most)};
  }

  bool by_gate() const { return call_.regularisation.drop.data && call_.regularisation.drop_gate; }

  // The sum over the gates of what each gives, times its mask.
  void multiply_gates(std::int64_t n, std::int64_t block, std::int64_t end) {
    constexpr int kGates = Layout<Cell, T>::kStateGates;
    Product<T> product{panels_.state, layout_.backward_panel(layout_.state_rows()), layout_.units, m_.zeros, 0, 0, layout_.far()};
    for (int g = 0; g < kGates; ++g) {
      multiply_columns<T>(n, next_, through_, block, end, p_.H, product, g * layout_.units);
      for (std::int64_t j = 0; j < n; ++j) {
        const T* mask = mask_of<Cell, T>(call_.regularisation, next_row_[j].batch, g);
        for (std::int64_t i = block * kBlock; i < std::min(end * kBlock, layout_.units); i += kLane) {
          const Vec<T> before = g > 0 ? load(product_[j] + i) : Vec<T>{};
          store(product_[j] + i, fma(load(through_[j] + i), load_up_to(mask + i, p_.H - i), before));
        }
        next_[j] += layout_.units;
      }
    }
    for (std::int64_t j = 0; j < n; ++j) next_[j] -= kGates * layout_.units;
  }

  bool cut_before(const RowStep& row) const { return is_reset(p_, time_of(p_, row), row.batch); }

  // Units [unit, end) of what the product gave: `drop` on the way back, and what a reset cut off goes to the restart.
  void finish_product(std::int64_t j, std::int64_t unit, std::int64_t end) {
    const std::int64_t b = next_row_[j].batch;
    const T* drop = call_.regularisation.drop.data && !by_gate() ? at<T>(call_.regularisation.drop, b) : nullptr;
    T* product = product_[j];
    for (std::int64_t i = unit; drop && i < end; i += kLane) store(product + i, load(product + i) * load_up_to(drop + i, p_.H - i));
    if (!cut_before(next_row_[j])) return;
    T *dh = m_.dh + b * layout_.units, *to = m_.dh_restart + b * layout_.units;
    for (std::int64_t i = unit; i < end; i += kLane) store(to + i, load(to + i) + load(product + i)), store(dh + i, Vec<T>{});
  }

  // Which rows a tick goes back through, and where they find what they need.
  void point_rows(std::int64_t tick, std::int64_t n) {
    for (std::int64_t j = 0; j < n; ++j) {
      const RowStep row = row_[j] = lanes_.at(j, tick);
      const std::int64_t b = row.batch;
      slots_[j] = slots_of(row);
      slots_ahead_[j] = row.step > 0 ? slots_of({b, row.step - 1}) : nullptr;
      c_ahead_[j] = Cell::kCarry == Carry::cell && row.step > 1 ? slots_of({b, row.step - 2}) + kCarryAt * layout_.units : nullptr;
      dh_[j] = m_.dh + b * layout_.units, carry_[j] = m_.carry + b * layout_.units;
      dy_[j] = call_.dy.data ? at<T>(call_.dy, time_of(p_, row), b) : nullptr;
      dy_ahead_[j] = ahead<T>(p_, call_.dy, row, -1);
      old_[j] = Cell::kCarry == Carry::none ? m_.zeros : carried_before(row);
      dgated_[j] = kSecond ? m_.dgated + b * layout_.units : nullptr;
      drop_[j] = kSecond && call_.regularisation.drop.data ? mask_of<Cell, T>(call_.regularisation, b, Cell::kGates - 1) : nullptr;
    }
  }

  // What the row carried into this step beside h, or h itself.
  const T* carried_before(const RowStep& row) const {
    const std::int64_t s = row.step, b = row.batch;
    const bool cell = Cell::kCarry == Carry::cell, fresh = cut_before(row);
    const ConstState start = fresh ? (cell ? call_.restart.c : call_.restart.h) : cell ? call_.c0 : call_.h0;
    if (s == 0 || fresh) return start.data ? at<T>(start, b) : m_.zeros;
    if (Cell::kCarry == Carry::cell) return slots_of({b, s - 1}) + kCarryAt * layout_.units;
    return at<T>(call_.y, time_of(p_, s - 1, length(p_, b)), b);
  }

  Zones<T> zones_of(std::int64_t j, std::int64_t first, std::int64_t end) const {
    return {p_, call_.regularisation, row_[j], first, end, m_.zones + 2 * part_.thread * layout_.units, layout_.units};
  }

  // What reaches a row's new state at a step, and which part of it goes to what stayed of the old one.
  template <bool kZoned>
  struct Passing {
    // At units [first, end).
    Passing(const BackwardThread& of, std::int64_t j, std::int64_t first, std::int64_t end) : of(of) {
      if (!kZoned) return;
      zones = of.zones_of(j, first, end);
      if (Cell::kCarry != Carry::hidden) passed = of.around_product(of.row_[j].batch);
    }

    Vec<T> gradient(std::int64_t j, std::int64_t unit, std::int64_t left, Vec<T>* stays) const {
      Vec<T> dh = load(of.dh_[j] + unit);
      if constexpr (Cell::kCarry == Carry::hidden) dh += load(of.carry_[j] + unit);  // before dy, as where a sequence is cut at this step
      if (passed) dh += load(passed + unit);
      if (of.dy_[j]) dh += load_up_to(of.dy_[j] + unit, left);
      *stays = part(zones.h, unit, left, dh);
      return dh;
    }

    // Takes its share from a gradient.
    Vec<T> part(const T* zone, std::int64_t unit, std::int64_t left, Vec<T>& d) const {
      if (!kZoned || !zone) return Vec<T>{};
      const Vec<T> stays = load_up_to(zone + unit, left) * d;
      d -= stays;
      return stays;
    }

    const BackwardThread& of;
    Zones<T> zones;
    T* passed = nullptr;
  };

  // Units [first, end) of all rows of a tick. kZoned: some of the old state stayed.
  template <bool kZoned>
  [[gnu::noinline]] void apply(std::int64_t n, std::int64_t first, std::int64_t end) {
    for (std::int64_t j = 0; j < n; ++j) {
      const Passing<kZoned> passing(*this, j, first, end);
      bring_slots<Cell::kLoaded>(slots_ahead_[j], first, end, layout_.units);
      if (Cell::kCarry == Carry::cell) bring_slots<1>(c_ahead_[j], first, end, layout_.units);
      for (std::int64_t unit = first; unit < end; unit += kLane) {
        const std::int64_t left = p_.H - unit;
        T* slots = slots_[j] + unit;
        if (dy_ahead_[j]) __builtin_prefetch(dy_ahead_[j] + unit);
        Vec<T> a[Cell::kSlots], p[Cell::kPeepholes + 1], carry{}, old{}, stays_h, stays_c{};
        for (int i = 0; i < Cell::kLoaded; ++i) a[i] = load(slots + i * layout_.units);
        for (int i = 0; i < Cell::kPeepholes; ++i) p[i] = load(m_.peepholes + i * layout_.units + unit);
        if constexpr (Cell::kCarry != Carry::none) carry = load(carry_[j] + unit), old = load_up_to(old_[j] + unit, left);
        const Vec<T> dh = passing.gradient(j, unit, left, &stays_h);
        if constexpr (Cell::kCarry == Carry::cell) stays_c = passing.part(passing.zones.c, unit, left, carry);
        Cell::backward(a, dh, old, carry, p);
        if (kZoned) carry += Cell::kCarry == Carry::hidden ? stays_h : stays_c;
        if (passing.passed) store(passing.passed + unit, stays_h);
        if constexpr (Cell::kCarry != Carry::none) store(carry_[j] + unit, carry);
        for (int i = 0; i < Cell::kLoaded; ++i) store(slots + i * layout_.units, left >= kLane ? a[i] : first_lanes<T>(a[i], left));
      }
    }
  }

  // The same of a cell with norms, row by row, then through the norm of the state's product. Leaves in a row's norms what
  // the gradient of the input's product is made from (before_norm).
  template <bool kZoned>
  void apply_normed(std::int64_t n) {
    for (std::int64_t j = 0; j < n; ++j) {
      T* slots = slots_[j];
      if (slots_ahead_[j]) bring_near(slots_ahead_[j], layout_.slots);
      Norm<T>* norms = norms_of(layout_, slots);
      const Passing<kZoned> passing(*this, j, 0, layout_.units);
      if constexpr (Cell::kNormedCell) back_through_output(j, slots, norms, passing);
      Sums<T> input, state;
      for (std::int64_t unit = 0; unit < layout_.units; unit += kLane) {
        const std::int64_t left = p_.H - unit;
        Vec<T> a[Cell::kSlots], old = load_up_to(old_[j] + unit, left), carry, stays;
        T* gates = slots + kGatesAt * layout_.units + unit;
        if constexpr (Cell::kNormedCell) {
          for (int i = 0; i < Cell::kLoaded; ++i) a[i] = load(gates + i * layout_.units);
          carry = load(carry_[j] + unit);
          stays = passing.part(passing.zones.c, unit, left, carry);
          carry += before_cell_norm(slots, norms[kCellNorm], unit);
          Cell::backward(a, old, carry);
        } else {
          m_.norms.meet(slots, norms, unit, a);
          Vec<T> unused = old, dh = passing.gradient(j, unit, left, &stays);
          Cell::forward(a, unused, static_cast<const Vec<T>*>(nullptr));
          Cell::backward(a, dh, old, carry, static_cast<const Vec<T>*>(nullptr));
        }
        store(carry_[j] + unit, kZoned ? carry + stays : carry);
        for (int i = 0; i < Cell::kLoaded; ++i) {
          if (left < kLane) a[i] = first_lanes<T>(a[i], left);
          store(gates + i * layout_.units, a[i]);
        }
        for (int i = 0; i < Cell::kGates; ++i)
          input.add(i, a[i] * load(m_.norms.input + i * layout_.units + unit), m_.norms.input_value(slots, norms, i, unit));
        for (int i = 0; i < kStateGates; ++i)
          state.add(i, a[Cell::kStateSlot + i] * load(m_.norms.state + i * layout_.units + unit), m_.norms.state_value(slots, norms, i, unit));
      }
      input.means(norms[kInputNorm], Cell::kGates * p_.H), state.means(norms[kStateNorm], kStateGates * p_.H);
      T* to = m_.dstate + row_[j].batch * layout_.state_rows();
      for (int i = 0; i < kStateGates; ++i)
        for (std::int64_t unit = 0; unit < layout_.units; unit += kLane) {
          const Vec<T> da = load(slots + (kGatesAt + Cell::kStateSlot + i) * layout_.units + unit);
          store(to + i * layout_.units + unit, norms[kStateNorm].back(da * load(m_.norms.state + i * layout_.units + unit), m_.norms.state_value(slots, norms, i, unit)));
        }
    }
  }

  // The gates again, from both products; then o, and the gradient du of the normalised c, which takes its place.
  template <bool kZoned>
  void back_through_output(std::int64_t j, T* slots, Norm<T>* norms, const Passing<kZoned>& passing) {
    Sums<T> sums;
    const Norm<T> norm = norms[kCellNorm];
    T *gates = slots + kGatesAt * layout_.units, *z_at = slots + kCarryAt * layout_.units, *du_at = z_at + layout_.units;
    for (std::int64_t unit = 0; unit < layout_.units; unit += kLane) {
      const std::int64_t left = p_.H - unit;
      Vec<T> a[Cell::kSlots], c = load_up_to(old_[j] + unit, left), stays;
      m_.norms.meet(slots, norms, unit, a);
      Cell::forward(a, c, static_cast<const Vec<T>*>(nullptr));
      const Vec<T> z = norm.of(c), gain = load(m_.norms.cell + unit), dh = passing.gradient(j, unit, left, &stays);
      const Vec<T> du = Cell::output_backward(a, dh, fma(z, gain, load(m_.norms.cell + layout_.units + unit)));
      if (kZoned && passing.passed) store(passing.passed + unit, stays);
      for (int i = 0; i < Cell::kLoaded; ++i) store(gates + i * layout_.units + unit, a[i]);
      store(z_at + unit, z), store(du_at + unit, du);
      sums.add(0, du * gain, z);
    }
    sums.means(norms[kCellNorm], p_.H);
  }

  // What the new c gets through its norm.
  Vec<T> before_cell_norm(const T* slots, const Norm<T>& norm, std::int64_t unit) const {
    const T *z = slots + kCarryAt * layout_.units + unit, *du = z + layout_.units;
    const Vec<T> d = norm.back(load(du) * load(m_.norms.cell + unit), load(z));
    return p_.H - unit < kLane ? first_lanes<T>(d, p_.H - unit) : d;
  }

  // The gradient of the input's product, from what the step has left.
  const T* before_norm(const T* slots, T* to) const {
    const Norm<T>* norms = norms_of(layout_, slots);
    for (int i = 0; i < Cell::kGates; ++i)
      for (std::int64_t unit = 0; unit < layout_.units; unit += kLane) {
        const Vec<T> da = load(slots + (kGatesAt + i) * layout_.units + unit);
        store(to + i * layout_.units + unit, norms[kInputNorm].back(da * load(m_.norms.input + i * layout_.units + unit), m_.norms.input_value(slots, norms, i, unit)));
      }
    return to;
  }

  // Back through the second product, and through what it read: the gradient of r, and the rest of that of the old h.
  void close_gates(std::int64_t n) {
    multiply_columns<T>(n, slots_, dgated_, blocks_.first, blocks_.end, p_.H,
                        {panels_.second, layout_.backward_panel(layout_.second_rows()), layout_.second_rows(), m_.zeros, 0, 0, layout_.far()});
    for (std::int64_t j = 0; j < n; ++j)
      for (std::int64_t unit = 0; unit < p_.H; unit += kLane) {
        const std::int64_t left = p_.H - unit;
        T* slots = slots_[j] + unit;
        const Vec<T> drop = drop_[j] ? load_up_to(drop_[j] + unit, left) : Vec<T>{} + 1;
        Vec<T> a[Cell::kSlots];
        for (int i = 0; i < Cell::kLoaded; ++i) a[i] = load(slots + i * layout_.units);
        const Vec<T> d = Cell::gate_backward(a, load(dgated_[j] + unit), load_up_to(old_[j] + unit, left) * drop);
        store(carry_[j] + unit, fma(d, drop, load(carry_[j] + unit)));
        for (int i = Cell::kStateSlot; i < Cell::kLoaded; ++i) store(slots + i * layout_.units, a[i]);
      }
  }

  // Nothing passes a reset: the product is cut in finish_product, and here what goes round it.
  void cut_around(std::int64_t n) {
    const std::int64_t end = std::min(blocks_.end * kBlock, layout_.units);
    const auto cut = [&](T* from, T* to, std::int64_t b) {
      for (std::int64_t i = blocks_.first * kBlock; i < end; ++i) to[b * layout_.units + i] += from[i], from[i] = 0;
    };
    for (std::int64_t j = 0; j < n; ++j) {
      const std::int64_t b = row_[j].batch;
      if (!cut_before(row_[j])) continue;
      if (Cell::kCarry == Carry::cell) cut(carry_[j], m_.dc_restart, b);
      if (T* around = around_product(b)) cut(around, m_.dh_restart, b);
    }
  }

  // dx of all rows of ticks [tick, end), from gradients that every thread has finished.
  void multiply_dx(std::int64_t tick, std::int64_t end) {
    std::int64_t n = 0;
    for (; tick < end; ++tick)
      for (std::int64_t j = 0, active = lanes_.active(tick); j < active; ++j, ++n) {
        const RowStep row = lanes_.at(j, tick);
        tile_slots_[n] = slots_of(row);
        if constexpr (Cell::kNormed) tile_slots_[n] = before_norm(tile_slots_[n], dinput_ + n * layout_.gate_rows());
        dx_[n] = at<T>(call_.dx, time_of(p_, row), row.batch);
      }
    const Range blocks = part_.blocks(layout_.input_blocks());
    if (m_.unpacked) {
      const Matrix<T, Cell::kGates> weights = {static_cast<const T*>(call_.weights.weight_ih), Cell::kInputGate, p_.H, p_.C};
      return multiply_few_back<T, kRowsOfStripe>(n, tile_slots_, dx_, columns(blocks.first, blocks.end, p_.C), layout_.units, weights);
    }
    Product<T> product = {panels_.input, layout_.backward_panel(layout_.gate_rows()), layout_.gate_rows(), m_.zeros, 0, 0, layout_.far()};
    const std::int64_t whole = p_.C / kBlock, rest = p_.C % kBlock;
    multiply<T, 1, kColumns>(n, tile_slots_, dx_, blocks.first, std::min(blocks.end, whole), product);
    if (blocks.first == blocks.end || blocks.end <= whole) return;
    for (std::int64_t j = 0; j < n; ++j) edges_[j] = edge_ + j * kBlock;
    product.offset = -whole * kBlock;
    multiply_columns<T>(n, tile_slots_, edges_, whole, whole + 1, p_.C, product);
    for (std::int64_t j = 0; j < n; ++j) std::copy_n(edge_ + j * kBlock, rest, dx_[j] + whole * kBlock);
  }

  const Backward& call_;
  const Problem& p_;
  const BackwardMemory<Cell, T>& m_;
  const Layout<Cell, T>& layout_;
  Part part_;
  Lanes lanes_;
  Range blocks_;
  std::int64_t going_on_ = 0;
  RowStep *row_, *next_row_;
  T *edge_, *dinput_;
  const Panels<T> panels_;
  const T **next_, **old_, **dy_, **dy_ahead_, **tile_slots_, **drop_;
  T **slots_, **slots_ahead_, **c_ahead_, **dgated_, **dh_, **product_, **through_, **carry_, **dx_, **edges_;
};

}  // namespace recorrente::RECORRENTE_SIMD
