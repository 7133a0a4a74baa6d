// What is asked of a problem: lengths, the time of a step, whether it can be run at all. Knows no arithmetic.
#pragma once

#include "recorrente/sweep.h"

namespace recorrente {

// What a core's second-level cache holds. More is read from afar at every step.
constexpr std::int64_t kNearBytes = 512 * 1024;

// More than the caches nearest to the cores hold, so that what is written past them costs its reader nothing.
constexpr std::int64_t kCachedBytes = 8 * 1024 * 1024;

inline std::int64_t length(const Problem& p, std::int64_t b) { return p.lengths ? p.lengths[b] : p.T; }

// The t that step s of a row of this length reads and writes.
inline std::int64_t time_of(const Problem& p, std::int64_t s, std::int64_t length) { return p.reverse ? length - 1 - s : s; }

inline bool is_reset(const Problem& p, std::int64_t t, std::int64_t b) {
  return p.reset && p.reset[t * p.reset_step + b * p.reset_row];
}

inline bool is_normed(Cell cell) { return cell == Cell::gru_norm || cell == Cell::lstm_norm; }

inline std::size_t element_bytes(const Problem& p) { return p.dtype == Dtype::f32 ? 4 : 8; }

Status check(const Problem& problem);
Status check(const Forward& call);
Status check(const Backward& call);

}  // namespace recorrente
