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
#include "tools/lns/exchange/read_only_store.h"

namespace lns::tool {

static constexpr uint64_t transposedElements = 1 << 22;

namespace {
/// Parameters as they stand in the files.
class FileStore : public ReadOnlyStore {
public:
  FileStore(const ModelWeights &weights,
            const std::vector<TensorDescription> &tensors)
      : ReadOnlyStore(weights.files().path()), weights(weights) {
    descriptions = tensors;
  }

  uint64_t partElements(TensorKind kind, size_t index) const override {
    return kind == TensorKind::Parameter && weights.isTransposed(index)
               ? transposedElements
               : TensorStore::partElements(kind, index);
  }

private:
  Status readParameter(size_t index, uint64_t first,
                       std::span<float> out) override {
    return weights.read(index, first, out);
  }

  const ModelWeights &weights;
};
} // namespace

void noteFirstStep(const CheckpointModel &model,
                   std::vector<std::string> &notes) {
  if (model.followsSteps)
    notes.push_back("at step 0 no branch is open yet; --steps-done of 'lns "
                    "eval' computes what they are later");
}

Expected<ImportSummary> importModel(const std::string &path,
                                    const std::string &out,
                                    const CheckpointModel &model, uint64_t seed,
                                    bool force) {
  ImportSummary summary;
  noteFirstStep(model, summary.notes);
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
  FileStore store(*weights, model.tensors);
  LNS_RETURN_IF_ERROR(saveCheckpoint(checkpointPath(run->workPath(), 0), store,
                                     state, model.text.config));
  LNS_RETURN_IF_ERROR(failIfInterrupted());
  LNS_RETURN_IF_ERROR(run->commit());
  summary.checkpoint = checkpointPath(out, 0);
  return summary;
}

} // namespace lns::tool
