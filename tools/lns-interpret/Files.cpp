//===- Files.cpp - Parameters, tokens and results in files ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns-interpret/Files.h"
#include "tools/lns/checkpoint/checkpoint.h"
#include "tools/lns/checkpoint/weights.h"
#include "tools/lns/data/shard.h"

using namespace lns;
using namespace lns::interpret;
using tool::Status;
using tool::TensorKind;

static std::vector<int64_t> shapeOf(const Tensor &tensor) {
  return {tensor.shape.begin(), tensor.shape.end()};
}

static std::vector<float> toFloats(const Tensor &tensor) {
  return {tensor.values.begin(), tensor.values.end()};
}

namespace {

/// An environment as the trainer's checkpoint functions see it: the parameters
/// that it is given.
class EnvironmentStore : public tool::TensorStore {
public:
  void add(const std::string &name, ParameterState &state) {
    const Tensor &value = *state.value;
    described.push_back(
        {name, shapeOf(value), static_cast<uint64_t>(value.size())});
    states.push_back(&state);
  }

  const std::vector<tool::TensorDescription> &tensors() const override {
    return described;
  }
  Status read(TensorKind kind, size_t index, uint64_t first,
              std::span<float> out) override {
    llvm::copy(
        llvm::ArrayRef(select(kind, index)->values).slice(first, out.size()),
        out.begin());
    return Status::success();
  }
  Status write(TensorKind kind, size_t index,
               std::span<const float> data) override {
    TensorRef &target = select(kind, index);
    auto tensor = makeTensor(target->shape);
    llvm::copy(data, tensor->values.begin());
    target = tensor;
    return Status::success();
  }

private:
  TensorRef &select(TensorKind kind, size_t index) {
    ParameterState &state = *states[index];
    switch (kind) {
    case TensorKind::Parameter:
      return state.value;
    case TensorKind::Gradient:
      return state.gradient;
    case TensorKind::ExpAvg:
      return state.expAvg;
    case TensorKind::ExpAvgSq:
      break;
    }
    return state.expAvgSq;
  }

  std::vector<tool::TensorDescription> described;
  std::vector<ParameterState *> states;
};

} // namespace

Status lns::interpret::loadParameterFile(const std::string &path,
                                         Environment &environment) {
  EnvironmentStore store;
  for (auto &[name, state] : environment)
    store.add(name, state);
  std::vector<std::string> notes;
  return tool::loadParameters(path, store, notes);
}

Status lns::interpret::loadTokenFile(const std::string &path, int64_t count,
                                     InputOptions &options) {
  tool::Expected<tool::Shard> shard = tool::Shard::open(path);
  if (!shard)
    return shard.status();
  if (static_cast<uint64_t>(count) >= shard->size())
    return Status::failure(path + ": has " + std::to_string(shard->size()) +
                           " tokens, but a batch of " + std::to_string(count) +
                           " needs one more than that; use a longer shard");
  std::vector<uint32_t> all(count + 1);
  LNS_RETURN_IF_ERROR(shard->read(0, all));
  auto take = [&](size_t first) {
    auto tensor = makeTokens(count);
    llvm::copy(llvm::ArrayRef(all).slice(first, count), tensor->tokens.begin());
    return tensor;
  };
  options.tokens = take(0);
  options.targets = take(1);
  return Status::success();
}

Status lns::interpret::loadStartsFile(const std::string &path, int64_t count,
                                      InputOptions &options) {
  tool::Expected<tool::Shard> shard = tool::Shard::open(path);
  if (!shard)
    return shard.status();
  if (static_cast<uint64_t>(count) > shard->size())
    return Status::failure(path + ": has " + std::to_string(shard->size()) +
                           " numbers, but a batch has " +
                           std::to_string(count) +
                           " starts; use a longer shard");
  std::vector<uint32_t> all(count);
  LNS_RETURN_IF_ERROR(shard->read(0, all));
  auto tensor = makeTokens(count);
  llvm::copy(all, tensor->tokens.begin());
  options.starts = tensor;
  return Status::success();
}

Status lns::interpret::writeResults(const std::string &path,
                                    const Environment &state,
                                    llvm::ArrayRef<TensorRef> results,
                                    llvm::ArrayRef<std::string> resultNames) {
  Environment copy = state;
  EnvironmentStore gradients;
  std::vector<tool::ExtraTensor> extras;
  auto addExtra = [&](std::string name, const Tensor &tensor) {
    std::vector<int64_t> shape = shapeOf(tensor);
    if (shape.empty()) // as `lns grads` writes a loss
      shape.push_back(1);
    extras.push_back({std::move(name), std::move(shape), toFloats(tensor)});
  };
  for (auto [name, result] : llvm::zip_equal(resultNames, results))
    if (!result->isTokens)
      addExtra(name, *result);
  for (auto &[name, parameter] : copy) {
    if (parameter.gradientStored)
      gradients.add(name, parameter);
    if (!parameter.updated)
      continue;
    addExtra("parameter." + name, *parameter.value);
    addExtra("exp_avg." + name, *parameter.expAvg);
    addExtra("exp_avg_sq." + name, *parameter.expAvgSq);
  }
  return tool::saveTensors(path, gradients, TensorKind::Gradient, extras);
}
