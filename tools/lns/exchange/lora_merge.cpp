//===- lora_merge.cpp - A model and its adapter as one --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/exchange/lora_merge.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/interrupt.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/checkpoint.h"
#include "tools/lns/checkpoint/model_identity.h"
#include "tools/lns/checkpoint/model_weights.h"
#include "tools/lns/checkpoint/run_folder.h"
#include "tools/lns/checkpoint/tensor_names.h"
#include "tools/lns/exchange/adapter_files.h"
#include "tools/lns/exchange/fold_tensor.h"
#include "tools/lns/exchange/read_only_store.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace lns::tool {

namespace {
/// The tensors of a checkpoint, merged with an adapter's.
class MergedStore : public ReadOnlyStore {
public:
  MergedStore(const WeightFiles &base, const AdapterFiles &adapter)
      : ReadOnlyStore(adapter.place()), base(base), adapter(adapter) {}

  /// Compares the adapter with the base.
  Status create();

  uint64_t partElements(TensorKind kind, size_t index) const override {
    const AdapterModule *module = modules[index];
    if (kind != TensorKind::Parameter || !module)
      return TensorStore::partElements(kind, index);
    // Whole rows.
    auto in = static_cast<uint64_t>(module->in);
    return std::max<uint64_t>(1, TensorStore::partElements(kind, index) / in) *
           in;
  }

  MergeSummary summary;

private:
  Status readParameter(size_t index, uint64_t first,
                       std::span<float> out) override;
  Status readFactors(const AdapterModule &module);

  const WeightFiles &base;
  const AdapterFiles &adapter;
  std::vector<const AdapterModule *> modules; ///< by tensor; null: none
  const AdapterModule *current = nullptr;     ///< whose factors these are
  std::vector<float> a, b;
};
} // namespace

Status MergedStore::create() {
  std::vector<std::string> missing, shapes;
  auto compare = [&](const std::string &name, std::vector<int64_t> shape) {
    auto it = base.tensors().find(name);
    if (it == base.tensors().end())
      missing.push_back("'" + printable(name, 120) + "'");
    else if (it->second.entry->shape != shape)
      shapes.push_back(fmt::format(
          "'{}' has shape {}, the adapter is for {}", printable(name, 120),
          formatShape(it->second.entry->shape), formatShape(shape)));
  };
  for (const auto &[module, factors] : adapter.modules)
    compare(module + ".weight", {factors.out, factors.in});
  for (const auto &[name, tensor] : adapter.saved)
    compare(name, tensor.entry->shape);
  if (!missing.empty() || !shapes.empty()) {
    std::vector<std::string> problems;
    if (!missing.empty())
      problems.push_back(fmt::format("it lacks {}", fmt::join(missing, ", ")));
    problems.insert(problems.end(), shapes.begin(), shapes.end());
    return Status::failure(fmt::format(
        "{}: is not the model that the adapter {} is for: {}; take another one",
        base.path(), adapter.place(), fmt::join(problems, "; ")));
  }
  for (const auto &[name, tensor] : base.tensors()) {
    if (isAdapterName(name))
      continue;
    descriptions.push_back({name, tensor.entry->shape, tensor.entry->elements});
    auto it = name.ends_with(".weight")
                  ? adapter.modules.find(name.substr(0, name.rfind('.')))
                  : adapter.modules.end();
    modules.push_back(it == adapter.modules.end() ? nullptr : &it->second);
    summary.merged += modules.back() != nullptr;
    summary.replaced += adapter.saved.contains(name);
  }
  return Status::success();
}

Status MergedStore::readFactors(const AdapterModule &module) {
  if (current == &module)
    return Status::success();
  a.resize(module.a.entry->elements);
  b.resize(module.b.entry->elements);
  LNS_RETURN_IF_ERROR(adapter.files.readF32(module.a, a));
  LNS_RETURN_IF_ERROR(adapter.files.readF32(module.b, b));
  current = &module;
  return Status::success();
}

Status MergedStore::readParameter(size_t index, uint64_t first,
                                  std::span<float> out) {
  const std::string &name = descriptions[index].name;
  if (auto it = adapter.saved.find(name); it != adapter.saved.end())
    return adapter.files.readF32(it->second, out, first);
  LNS_RETURN_IF_ERROR(base.readF32(base.tensors().at(name), out, first));
  const AdapterModule *module = modules[index];
  if (!module)
    return Status::success();
  LNS_RETURN_IF_ERROR(readFactors(*module));
  auto in = static_cast<uint64_t>(module->in);
  auto rank = static_cast<uint64_t>(module->rank);
  std::vector<double> row(in);
  for (uint64_t i = 0; i < out.size(); i += in) {
    const float *factors = &b[(first + i) / in * rank];
    std::fill(row.begin(), row.end(), 0.0);
    for (uint64_t r = 0; r < rank; ++r)
      for (uint64_t k = 0; k < in; ++k)
        row[k] += static_cast<double>(factors[r]) *
                  static_cast<double>(a[r * in + k]);
    for (uint64_t k = 0; k < in; ++k)
      out[i + k] = static_cast<float>(static_cast<double>(out[i + k]) +
                                      module->scale * row[k]);
  }
  return Status::success();
}

/// Saves what the store holds as the only checkpoint of a new run.
static Status saveRun(const std::string &out, TensorStore &store,
                      const TrainerState &state, const std::string &config) {
  InterruptGuard guard;
  Expected<AtomicFolder> run = AtomicFolder::create(out);
  if (!run)
    return run.status();
  LNS_RETURN_IF_ERROR(
      saveCheckpoint(checkpointPath(run->workPath(), 0), store, state, config));
  LNS_RETURN_IF_ERROR(failIfInterrupted());
  return run->commit();
}

/// The adapter of a folder or, without one, that of the checkpoint itself.
static Expected<AdapterFiles> openEither(const std::string &checkpoint,
                                         const std::string &identity,
                                         const std::string &folder) {
  if (!folder.empty())
    return openAdapter(folder);
  Expected<WeightFiles> files = WeightFiles::open(checkpoint);
  if (!files)
    return files.status();
  return ownAdapters(std::move(*files), identity);
}

Expected<MergeSummary> mergeAdapter(const std::string &path,
                                    const std::string &adapterPath,
                                    const std::string &out) {
  Expected<WeightFiles> files = WeightFiles::open(path);
  if (!files)
    return files.status();
  Expected<WeightsOrigin> origin = findOrigin(*files, /*isInFolder=*/true);
  if (!origin)
    return origin.status();
  const nlohmann::json &state = origin->state;
  auto number = [&](const char *key) -> uint64_t {
    auto it = state.is_object() ? state.find(key) : state.end();
    return state.is_object() && it != state.end() && it->is_number_unsigned()
               ? it->get<uint64_t>()
               : 0;
  };
  if (origin->identity.find("\ngraph:\n") == std::string::npos ||
      number("batch") == 0 || number("sequence") == 0)
    return Status::failure(fmt::format(
        "{}: is no checkpoint of lns: it does not say what its model computes; "
        "make one of it with 'lns ckpt import-hf', merge that, and export it "
        "with 'lns ckpt export-hf'",
        files->path()));
  std::optional<std::string> base = identityOfBase(origin->identity);
  if (base && !adapterPath.empty())
    return Status::failure(fmt::format(
        "{}: has adapters of its own; merge these first, without --adapter",
        files->path()));
  Expected<AdapterFiles> adapter =
      openEither(files->path(), origin->identity, adapterPath);
  if (!adapter)
    return adapter.status();
  MergedStore store(*files, *adapter);
  LNS_RETURN_IF_ERROR(store.create());
  TrainerState made;
  made.seed = number("seed");
  made.batch = number("batch");
  made.sequence = number("sequence");
  made.identity = base.value_or(origin->identity);
  LNS_RETURN_IF_ERROR(saveRun(out, store, made, origin->config));
  store.summary.checkpoint = checkpointPath(out, 0);
  std::optional<uint64_t> steps = origin->getStepsDone();
  if (steps.value_or(0) != 0 &&
      made.identity.find(" = ramp(") != made.identity.npos)
    store.summary.notes.push_back(fmt::format(
        "{}: what the model computes follows the steps done, which are 0 of a "
        "merged one; give commands that read it --steps-done {}",
        out, *steps));
  return store.summary;
}

//===----------------------------------------------------------------------===//
// Importing
//===----------------------------------------------------------------------===//

namespace {
/// The parameters of a plan with adapters, from a base and an adapter.
class AdaptedStore : public ReadOnlyStore {
public:
  AdaptedStore(const ModelWeights &weights, const AdapterFiles &adapter,
               const std::vector<TensorDescription> &tensors)
      : ReadOnlyStore(adapter.place()), weights(weights), adapter(adapter) {
    descriptions = tensors;
  }

private:
  Status readParameter(size_t index, uint64_t first,
                       std::span<float> out) override {
    const TensorDescription &tensor = descriptions[index];
    const WeightFiles::Tensor *own =
        tensor.frozen ? nullptr : findIn(adapter, tensor.name);
    return own ? adapter.files.readF32(*own, out, first)
               : weights.read(index, first, out);
  }

  const ModelWeights &weights;
  const AdapterFiles &adapter;
};
} // namespace

Expected<ImportSummary> importAdapter(const std::string &basePath,
                                      const std::string &adapterPath,
                                      const std::string &out,
                                      const CheckpointModel &model,
                                      uint64_t seed, bool force) {
  Expected<AdapterFiles> adapter = openAdapter(adapterPath);
  if (!adapter)
    return adapter.status();
  LNS_RETURN_IF_ERROR(checkAdapter(*adapter, model.text, model.tensors));
  ImportSummary summary;
  std::vector<std::string> ownNotes;
  Expected<ModelWeights> weights =
      ModelWeights::open(basePath, model.text, force, model.tensors, ownNotes,
                         /*mayBeBase=*/true);
  if (!weights)
    return weights.status();
  if (!weights->isBase())
    return Status::failure(fmt::format(
        "{}: has adapters of its own, which those of {} would replace; give "
        "the model without",
        weights->files().path(), adapter->place()));
  // That the adapters do not come from it goes without saying here.
  ownNotes.pop_back();
  summary.notes = std::move(ownNotes);
  noteFirstStep(model, summary.notes);
  summary.isUnfolded = weights->isFolded();
  for (const TensorDescription &tensor : model.tensors)
    summary.elements += tensor.elements;
  TrainerState state;
  state.seed = seed;
  state.batch = model.batch;
  state.sequence = model.sequence;
  state.identity = model.text.identity;
  AdaptedStore store(*weights, *adapter, model.tensors);
  LNS_RETURN_IF_ERROR(saveRun(out, store, state, model.text.config));
  summary.checkpoint = checkpointPath(out, 0);
  return summary;
}

} // namespace lns::tool
