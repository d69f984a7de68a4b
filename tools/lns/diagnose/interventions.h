//===- interventions.h - What a model loses without a block -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Parameters of a session are changed, something is measured, and they are
// written back, to the bit, before a function returns.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_INTERVENTIONS_H
#define LNS_TOOLS_LNS_DIAGNOSE_INTERVENTIONS_H

#include "tools/lns/diagnose/branches.h"
#include "tools/lns/diagnose/tracer.h"

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace lns::tool {

/// Parameters of a session that are others for a while.
class ChangedTensors {
public:
  explicit ChangedTensors(PlanSession &session) : session(session) {}
  /// Writes back what restore() was not asked for; an error there is lost with
  /// the session, which is not used again.
  ~ChangedTensors();

  ChangedTensors(const ChangedTensors &) = delete;
  ChangedTensors &operator=(const ChangedTensors &) = delete;

  /// What the tensor held before the first change.
  Expected<std::vector<float>> original(size_t tensor);
  Status change(size_t tensor, std::span<const float> data);
  Status makeZero(const std::vector<size_t> &tensors);
  /// Writes everything back.
  Status restore();

private:
  struct Saved {
    size_t tensor;
    std::vector<float> data;
  };
  PlanSession &session;
  std::vector<Saved> saved;
};

/// The loss with each block bypassed, less `loss`: an array.
Expected<nlohmann::ordered_json>
measureDrop(const Subject &subject, const std::vector<BlockTensors> &blocks,
            double loss);

/// |loss with blocks i and j exchanged - loss| / loss for neighbours, or for
/// all pairs. `ownScale` gives, for a parameter, the block by whose
/// root the model divides it; it may say nothing.
struct PermutationOptions {
  bool allPairs = false;
  std::function<std::optional<uint64_t>(const std::string &)> scaledBlock;
};
Expected<nlohmann::ordered_json>
measurePermutation(const Subject &subject,
                   const std::vector<BlockTensors> &blocks, double loss,
                   const PermutationOptions &options);

/// C(s, l): how much of what block l does is gone without block s.
Expected<nlohmann::ordered_json>
measureCausal(const Subject &subject, const TraceLayout &layout,
              const std::vector<BlockTensors> &blocks);

/// L2 norm of the gradients of each block's parameters, and of all others', of
/// the first batch of rows.
Expected<nlohmann::ordered_json>
measureGradients(const Subject &subject,
                 const std::vector<BlockTensors> &blocks);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_INTERVENTIONS_H
