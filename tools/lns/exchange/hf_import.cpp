//===- hf_import.cpp - Checkpoints of Hugging Face files ------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/exchange/hf_import.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/interrupt.h"
#include "tools/lns/checkpoint/checkpoint.h"
#include "tools/lns/checkpoint/model_weights.h"
#include "tools/lns/checkpoint/run_folder.h"
#include "tools/lns/exchange/fold_tensor.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace lns::tool {

static constexpr uint64_t transposedElements = 1 << 22;

namespace {
/// Parameters as they stand in the files, and no moments: a model of any size
/// is copied without ever being in memory.
class FileStore : public TensorStore {
public:
  FileStore(const ModelWeights &weights,
            const std::vector<TensorDescription> &descriptions,
            std::string target)
      : weights(weights), descriptions(descriptions),
        target(std::move(target)) {}

  const std::vector<TensorDescription> &tensors() const override {
    return descriptions;
  }
  uint64_t partElements(TensorKind kind, size_t index) const override {
    return kind == TensorKind::Parameter && weights.isTransposed(index)
               ? transposedElements
               : TensorStore::partElements(kind, index);
  }
  Status read(TensorKind kind, size_t index, uint64_t first,
              std::span<float> out) override {
    LNS_RETURN_IF_ERROR(failIfInterrupted());
    if (kind != TensorKind::Parameter) {
      std::fill(out.begin(), out.end(), 0.0f);
      return Status::success();
    }
    LNS_RETURN_IF_ERROR(weights.read(index, first, out));
    for (size_t i = 0; i < out.size(); ++i)
      if (!std::isfinite(out[i]))
        return Status::failure(
            fmt::format("{}: element {} of '{}' is {}; take other files",
                        weights.files().path(), first + i,
                        descriptions[index].name, out[i]));
    return Status::success();
  }
  Status write(TensorKind, size_t, std::span<const float>) override {
    return Status::failure(target + ": files are not written into");
  }

private:
  const ModelWeights &weights;
  const std::vector<TensorDescription> &descriptions;
  std::string target;
};
} // namespace

Expected<ImportSummary> importModel(const std::string &path,
                                    const std::string &out,
                                    const CheckpointModel &model, uint64_t seed,
                                    bool force) {
  ImportSummary summary;
  Expected<ModelWeights> weights =
      ModelWeights::open(path, model.text, force, model.tensors, summary.notes);
  if (!weights)
    return weights.status();
  summary.isUnfolded = weights->isFolded();
  for (const TensorDescription &tensor : model.tensors)
    summary.elements += tensor.elements;
  InterruptGuard guard;
  Expected<AtomicFolder> run = AtomicFolder::create(out);
  if (!run)
    return run.status();
  TrainerState state;
  state.seed = seed;
  state.batch = model.batch;
  state.sequence = model.sequence;
  state.identity = model.text.identity;
  FileStore store(*weights, model.tensors, out);
  LNS_RETURN_IF_ERROR(saveCheckpoint(checkpointPath(run->workPath(), 0), store,
                                     state, model.text.config));
  LNS_RETURN_IF_ERROR(failIfInterrupted());
  LNS_RETURN_IF_ERROR(run->commit());
  summary.checkpoint = checkpointPath(out, 0);
  return summary;
}

} // namespace lns::tool
