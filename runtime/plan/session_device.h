//===- session_device.h - What runs a session's commands ---------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A session checks what it is given and hands it to its device, which owns the
// memory and runs the entry points: the CPU (cpu_session.h) or a CUDA device
// (cuda/cuda_session.h).
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_PLAN_SESSION_DEVICE_H
#define LNS_RUNTIME_PLAN_SESSION_DEVICE_H

#include "runtime/base/error.h"
#include "runtime/plan/plan_file.h"

#include <vector>

namespace lns {

/// MicroGrads and MicroEval are run by commands of others only, Refresh by the
/// device itself.
enum class Entry {
  TrainStep,
  Grads,
  Apply,
  Eval,
  Logits,
  MicroGrads,
  MicroEval,
  Refresh,
  Project,
  Trace,
  Decode
};
inline constexpr size_t kEntries = 11;
const char *entryName(Entry entry);

/// What an entry point reads, checked; null where it does not. Tokens, targets
/// and starts are as many as its inputs hold.
struct EntryInputs {
  const int32_t *tokens = nullptr;
  const int32_t *targets = nullptr;
  const int32_t *starts = nullptr;  ///< null for one that reads some: all zero
  const float *optimizer = nullptr; ///< LNS_OPT_SLOTS values
};

/// Where the results go; null where nobody wants one.
struct EntryOutputs {
  float *loss = nullptr;
  float *gradientNorm = nullptr;
  float *logits = nullptr; ///< as many as the output holds
  /// The first of the traced values, `traceStride` floats from one to the next.
  float *trace = nullptr;
  size_t traceStride = 0;
};

/// What profiles show beside the time; of the whole op, in its first command.
struct CommandCost {
  uint64_t bytes = 0;
  uint64_t flops = 0;
};

/// Random tokens and targets for a whole batch.
void drawTokens(const lnsrt_plan &plan, uint64_t seed, int32_t *tokens,
                int32_t *targets);

class SessionDevice {
public:
  virtual ~SessionDevice() = default;

  virtual const char *name() const = 0;     ///< "cpu", "cuda:0"
  virtual const char *cpuLevel() const = 0; ///< "" where there is none
  virtual uint32_t threads() const = 0;     ///< of the host
  virtual const char *matmul() const = 0;   ///< what multiplies matrices
  /// What is allocated, by the blocks' own sizes.
  virtual void fillMemory(lnsrt_memory &memory) const = 0;
  /// What else there is to know, as JSON.
  virtual std::string json() const = 0;

  virtual Error init(uint64_t seed) = 0;
  virtual bool has(Entry entry) const = 0;
  virtual Error run(Entry entry, const EntryInputs &inputs,
                    const EntryOutputs &outputs) = 0;

  /// Elements [first, first + count) of the parameter, or of what lies in its
  /// place in another segment.
  virtual Error read(plan::Segment segment, const plan::Parameter &parameter,
                     uint64_t first, uint64_t count, float *to) = 0;
  /// All of its elements; what pads them becomes zero.
  virtual Error write(plan::Segment segment, const plan::Parameter &parameter,
                      const float *from) = 0;

  /// Writes into the segment `io`, before what is run next. `bytes` must stay
  /// as they are until that has ended.
  virtual Error writeIo(uint64_t offset, const void *bytes, uint64_t size) = 0;

  /// How many rows `profile` adds.
  virtual size_t profileRows() const = 0;
  /// Runs train_step command by command, with tokens and targets that
  /// drawTokens makes, and with one document a row, which takes longest. What a
  /// command repeats has one row for all its runs.
  virtual Error profile(uint64_t seed, const float *optimizer,
                        std::vector<lnsrt_profile_row> &rows) = 0;
  /// Runs the matrix products of train_step.
  virtual Error runMatmuls(double &seconds) = 0;
};

} // namespace lns

#endif // LNS_RUNTIME_PLAN_SESSION_DEVICE_H
