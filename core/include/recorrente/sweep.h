// The whole contract of the core: one layer in one direction, swept over time, forward and backward.
//
// Letters: T steps, B batch rows, C inputs, H hidden units, G gates (1 Elman, 3 GRU, 4 LSTM), N valid steps (the sum of
// lengths, or T*B). The last index of every array is contiguous; strides count elements, not bytes, and may be negative.
//
// Equations, gate orders and names are torch's:
//   Elman  h' = f(W_ih x + b_ih + W_hh h + b_hh), f = tanh, relu or the identity
//   GRU    r z n in the weights; r, z = sigmoid(...), n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = z h + (1 - z) n
//          (arXiv 1406.1078v1 with the reset after the product, as cuDNN and torch)
//   GRU with the reset before the product: n = tanh(W_in x + b_in + W_hn (r h) + b_hn), the rest as above (arXiv 1406.1078v3)
//   LSTM   i f g o in the weights; c' = f c + i g, h' = o tanh(c')
//   LSTM with peepholes: p_i c and p_f c go into i and f, p_o c' into o (F. Gers et al., 2002; ONNX, Keras' PeepholeLSTMCell)
//   LSTM with coupled gates: f = 1 - i, and i g o in the weights (K. Greff et al., arXiv 1503.04069)
//   GRU and LSTM with layer norm: LN(W_ih x) * norm_ih + b_ih in place of W_ih x + b_ih, the same of W_hh h, each over all
//   G*H values, and in the LSTM h' = o tanh(LN(c') * norm_c[0] + norm_c[1]), over H (J. Ba et al., arXiv 1607.06450).
//   LN(a) = (a - mean) / sqrt(variance + 1e-5), the variance by n, as torch.nn.functional.layer_norm
//
// Time. Row b has its own length L_b (T where `lengths` is null). Forward in time, its step s reads x at t = s; in
// reverse, at t = L_b - 1 - s. y is written at the same t, and is zero at t >= L_b. The final state is the state after
// L_b steps; for L_b = 0 it is the initial state. Time and memory follow N, not T*B.
// Where `reset` holds a non-zero byte at (t, b), the state before the step that reads x at (t, b) is `Restart`: zero, or
// what is given. No gradient passes to what was before.
//
// Regularisation, where it is given. `drop` (B, H) multiplies h on its way into W_hh, at every step alike; where
// `drop_gate` is not 0, it is (B, G*H), and each gate's part of W_hh sees an h of its own, in the weights' order. Where `zone_h`
// and `zone_c` are given, (T, B, H), each the share of the old state that stays: h' is h~ + zone_h (h - h~) where h~ is the
// step's own, and so is c'; h~ is made from c~ (zoneout, D. Krueger et al., arXiv 1606.01305). Zones
// and peepholes together are unsupported, and so are masks by gate where a norm is one over all gates.
//
// Memory. The caller owns all of it. `saved` and `workspace` have the sizes that the queries give, any alignment that
// malloc gives, and need not be initialised. Nothing may overlap anything else, but that read-only arrays may share.
// Pointers need to live only until the call returns. Sizes of zero are allowed for T, B and C; H is at least 1.
//
// Threads. Every function may be called from several threads at once with separate buffers. `threads` is an upper
// bound: small calls use fewer, and inside an OpenMP region there is one. The bits of every output are the same for any
// number of threads, any order of rows in the batch and any chunking of a sequence in time.
//
// Numbers. A pre-activation is its bias, plus one FMA chain for each 64 inputs, then for each 64 units, in ascending order.
// A sum of a norm over a row adds vectors of each gate in ascending order, then the gates, then the lanes.
// The gradient of a weight is a sum over stretches of `gradient_stretch` of the N steps, from the last to the first: a
// sequence that is cut at such borders and gone through from its last piece, adding, has the bits of the whole. So has
// that of a bias where `bias_sums` is carried from piece to piece: its stretches are added in double (not under layer norm).
// Denormals are flushed to zero in the core's threads during a call, and the caller's floating-point environment is as it
// was afterwards (the reference engine leaves denormals alone). NaN and Inf propagate.
//
// Every function returns a status; none throws, prints or aborts. On any status but `ok` nothing has been written.
#pragma once

#include <cstddef>
#include <cstdint>

namespace recorrente {

enum class Status : int { ok = 0, bad_shape, null_pointer, bad_length, bad_engine, bad_target, too_large, unsupported };
enum class Dtype : int { f32 = 0, f64 = 1 };
enum class Cell : int { elman_tanh = 0, elman_relu = 1, elman_linear = 2, gru = 3, lstm = 4, lstm_peephole = 5, lstm_coupled = 6, gru_before = 7,
                         gru_norm = 8, lstm_norm = 9 };
constexpr int kCells = 10;

// `target` is the vector code of this machine (see target.h); `reference` is plain scalar loops that judge it.
enum class Engine : int { target = 0, reference = 1 };

// How the work was shared: one thread; rows between threads; units between threads, with a barrier at every step.
enum class Path : int { reference = 0, single = 1, rows = 2, units = 3 };

// Element (t, b, i) is at data + t * step + b * row + i.
struct Sequence {
  void* data = nullptr;
  std::int64_t step = 0, row = 0;
};
struct ConstSequence {
  const void* data = nullptr;
  std::int64_t step = 0, row = 0;
};

// Element (b, i) is at data + b * row + i.
struct State {
  void* data = nullptr;
  std::int64_t row = 0;
};
struct ConstState {
  const void* data = nullptr;
  std::int64_t row = 0;
};

struct Problem {
  Cell cell = Cell::lstm;
  Dtype dtype = Dtype::f32;
  Engine engine = Engine::target;
  std::int64_t T = 0, B = 0, C = 0, H = 0;
  bool reverse = false;
  int threads = 1;
  const std::int64_t* lengths = nullptr;  // (B) each in 0..T, in any order; null: all T
  const std::uint8_t* reset = nullptr;    // (T, B) at t * reset_step + b * reset_row; null: no resets
  std::int64_t reset_step = 0, reset_row = 0;
};

// Contiguous. A null bias is zero.
struct Weights {
  const void* weight_ih = nullptr;  // (G*H, C)
  const void* weight_hh = nullptr;  // (G*H, H)
  const void* bias_ih = nullptr;    // (G*H)
  const void* bias_hh = nullptr;    // (G*H)
  const void* peephole = nullptr;   // (3*H): p_i, p_f, p_o; of the LSTM with peepholes
  const void* norm_ih = nullptr;    // (G*H), gains; of the cells with layer norm
  const void* norm_hh = nullptr;    // (G*H)
  const void* norm_c = nullptr;     // (2, H): gain and bias; of the LSTM with layer norm
};

// Null: 1 for drop, nothing for zones, zero for the state after a reset. Zones may have strides of 0.
struct Regularisation {
  ConstState drop;                // (B, H), or (B, G*H)
  std::int64_t drop_gate = 0;     // elements from one gate's mask to the next; 0: one for all
  ConstSequence zone_h, zone_c;   // (T, B, H); zone_c where there is a c
  bool zone_bytes = false;        // zones are bytes, 0 or 1, and their strides too
};
struct Restart {
  ConstState h, c;                // (B, H); read where `reset` is given
};

// `path` and `threads` say what ran; `target` is its static name ("avx2", "reference", ...).
struct Ran {
  const char* target = "";
  Path path = Path::reference;
  int threads = 0;
};

struct Forward {
  Problem problem;
  Weights weights;
  ConstSequence x;              // (T, B, C)
  ConstState h0;                // (B, H); null: zeros
  ConstState c0;                // (B, H), LSTM only; null: zeros
  Restart restart;
  Regularisation regularisation;
  Sequence y;                   // (T, B, H)
  State h_n;                    // (B, H); null: not wanted
  State c_n;                    // (B, H), LSTM only; null: not wanted
  void* saved = nullptr;        // saved_bytes; null: no backward will follow, and nothing is saved
  bool replay = false;          // y holds what this call gave; `saved`, h_n and c_n are made again from it. Not with `drop`, and
                                // not by the reference engine
  void* workspace = nullptr;    // forward_workspace_bytes
};

// `problem`, `weights`, x, h0, c0, restart, regularisation and y are those of the forward call, unchanged; `threads` may
// differ. A null gradient coming in is zero; a null gradient going out is not computed. Outputs are overwritten, but the
// gradients of weights and biases are added to where `add` is set.
// dx is zero at t >= L_b; dy is not read there.
struct Backward {
  Problem problem;
  Weights weights;
  ConstSequence x;              // (T, B, C); read for dweight_ih
  ConstState h0;                // (B, H)
  ConstState c0;                // (B, H), LSTM only
  Restart restart;
  Regularisation regularisation;
  ConstSequence y;              // (T, B, H)
  void* saved = nullptr;        // read and used up: the gradients of the gates overwrite it (to go back twice, go forward again)
  ConstSequence dy;             // (T, B, H)
  ConstState dh_n;              // (B, H)
  ConstState dc_n;              // (B, H), LSTM only
  Sequence dx;                  // (T, B, C)
  State dh0;                    // (B, H)
  State dc0;                    // (B, H), LSTM only
  State dh_restart, dc_restart; // (B, H): summed over the resets of a row
  bool add = false;             // to the gradients that follow
  void* dweight_ih = nullptr;   // (G*H, C)
  void* dweight_hh = nullptr;   // (G*H, H)
  void* dbias_ih = nullptr;     // (G*H)
  void* dbias_hh = nullptr;     // (G*H); differs from dbias_ih in the n gate of the GRUs only
  double* bias_sums = nullptr;  // (2, G*H), zeros before the first piece: added to, and what dbias_ih and dbias_hh are written
                                // from, whatever `add`. Null: nothing is carried. Not of cells with layer norm
  void* dpeephole = nullptr;    // (3*H)
  void* dnorm_ih = nullptr;     // (G*H)
  void* dnorm_hh = nullptr;     // (G*H)
  void* dnorm_c = nullptr;      // (2, H)
  void* workspace = nullptr;    // backward_workspace_bytes
};

// Sizes in bytes, for this problem, engine and machine. They read `lengths`, and refuse what forward would refuse of it.
Status saved_bytes(const Problem& problem, std::size_t* bytes);
Status forward_workspace_bytes(const Problem& problem, bool saving, std::size_t* bytes);
Status backward_workspace_bytes(const Problem& problem, std::size_t* bytes);

// `ran` may be null.
Status forward(const Forward& call, Ran* ran);
Status backward(const Backward& call, Ran* ran);

// For weights that others keep the other way round, as Keras does: element (row, column) of `from` goes to (column, row) of
// `to`. `from_row` and `to_row`: elements from one row to the next. Nothing beyond the elements is touched.
Status turn(Dtype dtype, std::int64_t rows, std::int64_t columns, const void* from, std::int64_t from_row, void* to, std::int64_t to_row);

// See Numbers above; for the target, 0 where there is none.
std::int64_t gradient_stretch(Dtype dtype);

// G; whether the state has a c; a static sentence for a status.
int gates(Cell cell);
bool has_c(Cell cell);
const char* describe(Status status);

}  // namespace recorrente
