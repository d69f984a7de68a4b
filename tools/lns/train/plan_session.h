//===- plan_session.h - The runtime, with errors as Status ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_TRAIN_PLAN_SESSION_H
#define LNS_TOOLS_LNS_TRAIN_PLAN_SESSION_H

#include "tools/lns/base/status.h"
#include "tools/lns/checkpoint/checkpoint.h"
#include "tools/lns/data/batch.h"

#include "runtime/lnsrt.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace lns::tool {

/// Takes the error over and frees it.
Status takeError(lnsrt_error *error);

/// An open plan.
class PlanFile {
public:
  static Expected<PlanFile> open(const std::string &path);

  const lnsrt_plan_info &info() const { return facts; }
  const std::string &path() const { return name; }
  /// B x T.
  size_t batchTokens() const { return size_t{facts.batch} * facts.sequence; }
  Batch makeBatch() const { return Batch(facts.batch, facts.sequence); }
  Expected<std::string> json() const;
  /// What a session on a device (null: the one that it takes by itself) and so
  /// many threads (0: all) takes.
  Expected<lnsrt_memory> memory(const char *device, uint64_t threads) const;
  std::string config() const { return lnsrt_plan_config_json(handle.get()); }
  /// What the model computes; empty when the plan does not say.
  std::string identity() const { return lnsrt_plan_identity(handle.get()); }
  /// The parameters.
  Expected<std::vector<TensorDescription>> tensors() const;
  lnsrt_plan *get() const { return handle.get(); }

private:
  struct Release {
    void operator()(lnsrt_plan *plan) const { lnsrt_plan_release(plan); }
  };
  std::unique_ptr<lnsrt_plan, Release> handle;
  lnsrt_plan_info facts = {};
  std::string name;
};

/// A session on a plan, which must outlive it.
class PlanSession : public TensorStore {
public:
  struct Options {
    std::string device;   ///< empty: what the plan has code for
    uint64_t threads = 0; ///< 0: all that the process may use
    std::string cpuLevel; ///< empty: the best one
  };
  static Expected<PlanSession> create(const PlanFile &plan,
                                      const Options &options);

  const std::vector<TensorDescription> &tensors() const override {
    return descriptions;
  }
  Status read(TensorKind kind, size_t index, uint64_t first,
              std::span<float> out) override;
  Status write(TensorKind kind, size_t index,
               std::span<const float> data) override;

  /// Makes rows and columns of what was written from `path` length 1 where the
  /// plan's model keeps them so; a note says of how many parameters.
  Status project(const std::string &path, std::vector<std::string> &notes);

  // The runtime's calls of these names, on a batch of the plan's size.
  Status trainStep(const Batch &batch, const lnsrt_optimizer_options &options,
                   lnsrt_step_result &result);
  Status grads(const Batch &batch, float &loss);
  Status eval(const Batch &batch, float &loss);
  Status logits(const Batch &batch, std::span<float> logits);

  /// "x86-64-v4 on 8 threads", "cuda:0".
  std::string place() const;
  lnsrt_session *get() const { return handle.get(); }

private:
  struct Release {
    void operator()(lnsrt_session *session) const {
      lnsrt_session_release(session);
    }
  };
  std::unique_ptr<lnsrt_session, Release> handle;
  std::vector<TensorDescription> descriptions;
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_TRAIN_PLAN_SESSION_H
