//===- lnsrt.h - The lnsc runtime's C ABI -------------------------- C -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Opens a plan (one file, made by `lnsc`), creates a session on a device and
// runs training steps. Rules that hold for every call:
//
// - It returns NULL on success, else an error that the caller frees with
//   lnsrt_error_free. The library never prints, aborts, exits or throws.
// - Handles are opaque. A plan may be shared by several sessions and threads;
//   it must outlive its sessions. A session may be used by one thread at a
//   time.
// - Every option struct starts with `struct_size`; set it to sizeof(the
//   struct). Fields that an older caller does not know keep their defaults. A
//   NULL option pointer means all defaults.
// - Arrays that the caller passes in stay the caller's, and are read or
//   written only during the call.
// - Results are the same bits on every run and for every thread count, on one
//   instruction-set level; on a CUDA device, with one choice among the plan's
//   alternatives (LNSRT_CUDA_PRODUCTS in docs/lns.md).
//
//===----------------------------------------------------------------------===//

#ifndef LNSRT_H
#define LNSRT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LNSRT_ABI_VERSION 2

#if defined(_WIN32)
#define LNSRT_API
#else
#define LNSRT_API __attribute__((visibility("default")))
#endif

typedef struct lnsrt_error lnsrt_error;
typedef struct lnsrt_plan lnsrt_plan;
typedef struct lnsrt_session lnsrt_session;

typedef enum lnsrt_error_code {
  LNSRT_OK = 0,
  LNSRT_INVALID_ARGUMENT = 1, ///< the caller passed something impossible
  LNSRT_INVALID_PLAN = 2,     ///< truncated, altered or inconsistent plan
  LNSRT_UNSUPPORTED = 3,      ///< valid, but not on this machine or build
  LNSRT_OUT_OF_MEMORY = 4,
  LNSRT_IO = 5,
  LNSRT_INTERNAL = 6
} lnsrt_error_code;

/// LNSRT_OK for NULL.
LNSRT_API lnsrt_error_code lnsrt_error_get_code(const lnsrt_error *error);
/// One line, lower case, names both sides of a mismatch and the remedy. Lives
/// as long as the error.
LNSRT_API const char *lnsrt_error_message(const lnsrt_error *error);
/// Where: a file, a parameter's or entry point's name; never NULL.
LNSRT_API const char *lnsrt_error_place(const lnsrt_error *error);
LNSRT_API void lnsrt_error_free(lnsrt_error *error);

LNSRT_API uint32_t lnsrt_abi_version(void);

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

/// What sessions can run on here, and why there is no CUDA, as JSON. It is no
/// error when something is not there. `*json` lives until the next call of this
/// function on the same thread.
LNSRT_API lnsrt_error *lnsrt_get_devices_json(const char **json);

//===----------------------------------------------------------------------===//
// Plan
//===----------------------------------------------------------------------===//

/// Opens and verifies a plan: size and checksum, FlatBuffers structure, then
/// every index, arity, shape and offset, before anything is allocated.
LNSRT_API lnsrt_error *lnsrt_plan_open(const char *path, lnsrt_plan **plan);
/// The same from memory; the bytes are copied.
LNSRT_API lnsrt_error *lnsrt_plan_open_memory(const void *bytes, size_t size,
                                              lnsrt_plan **plan);
LNSRT_API void lnsrt_plan_release(lnsrt_plan *plan);

typedef struct lnsrt_plan_info {
  size_t struct_size;
  uint32_t batch;            ///< B, sequences in a step
  uint32_t sequence;         ///< T, tokens in a sequence
  uint32_t vocabulary;       ///< tokens are in [0, vocabulary)
  uint32_t layers;           ///< depth of the model
  uint64_t parameters;       ///< trainable elements, tied ones once
  uint64_t arena_bytes;      ///< scratch and activations, largest entry point
  uint64_t activation_bytes; ///< peak live values of train_step that a forward
                             ///< pass wrote and a backward pass reads
  uint64_t session_bytes;    ///< `total` of lnsrt_memory on one thread
  uint64_t flops_per_step;   ///< matmul and attention FLOPs of train_step
  const char *model_name;    ///< lives as long as the plan
  const char *compiler;      ///< version of the lnsc that wrote the plan
  uint32_t micro_batch;      ///< sequences that are in memory at one time; B
                             ///< is a multiple of it
  uint32_t schedules;        ///< numbers of the model that follow the steps
                             ///< done; 0: it computes the same at any step
  /// Elements that are not trained, which `parameters` does not count.
  uint64_t frozen_parameters;
  uint32_t documents; ///< 1: the plan takes lnsrt_batch.starts
  uint32_t decode;    ///< 1: the plan has what lnsrt_decode runs
} lnsrt_plan_info;

LNSRT_API lnsrt_error *lnsrt_plan_get_info(const lnsrt_plan *plan,
                                           lnsrt_plan_info *info);

/// Where the memory of a session goes, in bytes. Everything that grows with the
/// model, the batch or the number of threads is here; what is not is the list
/// of commands, the threads' stacks, the plan's file and the number of tokens
/// that are decoded of each row. Gradients and moments are those of parameters
/// that are trained.
typedef struct lnsrt_memory {
  size_t struct_size;
  uint32_t threads;
  uint64_t parameters;
  uint64_t gradients;
  uint64_t optimizer;   ///< both moments of AdamW
  uint64_t activations; ///< what a forward pass keeps for the backward pass
  uint64_t workspace;   ///< the arena's rest: values that come and go
  uint64_t io;          ///< tokens, targets and the optimizer's values
  uint64_t constants;   ///< in the plan's memory, which all sessions share
  uint64_t matmul;      ///< packed operands of the product at hand
  uint64_t scratch;     ///< of kernels, one part for each thread
  uint64_t total;
  uint64_t staging; ///< of the host, which a CUDA device copies from and to
  uint64_t compute_weights; ///< weights in the type and with the gain that
                            ///< products read, kept on a CUDA device from step
                            ///< to step
  uint64_t
      caches; ///< keys and values of the tokens that lnsrt_decode was given
} lnsrt_memory;

/// What a session on so many threads (0: as many as the process may use) will
/// allocate, to the byte, on the device that it takes by itself.
LNSRT_API lnsrt_error *lnsrt_plan_get_memory(const lnsrt_plan *plan,
                                             uint32_t threads,
                                             lnsrt_memory *memory);

/// The same on a device: "cpu", "cuda" or "cuda:N", which need not be there;
/// NULL: the one that a session takes by itself.
LNSRT_API lnsrt_error *lnsrt_plan_get_device_memory(const lnsrt_plan *plan,
                                                    const char *device,
                                                    uint32_t threads,
                                                    lnsrt_memory *memory);

/// What the plan says about itself (sizes, memory, kernels with kind and
/// launches per step, entry points, instruction-set levels, parameters) as
/// JSON. `*json` lives as long as the plan.
LNSRT_API lnsrt_error *lnsrt_plan_get_json(lnsrt_plan *plan, const char **json);

/// The model configuration that the plan was compiled from (a Hugging Face
/// config.json as text), or "" when the plan came from a hand-written module.
/// Lives as long as the plan.
LNSRT_API const char *lnsrt_plan_config_json(const lnsrt_plan *plan);

/// What the model computes, as far as the names and shapes of its parameters do
/// not show it, as lines of text that a checkpoint can keep and compare
/// (docs/plan-format.md); "" in a plan of an lnsc that did not write it. Lives
/// as long as the plan.
LNSRT_API const char *lnsrt_plan_identity(const lnsrt_plan *plan);

//===----------------------------------------------------------------------===//
// Session
//===----------------------------------------------------------------------===//

typedef struct lnsrt_session_options {
  size_t struct_size;
  const char *device;    ///< "cpu", "cuda" (the first one) or "cuda:N"; NULL:
                         ///< the CPU if the plan has code for it, else "cuda"
  uint32_t threads;      ///< 0: as many as the process may use, by its mask
                         ///< of processors and its container's limit of CPU
                         ///< time (control groups; rounded up); on a CUDA
                         ///< device only lnsrt_init uses them
  const char *cpu_level; ///< NULL: the best level in the plan that the
                         ///< processor has; else exactly this one, e.g.
                         ///< "x86-64-v3"
  const char *matmul;    ///< "builtin"; "builtin-f32": the same, but products
                         ///< in bf16 without the processor's instructions for
                         ///< it; "onednn": leaves products in bf16 or with a
                         ///< gain to the builtin code; NULL: what the
                         ///< environment variable LNSRT_MATMUL says, else
                         ///< "builtin"
  void *cuda_stream;     ///< a CUstream or cudaStream_t of the device's primary
                         ///< context, which must outlive the session and not be
                         ///< capturing. Every call puts its work behind what
                         ///< is on it, and returns when that is done. NULL: a
                         ///< stream of the session's own, which does not wait
                         ///< for the legacy default stream
} lnsrt_session_options;

/// Allocates everything that the session will ever need (exactly what
/// lnsrt_plan_get_memory says) and starts its threads. Parameters are zero
/// until lnsrt_init or lnsrt_tensor_write.
LNSRT_API lnsrt_error *
lnsrt_session_create(lnsrt_plan *plan, const lnsrt_session_options *options,
                     lnsrt_session **session);
/// Joins the session's threads and frees its memory. After a call on a session
/// of a CUDA device its primary context is current for the calling thread;
/// after this one none is.
LNSRT_API void lnsrt_session_release(lnsrt_session *session);

/// "cpu", "cuda:0", ...
LNSRT_API const char *lnsrt_session_device(const lnsrt_session *session);
/// What the session runs on, as JSON: device, versions, on a CUDA device also
/// where its kernels came from and which alternatives it took. `*json` lives
/// until the next call of this function on the session.
LNSRT_API lnsrt_error *lnsrt_session_get_json(lnsrt_session *session,
                                              const char **json);

/// Name of the instruction-set level in use, e.g. "x86-64-v4"; "" on a CUDA
/// device.
LNSRT_API const char *lnsrt_session_cpu_level(const lnsrt_session *session);
LNSRT_API uint32_t lnsrt_session_threads(const lnsrt_session *session);
/// What the session has allocated: the sizes of the blocks that it owns.
LNSRT_API lnsrt_error *lnsrt_session_memory(const lnsrt_session *session,
                                            lnsrt_memory *memory);
/// What computes the matrix products, e.g. "builtin avx512+bf16" (with
/// instructions for bf16) or "onednn (bf16, gain: builtin avx2)"; on a CUDA
/// device "generated" or "cublasLt 13.1.0", which is then among the choices.
LNSRT_API const char *lnsrt_session_matmul(const lnsrt_session *session);

/// Fills every parameter from its initializer with Philox4x32-10, keyed by
/// `seed` and the parameter's name and counted by element, and zeroes the
/// optimizer state. So two models that differ in a scheme or in their depth
/// start from the same numbers where they have parameters of the same names. No
/// step is done then. Ends with what lnsrt_project does.
LNSRT_API lnsrt_error *lnsrt_init(lnsrt_session *session, uint64_t seed);

/// Scales rows and columns of parameters to length 1 where the model keeps them
/// so (nGPT), as every step of the optimizer does; a model that does not is
/// left as it is. To be called when parameters were written that need not be
/// so: those of another model. What a session has trained is so already, and
/// stays as it is, bit for bit. `changed` gets the number of parameters that
/// became others, for which all are read; NULL for who does not ask.
LNSRT_API lnsrt_error *lnsrt_project(lnsrt_session *session, size_t *changed);

/// How many optimizer steps the session's parameters have been trained, for
/// models in which branches open with them (lnsrt_plan_info.schedules): to be
/// called when the parameters of a checkpoint were written, before lnsrt_eval,
/// lnsrt_logits and lnsrt_grads. lnsrt_train_step looks at its own `step` and
/// counts on from there, and so does lnsrt_apply. Other models compute the same
/// whatever is given.
LNSRT_API lnsrt_error *lnsrt_set_steps_done(lnsrt_session *session,
                                            uint64_t steps);

/// Defaults in parentheses.
typedef struct lnsrt_optimizer_options {
  size_t struct_size;
  float lr;           ///< (1e-3)
  float beta1;        ///< (0.9)
  float beta2;        ///< (0.95)
  float eps;          ///< (1e-8)
  float weight_decay; ///< (0) decoupled; for parameters marked for decay
  float clip;         ///< (0) global gradient-norm limit; 0: no clipping
  uint64_t step;      ///< (1) 1-based, for the bias correction; `step` - 1
                      ///< are done before
} lnsrt_optimizer_options;

/// A target that is ignored (PyTorch's ignore_index): it counts neither in the
/// loss nor in gradients. Any other target is a token of the vocabulary.
#define LNSRT_IGNORED_TARGET (-100)

typedef struct lnsrt_step_result {
  size_t struct_size;
  float loss;          ///< mean cross entropy, in nats, over the targets of the
                       ///< whole batch that are not ignored
  float gradient_norm; ///< global L2 norm before clipping
} lnsrt_step_result;

/// One training step: forward, backward, clip, AdamW. A loss or a gradient norm
/// that is not finite is no error: the step then changes neither parameters nor
/// moments, and whoever counts steps for the bias correction leaves it out.
///
/// `tokens` and `targets` hold B x T values each, row-major; targets may be
/// LNSRT_IGNORED_TARGET, but not all of them, which is LNSRT_INVALID_ARGUMENT,
/// here, for lnsrt_grads and for lnsrt_eval: a mean over nothing is no loss.
/// Micro-batches do not matter: every target that counts weighs the same,
/// whatever its own part ignores. No heap allocation from the second call.
LNSRT_API lnsrt_error *lnsrt_train_step(lnsrt_session *session,
                                        const int32_t *tokens,
                                        const int32_t *targets,
                                        const lnsrt_optimizer_options *options,
                                        lnsrt_step_result *result);

/// What a step or an evaluation is computed on: B x T values each, row-major.
typedef struct lnsrt_batch {
  size_t struct_size;
  const int32_t *tokens;
  const int32_t *targets; ///< may be LNSRT_IGNORED_TARGET; not looked at by
                          ///< lnsrt_logits_of
  const int32_t *starts;  ///< NULL: every row is one document. Else only for
                          ///< plans with lnsrt_plan_info.documents: where the
                          ///< document of each token starts, as the time of its
                          ///< first token in the row. 0 at time 0; at time t
                          ///< what it is at t - 1, or t
} lnsrt_batch;

/// As lnsrt_train_step, on a batch whose rows may hold several documents: a
/// token sees those of its own document alone, and positions count from that
/// one's start. What that costs grows with the squared lengths of documents,
/// not of rows. The first token of a document can be predicted from nothing
/// that is its own: make the target before it LNSRT_IGNORED_TARGET. Zeros are
/// the same bits as NULL. Starts that break their rules, or are given for a
/// plan that takes none, are LNSRT_INVALID_ARGUMENT.
LNSRT_API lnsrt_error *
lnsrt_train_step_of(lnsrt_session *session, const lnsrt_batch *batch,
                    const lnsrt_optimizer_options *options,
                    lnsrt_step_result *result);

/// Loss and gradients only; read them with LNSRT_GRADIENT. No clipping.
LNSRT_API lnsrt_error *lnsrt_grads(lnsrt_session *session,
                                   const int32_t *tokens,
                                   const int32_t *targets, float *loss);
LNSRT_API lnsrt_error *lnsrt_grads_of(lnsrt_session *session,
                                      const lnsrt_batch *batch, float *loss);

/// Clip and AdamW with the gradients that lnsrt_grads left (or that the caller
/// wrote); nothing changes where their norm is not finite. train_step is the
/// same bits as grads followed by apply, which does not know the loss: look at
/// that before.
LNSRT_API lnsrt_error *lnsrt_apply(lnsrt_session *session,
                                   const lnsrt_optimizer_options *options,
                                   float *gradient_norm);

/// Forward only.
LNSRT_API lnsrt_error *lnsrt_eval(lnsrt_session *session, const int32_t *tokens,
                                  const int32_t *targets, float *loss);
LNSRT_API lnsrt_error *lnsrt_eval_of(lnsrt_session *session,
                                     const lnsrt_batch *batch, float *loss);

/// `logits` receives B x T x vocabulary floats.
LNSRT_API lnsrt_error *lnsrt_logits(lnsrt_session *session,
                                    const int32_t *tokens, float *logits);
LNSRT_API lnsrt_error *lnsrt_logits_of(lnsrt_session *session,
                                       const lnsrt_batch *batch, float *logits);

/// One more token of each row of a batch: tokens[b] stands at positions[b] of
/// row b, in [0, T), and `logits` receives B x vocabulary floats, what
/// lnsrt_logits gives at that place of a row that starts with the tokens
/// decoded before it; the sums in it may be taken in another order. The work is
/// that of B tokens, not of B x T. Plans that were compiled with --decode have
/// it, others are LNSRT_UNSUPPORTED.
///
/// The session keeps what attention needs of the tokens that it was given. A
/// token at position p sees those at 0 .. p - 1 of its row, which must have
/// been decoded before, in any calls: a gap is LNSRT_INVALID_ARGUMENT. A
/// position that is there already is written anew, and what was behind it is
/// gone: so a row goes back to any of its tokens, or starts another text at 0,
/// whatever the other rows do; one that is not needed may be given any token at
/// 0. Whatever may change what the model computes empties all rows: lnsrt_init,
/// lnsrt_project, lnsrt_train_step, lnsrt_apply, lnsrt_profile_step,
/// lnsrt_tensor_write of a parameter, and another number in
/// lnsrt_set_steps_done. No heap allocation from the second call.
LNSRT_API lnsrt_error *lnsrt_decode(lnsrt_session *session,
                                    const int32_t *tokens,
                                    const int32_t *positions, float *logits);

/// What lnsrt_trace gives of a plan that was compiled with --diagnostics.
typedef struct lnsrt_trace_info {
  size_t struct_size;
  uint32_t width;           ///< d, columns of the stream
  uint32_t values;          ///< how many of [B, T, d] there are: L + 1 and the
                            ///< sum of `branches`
  const uint32_t *branches; ///< what adds to the stream in each of the L blocks
                            ///< (lnsrt_plan_info.layers); lives as long as the
                            ///< plan
} lnsrt_trace_info;

/// LNSRT_UNSUPPORTED for a plan without diagnostics.
LNSRT_API lnsrt_error *lnsrt_plan_get_trace(const lnsrt_plan *plan,
                                            lnsrt_trace_info *info);

/// `values` receives `info.values` x B x T x d floats, row-major: for each
/// block l = 1 .. L the stream x_l that it takes, and then what each of its
/// branches adds to the stream, in the order in which they do; last x_{L+1},
/// what the last block gives (before the final norm). What a branch adds is the
/// branch operand of the block's residual op times its scale, before whatever
/// the block does to the sum (docs/depth.md). f32, in a plan that computes in
/// bf16 too.
LNSRT_API lnsrt_error *lnsrt_trace(lnsrt_session *session,
                                   const int32_t *tokens, float *values);

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

typedef enum lnsrt_tensor_kind {
  LNSRT_PARAMETER = 0,
  LNSRT_GRADIENT = 1,
  LNSRT_EXP_AVG = 2,    ///< AdamW's first moment
  LNSRT_EXP_AVG_SQ = 3, ///< AdamW's second moment
  /// Not a kind: makes every 32-bit value a legal argument, to be refused.
  LNSRT_TENSOR_KIND_LIMIT = 0x7fffffff
} lnsrt_tensor_kind;

typedef struct lnsrt_tensor_info {
  size_t struct_size;
  const char *name; ///< Hugging Face name; lives as long as the plan
  const char *role; ///< "matrix", "gain", "bias" or "embedding"
  uint32_t rank;
  int64_t shape[8];  ///< rank entries, outermost first
  uint64_t elements; ///< all tensors are f32
  /// 1: it is not trained, and has neither a gradient nor moments.
  uint32_t frozen;
} lnsrt_tensor_info;

/// Parameters are numbered 0 .. count-1 in checkpoint order.
LNSRT_API size_t lnsrt_tensor_count(const lnsrt_plan *plan);
LNSRT_API lnsrt_error *lnsrt_tensor_get_info(const lnsrt_plan *plan,
                                             size_t index,
                                             lnsrt_tensor_info *info);
/// Copies a whole tensor out of / into the session. `elements` must be the
/// tensor's. Gradients and moments of a frozen parameter are
/// LNSRT_INVALID_ARGUMENT: there are none.
LNSRT_API lnsrt_error *lnsrt_tensor_read(lnsrt_session *session,
                                         lnsrt_tensor_kind kind, size_t index,
                                         float *data, uint64_t elements);
/// Copies the elements [first, first + elements) of a tensor, row-major.
LNSRT_API lnsrt_error *lnsrt_tensor_read_part(lnsrt_session *session,
                                              lnsrt_tensor_kind kind,
                                              size_t index, uint64_t first,
                                              float *data, uint64_t elements);
LNSRT_API lnsrt_error *lnsrt_tensor_write(lnsrt_session *session,
                                          lnsrt_tensor_kind kind, size_t index,
                                          const float *data, uint64_t elements);

//===----------------------------------------------------------------------===//
// Profiles
//===----------------------------------------------------------------------===//

typedef struct lnsrt_profile_row {
  const char *group; ///< "matmul", "attention", ...: the kernel's kind
  const char *name;  ///< the op's name, e.g. "layers.3.mlp.gate_proj"
  double seconds;    ///< time of the command in the profiled step
  uint64_t bytes;    ///< of the whole op, each operand and result touched once;
  uint64_t flops;    ///< 0 for the op's further commands. Where the step
                     ///< repeats the op, all three are of all its runs
} lnsrt_profile_row;

/// Runs one train_step (random tokens drawn from `seed`, one document a row,
/// learning rate 0: no parameter changes but the optimizer's moments do) and
/// times every command; on a CUDA device, behind one more such step, which
/// keeps it busy until the commands are there. `*rows` lives until the next
/// call on the session.
LNSRT_API lnsrt_error *lnsrt_profile_step(lnsrt_session *session, uint64_t seed,
                                          const lnsrt_profile_row **rows,
                                          size_t *count);

/// Runs only the matmul commands of train_step, back to back, on whatever the
/// arena holds: the floor that no plan with these matmuls can go below. On a
/// CUDA device these are what profiles put into the group "matmul".
LNSRT_API lnsrt_error *lnsrt_run_matmuls(lnsrt_session *session,
                                         double *seconds);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // LNSRT_H
