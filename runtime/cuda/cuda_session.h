//===- cuda_session.h - A plan at work on a CUDA device ----------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Creating a session loads the kernels, allocates all memory and chooses among
// alternatives. An entry point is captured when it is first used: from then on
// a step is a few graph launches. What changes from step to step goes through
// pinned memory that the graphs copy from and to.
//
// Compute weights are a function of the parameters that commands keep up. When
// a parameter was written by anybody else, the next entry point begins with
// "refresh", outside of its graph.
//
//   LNSRT_CUDA_CHECK=1  runs commands one at a time, so that an error names the
//                       one that failed
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_CUDA_SESSION_H
#define LNS_RUNTIME_CUDA_CUDA_SESSION_H

#include "runtime/cuda/stream.h"
#include "runtime/cuda/tuner.h"
#include "runtime/plan/session_device.h"

#include <array>
#include <optional>

namespace lns::cuda {

/// An entry point, resolved; and captured, once it was used.
struct CudaEntry {
  bool present = false;
  CommandList commands;
  CuAddress tokens = 0, targets = 0, starts = 0, optimizer = 0;
  CuAddress loss = 0, gradientNorm = 0, logits = 0;
  uint64_t tokensBytes = 0, logitsBytes = 0;
  std::vector<CuAddress> trace; ///< in order, of `traceBytes` each
  uint64_t traceBytes = 0;
  /// The first command that is a Repeat; the number of commands without one.
  size_t repeat = 0;
  bool isCaptured = false;
  Graph before; ///< inputs, and commands up to the repeat
  Graph after;  ///< the commands behind it, and results
  Graph products;
};

class CudaSession final : public SessionDevice {
public:
  explicit CudaSession(const lnsrt_plan &plan) : plan(plan) {}
  ~CudaSession() override;

  Error create(const lnsrt_session_options &options, std::string_view device);

  const char *name() const override { return title.c_str(); }
  const char *cpuLevel() const override { return ""; }
  uint32_t threads() const override { return hostThreads; }
  const char *matmul() const override { return productTitle.c_str(); }
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
  Error allocate();
  Error clearSegments();
  Error fillForTuner();
  Error openProducts(Error &missing);
  Error resolve(Entry which, const plan::EntryPoint &entry, Tuner &tuner);
  CudaEntry &callee(const plan::Repeat &repeat);

  // What the host writes and reads, in pinned memory.
  int32_t *stagedTokens() const;
  int32_t *stagedTargets() const;
  int32_t *stagedStarts() const; ///< of entry points that take them
  float *stagedOptimizer() const;
  float *stagedLoss() const;
  float *stagedNorm() const;
  /// A part's loss comes back over the tokens, which are on the device by then.
  float *stagedPartLosses() const;
  Error putInputs(const CudaEntry &entry, CuStream on) const;
  Error getResults(const CudaEntry &entry, CuStream on) const;
  float sumOfParts(const plan::Repeat &repeat) const;

  /// Puts "refresh" on the stream if a parameter was written.
  Error refresh();
  Error capture(Entry which);
  Error captureCallee(Entry which);
  Error launchAll(Entry which);
  template <typename Run>
  Error forEachPart(const plan::Repeat &repeat, CuAddress loss, Run run);
  /// One at a time, each waited for.
  Error runChecked(Entry which);
  Error executeChecked(const CommandList &list, size_t begin, size_t end);
  Error captureProducts(CudaEntry &entry);
  Error synchronize(std::string_view what) const;

  const lnsrt_plan &plan;
  const Driver *driver = nullptr;
  DeviceFacts device;
  Context context;
  std::string title;        ///< "cuda:0"
  std::string productTitle; ///< "cublasLt 13.1.0", "generated"
  uint32_t hostThreads = 1;
  Stream capturing; ///< nothing runs here; also the stream when none is given
  CuStream stream = nullptr;
  DiskCache cache;
  LoadedKernels kernels;
  Segments segments;
  DeviceMemory workspace; ///< of cuBLASLt
  PinnedMemory staging;
  SessionMemory predicted;
  Timer timer;
  LibraryProducts library;
  std::optional<CommandContext> commandContext;
  std::array<CudaEntry, kEntries> entries;
  Events events; ///< of profiles
  std::map<std::string, unsigned> choices;
  unsigned timedChoices = 0, rememberedChoices = 0;
  bool checks = false;
  /// A parameter was written, but not by a command: compute weights are stale.
  bool wasWritten = true;
};

/// `device` is "cuda" or "cuda:N".
Error createSession(const lnsrt_plan &plan,
                    const lnsrt_session_options &options,
                    std::string_view device,
                    std::unique_ptr<SessionDevice> &out);

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_CUDA_SESSION_H
