//===- cpu_session.h - A plan at work on the CPU ------------------ C++ -*-===//
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

#ifndef LNS_RUNTIME_CPU_CPU_SESSION_H
#define LNS_RUNTIME_CPU_CPU_SESSION_H

#include "runtime/base/memory.h"
#include "runtime/base/thread_pool.h"
#include "runtime/cpu/code_loader.h"
#include "runtime/cpu/cpu_matmul.h"
#include "runtime/plan/session_device.h"
#include "runtime/plan/stored_tensor.h"

#include <array>
#include <vector>

namespace lns {

struct ResolvedEntry;

/// One command with its operands' addresses.
struct ResolvedCommand {
  plan::CommandBody kind = plan::CommandBody::NONE;
  const char *name = "";
  const char *group = "";
  CommandCost cost;
  // Launch
  lns_kernel_fn kernel = nullptr;
  void *const *buffers = nullptr;
  const float *floats = nullptr;
  const int64_t *ints = nullptr;
  int64_t items = 0;
  // Repeat: a, b and starts are tokens, targets and, if entry points take them,
  // starts of the whole batch, bytes those of one part of either, c is the
  // loss, items their number
  const ResolvedEntry *callee = nullptr;
  // Matmul; Fill and Copy use c (target), a (source) and bytes
  MatmulShape shape;
  const void *a = nullptr;
  const void *b = nullptr;
  void *c = nullptr;
  const float *gain = nullptr;
  const void *starts = nullptr;
  uint64_t bytes = 0;
  float value = 0; ///< of a fill
};

struct ResolvedEntry {
  bool present = false;
  std::vector<ResolvedCommand> commands;
  std::vector<void *> buffers; ///< of all launches, one after another
  int32_t *tokens = nullptr;
  int32_t *targets = nullptr;
  int32_t *starts = nullptr;
  size_t tokensBytes = 0; ///< of either
  float *optimizer = nullptr;
  const float *loss = nullptr;
  const float *gradientNorm = nullptr;
  const float *logits = nullptr;
  size_t logitsBytes = 0;
  std::vector<const float *> trace; ///< in order
  size_t traceBytes = 0;            ///< of each
};

class CpuSession final : public SessionDevice {
public:
  explicit CpuSession(const lnsrt_plan &plan) : plan(plan) {}

  Error create(const lnsrt_session_options &options);

  const char *name() const override { return "cpu"; }
  const char *cpuLevel() const override { return code.level(); }
  uint32_t threads() const override { return pool.threads(); }
  const char *matmul() const override { return products.name(); }
  void fillMemory(lnsrt_memory &memory) const override;
  std::string json() const override;
  Error init(uint64_t seed) override;
  bool has(Entry entry) const override {
    return entries[size_t(entry)].present;
  }
  Error run(Entry which, const EntryInputs &inputs,
            const EntryOutputs &outputs) override;
  Error read(plan::Segment segment, const plan::Parameter &parameter,
             uint64_t first, uint64_t count, float *to) override;
  Error write(plan::Segment segment, const plan::Parameter &parameter,
              const float *from) override;
  Error writeIo(uint64_t offset, const void *bytes, uint64_t size) override;
  size_t profileRows() const override;
  Error profile(uint64_t seed, const float *optimizer,
                std::vector<lnsrt_profile_row> &rows) override;
  Error runMatmuls(double &seconds) override;

private:
  unsigned char *segment(plan::Segment segment) const;
  void *address(const plan::BufferRef &buffer) const;
  StoredTensor tensor(plan::Segment segment,
                      const plan::Parameter &parameter) const;
  Error allocate();
  void resolve(Entry which, const plan::EntryPoint &entry);
  void putInputs(const ResolvedEntry &entry, const EntryInputs &inputs) const;
  Error execute(const ResolvedCommand &command);
  Error execute(const ResolvedEntry &entry);
  template <typename Run> Error repeat(const ResolvedCommand &command, Run run);

  const lnsrt_plan &plan;
  LoadedCode code;
  /// By plan::Segment; empty for those that only CUDA has, and for constants.
  std::array<PageMemory, size_t(plan::Segment::MAX) + 1> segments;
  PageMemory scratch; ///< one part per thread
  SessionMemory predicted;
  CpuMatmul products;
  std::array<ResolvedEntry, kEntries> entries;
  // Last, so that its threads end before the memory goes.
  ThreadPool pool;
};

Error createCpuSession(const lnsrt_plan &plan,
                       const lnsrt_session_options &options,
                       std::unique_ptr<SessionDevice> &out);

} // namespace lns

#endif // LNS_RUNTIME_CPU_CPU_SESSION_H
