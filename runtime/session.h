//===- session.h - A plan at work on the CPU ---------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Creating a session resolves every command of the plan to pointers and loads
// its code. A step then runs down the list and allocates nothing.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_SESSION_H
#define LNS_RUNTIME_SESSION_H

#include "runtime/code_loader.h"
#include "runtime/cpu_matmul.h"
#include "runtime/error.h"
#include "runtime/memory.h"
#include "runtime/plan_file.h"
#include "runtime/stored_tensor.h"
#include "runtime/thread_pool.h"

#include <array>
#include <vector>

namespace lns {

struct ResolvedEntry;

/// One command with its operands' addresses.
struct ResolvedCommand {
  plan::CommandBody kind = plan::CommandBody::NONE;
  const char *name = "";
  const char *group = "";
  // Launch
  lns_kernel_fn kernel = nullptr;
  void *const *buffers = nullptr;
  const float *floats = nullptr;
  const int64_t *ints = nullptr;
  int64_t items = 0;
  // Repeat: a and b are tokens and targets of the whole batch, bytes those of
  // one part of either, c is the loss, items their number
  const ResolvedEntry *callee = nullptr;
  // Matmul; Fill and Copy use c (target), a (source) and bytes
  MatmulShape shape;
  const void *a = nullptr;
  const void *b = nullptr;
  void *c = nullptr;
  const float *gain = nullptr;
  uint64_t bytes = 0;
};

struct ResolvedEntry {
  bool present = false;
  std::vector<ResolvedCommand> commands;
  std::vector<void *> buffers; ///< of all launches, one after another
  int32_t *tokens = nullptr;
  int32_t *targets = nullptr;
  float *optimizer = nullptr;
  const float *loss = nullptr;
  const float *gradientNorm = nullptr;
  const float *logits = nullptr;
};

/// The last two are run by commands of others only.
enum class Entry {
  TrainStep,
  Grads,
  Apply,
  Eval,
  Logits,
  MicroGrads,
  MicroEval
};
inline constexpr size_t kEntries = 7;
const char *entryName(Entry entry);

} // namespace lns

struct lnsrt_session {
  lnsrt_plan *plan = nullptr;
  lns::LoadedCode code;
  std::array<lns::PageMemory, 7> segments; ///< by plan::Segment
  lns::PageMemory scratch;                 ///< one part per thread
  lns::SessionMemory predicted;
  lns::CpuMatmul matmul;
  std::array<lns::ResolvedEntry, lns::kEntries> entries;
  std::vector<lnsrt_profile_row> rows;
  bool hasPadding = false; ///< of any parameter
  // Last, so that its threads end before the memory goes.
  lns::ThreadPool pool;

  lns::Error create(lnsrt_plan *plan, const lnsrt_session_options &options);

  /// What is there, by the blocks' own sizes.
  void fillMemory(lnsrt_memory &memory) const;

  void init(uint64_t seed);
  lns::Error trainStep(const int32_t *tokens, const int32_t *targets,
                       const lnsrt_optimizer_options &options,
                       lnsrt_step_result &result);
  lns::Error grads(const int32_t *tokens, const int32_t *targets, float &loss);
  lns::Error apply(const lnsrt_optimizer_options &options, float &norm);
  lns::Error eval(const int32_t *tokens, const int32_t *targets, float &loss);
  lns::Error logits(const int32_t *tokens, float *logits);
  lns::Error profileStep(uint64_t seed);
  lns::Error runMatmuls(double &seconds);
  /// 0 for a tensor that does not exist.
  uint64_t tensorElements(size_t index) const;
  /// The tensor where it is stored; `elements` must match.
  lns::Error tensor(lnsrt_tensor_kind kind, size_t index, uint64_t elements,
                    lns::StoredTensor &tensor);

private:
  unsigned char *segment(lns::plan::Segment segment) const;
  void *address(const lns::plan::BufferRef &buffer) const;
  lns::Error allocate();
  void resolve(lns::Entry which, const lns::plan::EntryPoint &entry);
  lns::Error require(lns::Entry which, lns::ResolvedEntry *&entry);
  lns::Error putOptimizer(const lnsrt_optimizer_options &options, float *to);
  lns::Error checkTokens(const int32_t *tokens, const char *what) const;
  lns::Error putTokens(const int32_t *from, int32_t *to, const char *what);
  /// B, or the size of its parts.
  uint32_t partSize() const;
  lns::Error execute(const lns::ResolvedCommand &command);
  lns::Error execute(const lns::ResolvedEntry &entry);
  template <typename Run>
  lns::Error repeat(const lns::ResolvedCommand &command, Run run);
};

#endif // LNS_RUNTIME_SESSION_H
