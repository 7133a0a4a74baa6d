// The equations of sweep.h, as they are written there. No packing, no vectors, no threads, no shortcuts.
//
// saved holds, at (t, b), five vectors of H: the gates after their functions, then for the GRU W_hn h + b_hn, or what W_hn
// read, and for the LSTM the new c. Elman saves its output. What is normalised is made again on the way back.
#include "reference.h"

#include <algorithm>
#include <cmath>

#include "problem.h"

namespace recorrente {
namespace {

constexpr std::int64_t kSlots = 5;

template <class T>
T sigmoid(T x) {
  if (x >= 0) return 1 / (1 + std::exp(-x));
  const T e = std::exp(x);
  return e / (1 + e);
}

// Writes W v + bias.  // (n) from (n, k), (k), (n)
template <class T>
void affine(const T* weight, const T* v, const T* bias, std::int64_t n, std::int64_t k, T* out) {
  for (std::int64_t j = 0; j < n; ++j) {
    T sum = bias ? bias[j] : T(0);
    for (std::int64_t i = 0; i < k; ++i) sum += weight[j * k + i] * v[i];
    out[j] = sum;
  }
}

// Writes W^T d.  // (k) from (n, k), (n)
template <class T>
void transposed(const T* weight, const T* d, std::int64_t n, std::int64_t k, T* out) {
  for (std::int64_t i = 0; i < k; ++i) {
    T sum = 0;
    for (std::int64_t j = 0; j < n; ++j) sum += weight[j * k + i] * d[j];
    out[i] = sum;
  }
}

// Adds d v^T.  // (n, k)
template <class T>
void add_outer(const T* d, const T* v, std::int64_t n, std::int64_t k, T* out) {
  if (!out) return;
  for (std::int64_t j = 0; j < n; ++j)
    for (std::int64_t i = 0; i < k; ++i) out[j * k + i] += d[j] * v[i];
}

template <class T>
void copy_or_zero(const T* from, std::int64_t n, T* to) {
  for (std::int64_t i = 0; i < n; ++i) to[i] = from ? from[i] : T(0);
}

template <class T>
const T* at(ConstSequence s, std::int64_t t, std::int64_t b) {
  return s.data ? static_cast<const T*>(s.data) + t * s.step + b * s.row : nullptr;
}
template <class T>
T* at(Sequence s, std::int64_t t, std::int64_t b) {
  return s.data ? static_cast<T*>(s.data) + t * s.step + b * s.row : nullptr;
}
template <class T>
const T* at(ConstState s, std::int64_t b) {
  return s.data ? static_cast<const T*>(s.data) + b * s.row : nullptr;
}
template <class T>
T* at(State s, std::int64_t b) {
  return s.data ? static_cast<T*>(s.data) + b * s.row : nullptr;
}

// One unit of one step: x and h hold the pre-activations from the input and from the state, H apart for each gate.
// p: peepholes, H apart.
template <class T>
void unit_forward(Cell cell, const T* x, const T* h, const T* p, std::int64_t H, T& state, T& c, T* saved) {
  if (cell == Cell::elman_tanh) state = std::tanh(x[0] + h[0]);
  if (cell == Cell::elman_relu) state = x[0] + h[0] < 0 ? T(0) : x[0] + h[0];
  if (cell == Cell::elman_linear) state = x[0] + h[0];
  if (cell == Cell::gru || cell == Cell::gru_norm) {
    const T r = sigmoid(x[0] + h[0]), z = sigmoid(x[H] + h[H]), n = std::tanh(x[2 * H] + r * h[2 * H]);
    state = z * state + (1 - z) * n;
    saved[0] = r, saved[H] = z, saved[2 * H] = n, saved[3 * H] = h[2 * H];
  }
  if (cell == Cell::gru_before) {
    const T r = sigmoid(x[0] + h[0]), z = sigmoid(x[H] + h[H]), n = std::tanh(x[2 * H] + h[2 * H]);
    state = z * state + (1 - z) * n;
    saved[0] = r, saved[H] = z, saved[2 * H] = n;
  }
  if (cell == Cell::lstm || cell == Cell::lstm_norm || cell == Cell::lstm_peephole) {
    const T p_i = p ? p[0] : T(0), p_f = p ? p[H] : T(0), p_o = p ? p[2 * H] : T(0);
    const T i = sigmoid(x[0] + h[0] + p_i * c), f = sigmoid(x[H] + h[H] + p_f * c), g = std::tanh(x[2 * H] + h[2 * H]);
    c = f * c + i * g;
    const T o = sigmoid(x[3 * H] + h[3 * H] + p_o * c);
    state = o * std::tanh(c);
    saved[0] = i, saved[H] = f, saved[2 * H] = g, saved[3 * H] = o;
  }
  if (cell == Cell::lstm_coupled) {
    const T i = sigmoid(x[0] + h[0]), g = std::tanh(x[H] + h[H]), o = sigmoid(x[2 * H] + h[2 * H]);
    c = (1 - i) * c + i * g;
    state = o * std::tanh(c);
    saved[0] = i, saved[H] = g, saved[2 * H] = o;
  }
  if (cell <= Cell::elman_linear) saved[0] = state;
}

// dp, if not null, is added to, as is what the peepholes hand to dc. dh and dc come in as gradients of the new state, and leave as the parts of those of the old state that do not pass
// through W_hh. dx and dh_gates are the gradients of x and h above.
template <class T>
void unit_backward(Cell cell, const T* saved, const T* p, std::int64_t H, T h_old, T c_old, T& dh, T& dc, T* dx, T* dh_gates,
                   T* dp) {
  const T s0 = saved[0];
  if (cell == Cell::lstm || cell == Cell::lstm_norm || cell == Cell::lstm_peephole) {
    const T p_i = p ? p[0] : T(0), p_f = p ? p[H] : T(0), p_o = p ? p[2 * H] : T(0);
    const T i = s0, f = saved[H], g = saved[2 * H], o = saved[3 * H], c = f * c_old + i * g, tanh_c = std::tanh(c);
    dc += dh * o * (1 - tanh_c * tanh_c) + dh * tanh_c * o * (1 - o) * p_o;
    dx[0] = dc * g * i * (1 - i), dx[H] = dc * c_old * f * (1 - f);
    dx[2 * H] = dc * i * (1 - g * g), dx[3 * H] = dh * tanh_c * o * (1 - o);
    for (int gate = 0; gate < 4; ++gate) dh_gates[gate * H] = dx[gate * H];
    if (dp) dp[0] += dx[0] * c_old, dp[H] += dx[H] * c_old, dp[2 * H] += dx[3 * H] * c;
    dc = dc * f + dx[0] * p_i + dx[H] * p_f, dh = 0;
  } else if (cell == Cell::lstm_coupled) {
    const T i = s0, g = saved[H], o = saved[2 * H], tanh_c = std::tanh((1 - i) * c_old + i * g);
    dc += dh * o * (1 - tanh_c * tanh_c);
    dx[0] = dc * (g - c_old) * i * (1 - i), dx[H] = dc * i * (1 - g * g), dx[2 * H] = dh * tanh_c * o * (1 - o);
    for (int gate = 0; gate < 3; ++gate) dh_gates[gate * H] = dx[gate * H];
    dc *= 1 - i, dh = 0;
  } else if (cell == Cell::gru || cell == Cell::gru_norm) {
    const T r = s0, z = saved[H], n = saved[2 * H], q = saved[3 * H];
    const T dn = dh * (1 - z) * (1 - n * n);
    dx[0] = dn * q * r * (1 - r), dx[H] = dh * (h_old - n) * z * (1 - z), dx[2 * H] = dn;
    dh_gates[0] = dx[0], dh_gates[H] = dx[H], dh_gates[2 * H] = dn * r;
    dh *= z;
  } else if (cell == Cell::gru_before) {
    const T z = saved[H], n = saved[2 * H];
    dx[H] = dh_gates[H] = dh * (h_old - n) * z * (1 - z), dx[2 * H] = dh_gates[2 * H] = dh * (1 - z) * (1 - n * n);
    dh *= z;  // dr comes after the product: see back_before_reset
  } else {
    if (cell == Cell::elman_tanh) dx[0] = dh * (1 - s0 * s0);
    if (cell == Cell::elman_relu) dx[0] = s0 <= 0 ? T(0) : dh;
    if (cell == Cell::elman_linear) dx[0] = dh;
    dh_gates[0] = dx[0], dh = 0;
  }
}

// GRU with the reset before the product. What W_hn reads, r h, is kept in saved, and its product made.
template <class T>
void product_after_reset(const Weights& w, std::int64_t H, const T* from_x, const T* seen, T* from_h, T* saved) {
  T* gated = saved + 3 * H;
  for (std::int64_t u = 0; u < H; ++u) gated[u] = sigmoid(from_x[u] + from_h[u]) * seen[u];
  const T *weight = static_cast<const T*>(w.weight_hh), *bias = static_cast<const T*>(w.bias_hh);
  affine(weight + 2 * H * H, gated, bias ? bias + 2 * H : nullptr, H, H, from_h + 2 * H);
}

// The same, back: `through` comes as the gradient of r h, and leaves as that of h beside dr.
template <class T>
void back_before_reset(std::int64_t H, const T* saved, const T* seen, T* dgates_x, T* dgates_h, T* through) {
  for (std::int64_t u = 0; u < H; ++u) dgates_x[u] = dgates_h[u] = through[u] * seen[u] * saved[u] * (1 - saved[u]);
  for (std::int64_t u = 0; u < H; ++u) through[u] *= saved[u];
}

// Writes LN(a), and gives 1 / deviation. `z` may be `a`.
template <class T>
T normalise(const T* a, std::int64_t n, T* z) {
  T mean = 0, variance = 0;
  for (std::int64_t i = 0; i < n; ++i) mean += a[i] / n;
  for (std::int64_t i = 0; i < n; ++i) variance += (a[i] - mean) * (a[i] - mean) / n;
  const T scale = 1 / std::sqrt(variance + T(1e-5));
  for (std::int64_t i = 0; i < n; ++i) z[i] = (a[i] - mean) * scale;
  return scale;
}

// From the gradient of LN(a) gain + bias, in d, to that of a, in its place; those of gain and bias are added to, if wanted.
template <class T>
void normalise_back(const T* z, T scale, const T* gain, std::int64_t n, T* d, T* dgain, T* dbias) {
  T mean_d = 0, mean_dz = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    if (dgain) dgain[i] += d[i] * z[i];
    if (dbias) dbias[i] += d[i];
    d[i] *= gain[i], mean_d += d[i] / n, mean_dz += d[i] * z[i] / n;
  }
  for (std::int64_t i = 0; i < n; ++i) d[i] = scale * (d[i] - mean_d - z[i] * mean_dz);
}

// Writes LN(W v) gain + bias; bias may be null.  // (n) from (n, k), (k), (n), (n)
template <class T>
void normed_affine(const T* weight, const T* v, const T* gain, const T* bias, std::int64_t n, std::int64_t k, T* out) {
  affine<T>(weight, v, nullptr, n, k, out);
  normalise(out, n, out);
  for (std::int64_t i = 0; i < n; ++i) out[i] = out[i] * gain[i] + (bias ? bias[i] : T(0));
}

// The way back of it: dW, dgain and dbias are added to, if wanted; d becomes the gradient of W v. `z`: n values of room.
template <class T>
void normed_affine_back(const T* weight, const T* v, const T* gain, std::int64_t n, std::int64_t k, T* d, T* dgain, T* dbias, T* z) {
  affine<T>(weight, v, nullptr, n, k, z);
  const T scale = normalise(z, n, z);
  normalise_back(z, scale, gain, n, d, dgain, dbias);
}

// LSTM with layer norm: h from the normalised c, in place of what unit_forward gave.
template <class T>
void output_of_norm(const T* norm_c, const T* c, const T* saved, std::int64_t H, T* h, T* z) {
  normalise(c, H, z);
  for (std::int64_t u = 0; u < H; ++u) h[u] = saved[3 * H + u] * std::tanh(z[u] * norm_c[u] + norm_c[H + u]);
}

// The same, back: what h hands to c is added to dc, dh becomes the gradient of o's pre-activation. The c of the step itself,
// before zoneout, is made again from c_old. `z`, `du`: H values of room each.
template <class T>
void back_through_norm(const T* norm_c, const T* saved, const T* c_old, std::int64_t H, T* dh, T* dc, T* dnorm_c, T* z, T* du) {
  for (std::int64_t u = 0; u < H; ++u) z[u] = saved[H + u] * c_old[u] + saved[u] * saved[2 * H + u];
  const T scale = normalise(z, H, z);
  for (std::int64_t u = 0; u < H; ++u) {
    const T o = saved[3 * H + u], tanh_u = std::tanh(z[u] * norm_c[u] + norm_c[H + u]);
    du[u] = dh[u] * o * (1 - tanh_u * tanh_u);
    dh[u] *= tanh_u * o * (1 - o);
  }
  normalise_back(z, scale, norm_c, H, du, dnorm_c, dnorm_c ? dnorm_c + H : nullptr);
  for (std::int64_t u = 0; u < H; ++u) dc[u] += du[u];
}

template <class T>
T share_at(const Regularisation& r, ConstSequence share, std::int64_t t, std::int64_t b, std::int64_t u) {
  return r.zone_bytes ? static_cast<T>(at<std::uint8_t>(share, t, b)[u]) : at<T>(share, t, b)[u];
}

// What stays of the old value, where zoneout is given.
template <class T>
void zone(const Regularisation& r, ConstSequence share, std::int64_t t, std::int64_t b, const T* old, std::int64_t H, T* value) {
  for (std::int64_t u = 0; share.data && u < H; ++u) {
    const T stays = share_at<T>(r, share, t, b, u);
    value[u] = (1 - stays) * value[u] + stays * old[u];
  }
}

// The part of a gradient that goes to what stayed; the rest is left.
template <class T>
void unzone(const Regularisation& r, ConstSequence share, std::int64_t t, std::int64_t b, std::int64_t H, T* d, T* stays) {
  for (std::int64_t u = 0; u < H; ++u) {
    stays[u] = share.data ? share_at<T>(r, share, t, b, u) * d[u] : T(0);
    d[u] -= stays[u];
  }
}

// Adds a gradient to where it goes, if that is wanted, and clears it.
template <class T>
void hand_over(T* d, std::int64_t H, T* to) {
  for (std::int64_t u = 0; u < H; ++u) {
    if (to) to[u] += d[u];
    d[u] = 0;
  }
}

// h as gate g's part of W_hh sees it, and its gradient on the way back.
template <class T>
void drop(const Regularisation& r, std::int64_t b, std::int64_t g, const T* h, std::int64_t H, T* out) {
  for (std::int64_t u = 0; u < H; ++u) out[u] = r.drop.data ? at<T>(r.drop, b)[g * r.drop_gate + u] * h[u] : h[u];
}

template <class T>
void forward_row(const Forward& call, std::int64_t b) {
  const Problem& p = call.problem;
  const Weights& w = call.weights;
  const Regularisation& r = call.regularisation;
  const std::int64_t H = p.H, GH = gates(p.cell) * H, L = length(p, b);
  T *h = static_cast<T*>(call.workspace), *c = h + H, *h_old = c + H, *c_old = h_old + H, *seen = c_old + H;
  T *from_x = seen + GH, *from_h = from_x + GH, *spare = from_h + GH;
  copy_or_zero(at<T>(call.h0, b), H, h);
  copy_or_zero(has_c(p.cell) ? at<T>(call.c0, b) : nullptr, H, c);
  for (std::int64_t s = 0; s < L; ++s) {
    const std::int64_t t = time_of(p, s, L);
    if (is_reset(p, t, b)) copy_or_zero(at<T>(call.restart.h, b), H, h), copy_or_zero(at<T>(call.restart.c, b), H, c);
    std::copy(h, c + H, h_old);
    const T *bias_ih = static_cast<const T*>(w.bias_ih), *bias_hh = static_cast<const T*>(w.bias_hh);
    const T *weight_ih = static_cast<const T*>(w.weight_ih), *weight_hh = static_cast<const T*>(w.weight_hh);
    for (std::int64_t g = 0; g < GH / H; ++g) drop(r, b, g, h, H, seen + g * H);
    if (is_normed(p.cell)) {
      normed_affine(weight_ih, at<T>(call.x, t, b), static_cast<const T*>(w.norm_ih), bias_ih, GH, p.C, from_x);
      normed_affine(weight_hh, seen, static_cast<const T*>(w.norm_hh), bias_hh, GH, H, from_h);
    } else {
      affine(weight_ih, at<T>(call.x, t, b), bias_ih, GH, p.C, from_x);
      for (std::int64_t g = 0; g < GH / H; ++g)
        affine(weight_hh + g * H * H, seen + g * H, bias_hh ? bias_hh + g * H : nullptr, H, H, from_h + g * H);
    }
    T* saved = call.saved ? static_cast<T*>(call.saved) + (t * p.B + b) * kSlots * H : spare;
    const T* peepholes = static_cast<const T*>(w.peephole);
    if (p.cell == Cell::gru_before) product_after_reset(w, H, from_x, seen + 2 * H, from_h, saved);
    for (std::int64_t u = 0; u < H; ++u)
      unit_forward(p.cell, from_x + u, from_h + u, peepholes ? peepholes + u : nullptr, H, h[u], c[u], saved + u);
    if (p.cell == Cell::lstm_norm) output_of_norm(static_cast<const T*>(w.norm_c), c, saved, H, h, from_x);
    zone(r, r.zone_h, t, b, h_old, H, h), zone(r, has_c(p.cell) ? r.zone_c : ConstSequence{}, t, b, c_old, H, c);
    std::copy(h, h + H, at<T>(call.y, t, b));
    if (has_c(p.cell)) std::copy(c, c + H, saved + 4 * H);
  }
  for (std::int64_t t = L; t < p.T; ++t) std::fill_n(at<T>(call.y, t, b), H, T(0));
  if (call.h_n.data) std::copy(h, h + H, at<T>(call.h_n, b));
  if (call.c_n.data && has_c(p.cell)) std::copy(c, c + H, at<T>(call.c_n, b));
}

template <class T>
void backward_row(const Backward& call, std::int64_t b) {
  const Problem& p = call.problem;
  const Weights& w = call.weights;
  const Regularisation& r = call.regularisation;
  const std::int64_t H = p.H, G = gates(p.cell), GH = G * H, L = length(p, b);
  T *dh = static_cast<T*>(call.workspace), *dc = dh + H, *h_old = dc + H, *c_old = h_old + H, *seen = c_old + H;
  T *stays_h = seen + GH, *stays_c = stays_h + H, *through = stays_c + H, *dgates_x = through + H, *dgates_h = dgates_x + GH;
  const T *peepholes = static_cast<const T*>(w.peephole), one = 1;
  T* dpeephole = static_cast<T*>(call.dpeephole);
  copy_or_zero(at<T>(call.dh_n, b), H, dh);
  copy_or_zero(has_c(p.cell) ? at<T>(call.dc_n, b) : nullptr, H, dc);
  for (State restart : {call.dh_restart, call.dc_restart}) copy_or_zero<T>(nullptr, restart.data ? H : 0, at<T>(restart, b));
  for (std::int64_t s = L - 1; s >= 0; --s) {
    const std::int64_t t = time_of(p, s, L), t_old = time_of(p, s - 1, L);
    const bool fresh = is_reset(p, t, b), cell = has_c(p.cell);
    const T* saved_row = static_cast<const T*>(call.saved) + b * kSlots * H;
    const T* c_from = fresh ? at<T>(call.restart.c, b) : s > 0 ? saved_row + t_old * p.B * kSlots * H + 4 * H : at<T>(call.c0, b);
    copy_or_zero(fresh ? at<T>(call.restart.h, b) : s > 0 ? at<T>(call.y, t_old, b) : at<T>(call.h0, b), H, h_old);
    copy_or_zero(cell ? c_from : nullptr, H, c_old);
    for (std::int64_t g = 0; g < G; ++g) drop(r, b, g, h_old, H, seen + g * H);
    for (std::int64_t u = 0; call.dy.data && u < H; ++u) dh[u] += at<T>(call.dy, t, b)[u];
    unzone(r, r.zone_h, t, b, H, dh, stays_h), unzone(r, cell ? r.zone_c : ConstSequence{}, t, b, H, dc, stays_c);
    const bool normed = is_normed(p.cell), normed_c = p.cell == Cell::lstm_norm;
    if (normed_c) {
      back_through_norm(static_cast<const T*>(w.norm_c), saved_row + t * p.B * kSlots * H, c_old, H, dh, dc, static_cast<T*>(call.dnorm_c), dgates_x, dgates_x + H);
      std::copy(dh, dh + H, through), std::fill_n(dh, H, T(0));
    }
    for (std::int64_t u = 0; u < H; ++u)
      unit_backward(p.cell, saved_row + t * p.B * kSlots * H + u, peepholes ? peepholes + u : nullptr, H, h_old[u], c_old[u], dh[u],
                    dc[u], dgates_x + u, dgates_h + u, dpeephole ? dpeephole + u : nullptr);
    if (normed_c) std::copy(through, through + H, dgates_x + 3 * H), std::copy(through, through + H, dgates_h + 3 * H);
    if (normed) {
      const auto back = [&](const void* weight, const T* v, std::int64_t k, const void* gain, T* d, void* dgain, void* dbias) {
        normed_affine_back(static_cast<const T*>(weight), v, static_cast<const T*>(gain), GH, k, d, static_cast<T*>(dgain), static_cast<T*>(dbias), dgates_h + GH);
      };
      back(w.weight_ih, at<T>(call.x, t, b), p.C, w.norm_ih, dgates_x, call.dnorm_ih, call.dbias_ih);
      back(w.weight_hh, seen, H, w.norm_hh, dgates_h, call.dnorm_hh, call.dbias_hh);
    }
    const bool before = p.cell == Cell::gru_before;
    const T* saved = saved_row + t * p.B * kSlots * H;
    for (std::int64_t u = 0; u < H; ++u) dh[u] += stays_h[u], dc[u] += stays_c[u];
    for (std::int64_t g = G - 1; g >= 0; --g) {  // from the last: what comes out of the second product opens r
      transposed(static_cast<const T*>(w.weight_hh) + g * H * H, dgates_h + g * H, H, H, through);
      if (before && g == 2) back_before_reset(H, saved, seen + 2 * H, dgates_x, dgates_h, through);
      drop(r, b, g, through, H, through);
      for (std::int64_t u = 0; u < H; ++u) dh[u] += through[u];
    }
    if (fresh) hand_over(dh, H, at<T>(call.dh_restart, b)), hand_over(dc, H, cell ? at<T>(call.dc_restart, b) : nullptr);
    if (call.dx.data) transposed(static_cast<const T*>(w.weight_ih), dgates_x, GH, p.C, at<T>(call.dx, t, b));
    add_outer(dgates_x, at<T>(call.x, t, b), GH, p.C, static_cast<T*>(call.dweight_ih));
    T* dweight_hh = static_cast<T*>(call.dweight_hh);
    for (std::int64_t g = 0; g < G; ++g)
      add_outer(dgates_h + g * H, before && g == 2 ? saved + 3 * H : seen + g * H, H, H, dweight_hh ? dweight_hh + g * H * H : nullptr);
    if (normed) continue;
    add_outer(dgates_x, &one, GH, 1, static_cast<T*>(call.dbias_ih));
    add_outer(dgates_h, &one, GH, 1, static_cast<T*>(call.dbias_hh));
  }
  if (call.dx.data)
    for (std::int64_t t = L; t < p.T; ++t) std::fill_n(at<T>(call.dx, t, b), p.C, T(0));
  if (call.dh0.data) std::copy(dh, dh + H, at<T>(call.dh0, b));
  if (call.dc0.data && has_c(p.cell)) std::copy(dc, dc + H, at<T>(call.dc0, b));
}

template <class T>
void forward_rows(const Forward& call) {
  for (std::int64_t b = 0; b < call.problem.B; ++b) forward_row<T>(call, b);
}

template <class T>
void backward_rows(const Backward& call) {
  const Problem& p = call.problem;
  const std::int64_t GH = gates(p.cell) * p.H;
  const auto clear = [&](void* gradient, std::int64_t count) {
    if (gradient && !call.add) std::fill_n(static_cast<T*>(gradient), count, T(0));
  };
  clear(call.dweight_ih, GH * p.C), clear(call.dweight_hh, GH * p.H), clear(call.dpeephole, 3 * p.H);
  clear(call.dbias_ih, GH), clear(call.dbias_hh, GH);
  clear(call.dnorm_ih, GH), clear(call.dnorm_hh, GH), clear(call.dnorm_c, 2 * p.H);
  for (std::int64_t b = 0; b < p.B; ++b) backward_row<T>(call, b);
}

}  // namespace

std::size_t reference_saved_bytes(const Problem& p) { return p.T * p.B * kSlots * p.H * element_bytes(p); }

std::size_t reference_workspace_bytes(const Problem& p) {
  const std::int64_t GH = gates(p.cell) * p.H;
  return (9 * p.H + 3 * GH + kSlots * p.H) * element_bytes(p);
}

void reference_forward(const Forward& call) {
  call.problem.dtype == Dtype::f32 ? forward_rows<float>(call) : forward_rows<double>(call);
}

void reference_backward(const Backward& call) {
  call.problem.dtype == Dtype::f32 ? backward_rows<float>(call) : backward_rows<double>(call);
}

}  // namespace recorrente
