// Refuses what cannot be run, before anything is written. Looks at sizes, lengths and null pointers; array contents and
// overlap are the caller's word.
#include "problem.h"

#include "target.h"

namespace recorrente {
namespace {

// Products of three sizes below this stay far from overflow in 64 bits, with every factor the core multiplies by.
constexpr std::int64_t kLargest = std::int64_t{1} << 48;

bool product_fits(std::int64_t a, std::int64_t b, std::int64_t c) {
  if (a == 0 || b == 0 || c == 0) return true;
  return a <= kLargest / b && a * b <= kLargest / c;
}

Status check_lengths(const Problem& p) {
  if (!p.lengths) return Status::ok;
  for (std::int64_t b = 0; b < p.B; ++b)
    if (p.lengths[b] < 0 || p.lengths[b] > p.T) return Status::bad_length;
  return Status::ok;
}

Status check_weights(const Problem& p, const Weights& w) {
  const bool missing = !w.weight_hh || (p.C > 0 && !w.weight_ih) || (p.cell == Cell::lstm_peephole && !w.peephole);
  const bool without_norm = is_normed(p.cell) && (!w.norm_ih || !w.norm_hh || (has_c(p.cell) && !w.norm_c));
  return missing || without_norm ? Status::null_pointer : Status::ok;
}

// The gradient of a peephole needs the c that its gate saw, and of zoneout another is kept. A norm is one over all gates.
Status check_regularisation(const Problem& p, const Regularisation& r) {
  const bool zoned = r.zone_h.data || r.zone_c.data;
  const bool by_gate = r.drop.data && r.drop_gate;
  return (zoned && p.cell == Cell::lstm_peephole) || (by_gate && is_normed(p.cell)) ? Status::unsupported : Status::ok;
}

bool has_steps(const Problem& p) { return p.T > 0 && p.B > 0; }

}  // namespace

Status check(const Problem& p) {
  if (p.T < 0 || p.B < 0 || p.C < 0 || p.H < 1 || p.threads < 1) return Status::bad_shape;
  if (p.cell < Cell::elman_tanh || static_cast<int>(p.cell) >= kCells) return Status::bad_shape;
  if (p.dtype != Dtype::f32 && p.dtype != Dtype::f64) return Status::bad_shape;
  if (p.engine != Engine::target && p.engine != Engine::reference) return Status::bad_engine;
  if (p.engine == Engine::target && !target_engine()) return Status::bad_target;
  if (!product_fits(p.T, p.B, p.H) || !product_fits(p.T, p.B, p.C)) return Status::too_large;
  if (!product_fits(8, p.H, p.H) || !product_fits(8, p.H, p.C)) return Status::too_large;
  return check_lengths(p);
}

Status check(const Forward& call) {
  const Problem& p = call.problem;
  if (Status status = check(p); status != Status::ok) return status;
  if (!call.workspace) return Status::null_pointer;
  if (has_steps(p) && (!call.y.data || (p.C > 0 && !call.x.data))) return Status::null_pointer;
  if (call.replay && has_steps(p) && !call.saved) return Status::null_pointer;
  if (call.replay && (call.regularisation.drop.data || p.engine == Engine::reference)) return Status::unsupported;
  if (Status status = check_regularisation(p, call.regularisation); status != Status::ok) return status;
  return check_weights(p, call.weights);
}

Status check(const Backward& call) {
  const Problem& p = call.problem;
  if (Status status = check(p); status != Status::ok) return status;
  if (!call.workspace) return Status::null_pointer;
  if (has_steps(p) && (!call.y.data || !call.saved || (p.C > 0 && !call.x.data))) return Status::null_pointer;
  if (call.bias_sums && (is_normed(p.cell) || p.engine == Engine::reference)) return Status::unsupported;
  if (Status status = check_regularisation(p, call.regularisation); status != Status::ok) return status;
  return check_weights(p, call.weights);
}

int gates(Cell cell) {
  switch (cell) {
    case Cell::lstm:
    case Cell::lstm_norm:
    case Cell::lstm_peephole: return 4;
    case Cell::gru:
    case Cell::gru_norm:
    case Cell::gru_before:
    case Cell::lstm_coupled: return 3;
    default: return 1;
  }
}

bool has_c(Cell cell) {
  return cell == Cell::lstm || cell == Cell::lstm_peephole || cell == Cell::lstm_coupled || cell == Cell::lstm_norm;
}

const char* describe(Status status) {
  switch (status) {
    case Status::ok: return "ok";
    case Status::bad_shape: return "a size is negative, H or threads is below 1, rows lie over each other, or the cell or dtype is unknown";
    case Status::null_pointer: return "a pointer that this call needs is null";
    case Status::bad_length: return "a length is below 0 or above T";
    case Status::bad_engine: return "the engine is unknown";
    case Status::bad_target: return "RECORRENTE_TARGET names a target that this build or machine does not have";
    case Status::too_large: return "the sizes are too large to address";
    case Status::unsupported: return "this engine cannot run this problem";
  }
  return "unknown status";
}

}  // namespace recorrente
