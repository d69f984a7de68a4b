//===- adapter_files.cpp - Adapters, PEFT's and our own -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/exchange/adapter_files.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/lora_fact.h"
#include "tools/lns/checkpoint/model_identity.h"
#include "tools/lns/checkpoint/tensor_names.h"
#include "tools/lns/exchange/peft_config.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace lns::tool {

static constexpr std::string_view peftPrefix = "base_model.model.",
                                  factorA = ".lora_A.weight",
                                  factorB = ".lora_B.weight";

/// Of which a message shows a few.
static std::string list(std::vector<std::string> names) {
  constexpr size_t shown = 5;
  size_t count = names.size();
  names.resize(std::min(count, shown));
  return fmt::format("{}{}", fmt::join(names, ", "),
                     count > shown ? fmt::format(", and {} more", count - shown)
                                   : "");
}

static std::string moduleOf(std::string_view factor) {
  return std::string(factor.substr(0, factor.size() - factorA.size()));
}

/// Sorts tensors, under the names of the model, into the adapter. `isSaved`
/// says of a module whether it is one that is whole.
template <typename IsSaved>
static Status sortTensors(AdapterFiles &adapter,
                          const std::map<std::string, WeightFiles::Tensor> &all,
                          IsSaved &&isSaved) {
  std::map<std::string, std::pair<bool, bool>> halves;
  std::vector<std::string> unknown;
  for (const auto &[name, tensor] : all) {
    if (name.ends_with(factorA)) {
      adapter.modules[moduleOf(name)].a = tensor;
      halves[moduleOf(name)].first = true;
    } else if (name.ends_with(factorB)) {
      adapter.modules[moduleOf(name)].b = tensor;
      halves[moduleOf(name)].second = true;
    } else if (isSaved(name.substr(0, name.rfind('.')))) {
      adapter.saved[name] = tensor;
    } else {
      unknown.push_back("'" + printable(name, 120) + "'");
    }
  }
  if (!unknown.empty())
    return Status::failure(fmt::format(
        "{}: {} {} neither factors of a linear's adapter nor of "
        "modules_to_save "
        "(magnitudes of DoRA, adapters of embeddings and biases are not done "
        "here)",
        adapter.place(), list(unknown), unknown.size() == 1 ? "is" : "are"));
  for (const auto &[module, half] : halves)
    if (half.first != half.second)
      return Status::failure(fmt::format(
          "{}: '{}' has lora_{}, but no lora_{}; the adapter is not whole",
          adapter.place(), printable(module, 120), half.first ? "A" : "B",
          half.first ? "B" : "A"));
  if (adapter.modules.empty())
    return Status::failure(adapter.place() + ": holds no adapter; give the "
                                             "folder that PEFT saved");
  return Status::success();
}

/// Fills in sizes. `ranks` and `scales` are functions of a module.
template <typename Ranks, typename Scales>
static Status measure(AdapterFiles &adapter, Ranks &&rankOf, Scales &&scaleOf) {
  for (auto &[module, factors] : adapter.modules) {
    const std::vector<int64_t> &a = factors.a.entry->shape,
                               &b = factors.b.entry->shape;
    if (a.size() != 2 || b.size() != 2 || a[0] != b[1] || a[0] < 1 ||
        a[1] < 1 || b[0] < 1)
      return Status::failure(fmt::format(
          "{}: the factors of '{}' have shapes {} and {}, expected [rank, in] "
          "and [out, rank]",
          adapter.place(), printable(module, 120), formatShape(a),
          formatShape(b)));
    if (a[0] != rankOf(module))
      return Status::failure(fmt::format(
          "{}: the factors of '{}' are of rank {}, the config says {}; restore "
          "adapter_config.json",
          adapter.place(), printable(module, 120), a[0], rankOf(module)));
    factors.rank = a[0];
    factors.in = a[1];
    factors.out = b[0];
    factors.scale = scaleOf(module);
  }
  return Status::success();
}

Expected<AdapterFiles> openAdapter(const std::string &folder) {
  constexpr size_t maxTextBytes = 1 << 24;
  std::string configPath = folder + "/adapter_config.json";
  if (!pathExists(configPath))
    return Status::failure(fmt::format(
        "{}: holds no adapter_config.json; give the folder of an adapter, as "
        "PEFT or 'lns ckpt export-lora' writes it",
        folder));
  Expected<std::string> text = readTextFile(configPath, maxTextBytes);
  if (!text)
    return text.status();
  Expected<PeftConfig> config = readPeftConfig(*text, configPath);
  if (!config)
    return config.status();
  Expected<WeightFiles> files =
      WeightFiles::openFile(folder + "/adapter_model.safetensors");
  if (!files)
    return files.status();
  AdapterFiles adapter;
  adapter.files = std::move(*files);
  std::map<std::string, WeightFiles::Tensor> all;
  for (const auto &[name, tensor] : adapter.files.tensors()) {
    std::string own = name;
    if (!own.starts_with(peftPrefix))
      return Status::failure(fmt::format(
          "{}: tensor '{}' is not called {}...; restore the file as PEFT wrote "
          "it",
          adapter.place(), printable(name, 120), peftPrefix));
    all[own.substr(peftPrefix.size())] = tensor;
  }
  // Here PEFT asks for no dot before the end.
  LNS_RETURN_IF_ERROR(sortTensors(adapter, all, [&](const std::string &module) {
    return std::any_of(
        config->saved.begin(), config->saved.end(),
        [&](const std::string &name) { return module.ends_with(name); });
  }));
  LNS_RETURN_IF_ERROR(measure(
      adapter, [&](const std::string &name) { return config->rankOf(name); },
      [&](const std::string &name) { return config->scaleOf(name); }));
  return adapter;
}

Expected<AdapterFiles> ownAdapters(WeightFiles files,
                                   const std::string &identity) {
  std::optional<LoraFact> lora = findLora(identity);
  if (!lora)
    return Status::failure(
        fmt::format("{}: its model has no adapters; give one with --adapter",
                    files.path()));
  AdapterFiles adapter;
  adapter.files = std::move(files);
  std::map<std::string, WeightFiles::Tensor> all;
  for (const auto &[name, tensor] : adapter.files.tensors()) {
    std::string module = name.substr(0, name.rfind('.'));
    bool isSaved = std::any_of(
        lora->save.begin(), lora->save.end(),
        [&](const std::string &own) { return isModuleNamed(module, own); });
    if (isAdapterName(name) || isSaved)
      all[name] = tensor;
  }
  LNS_RETURN_IF_ERROR(
      sortTensors(adapter, all, [](const std::string &) { return true; }));
  double scale = getLoraScale(lora->alpha, lora->rank, lora->rslora);
  LNS_RETURN_IF_ERROR(measure(
      adapter, [&](const std::string &) { return lora->rank; },
      [&](const std::string &) { return scale; }));
  return adapter;
}

//===----------------------------------------------------------------------===//
// With a plan
//===----------------------------------------------------------------------===//

const WeightFiles::Tensor *findIn(const AdapterFiles &adapter,
                                  const std::string &parameter) {
  if (auto it = adapter.saved.find(parameter); it != adapter.saved.end())
    return &it->second;
  if (!isAdapterName(parameter))
    return nullptr;
  auto it = adapter.modules.find(moduleOf(parameter));
  if (it == adapter.modules.end())
    return nullptr;
  return parameter.ends_with(factorA) ? &it->second.a : &it->second.b;
}

Status checkAdapter(const AdapterFiles &adapter, const PlanModel &model,
                    const std::vector<TensorDescription> &tensors) {
  std::optional<LoraFact> lora = findLora(model.identity);
  if (!lora)
    return Status::failure(fmt::format(
        "{}: the plan has no adapters; compile it with --lora, or make one "
        "model of them with 'lns ckpt merge'",
        adapter.place()));
  std::vector<std::string> missing, unknown, shapes;
  std::map<std::string, bool> known;
  for (const TensorDescription &tensor : tensors) {
    if (tensor.frozen)
      continue;
    known[tensor.name] = true;
    const WeightFiles::Tensor *found = findIn(adapter, tensor.name);
    if (!found)
      missing.push_back("'" + printable(tensor.name, 120) + "'");
    else if (found->entry->shape != tensor.shape)
      shapes.push_back(fmt::format(
          "'{}' has shape {}, the plan has {}", printable(tensor.name, 120),
          formatShape(found->entry->shape), formatShape(tensor.shape)));
  }
  double scale = getLoraScale(lora->alpha, lora->rank, lora->rslora);
  for (const auto &[module, factors] : adapter.modules) {
    if (!known.contains(module + std::string(factorA)))
      unknown.push_back("'" + printable(module, 120) + "'");
    else if (std::abs(factors.scale - scale) > 1e-9 * scale)
      shapes.push_back(fmt::format(
          "'{}' is scaled by {}, in the plan by {} (alpha and rank)",
          printable(module, 120), factors.scale, scale));
  }
  for (const auto &[name, tensor] : adapter.saved)
    if (!known.contains(name))
      unknown.push_back("'" + printable(name, 120) + "'");
  std::vector<std::string> problems;
  if (!missing.empty())
    problems.push_back("it lacks " + list(missing));
  if (!unknown.empty())
    problems.push_back("the plan does not train " + list(unknown));
  if (!shapes.empty())
    problems.push_back(list(shapes));
  if (problems.empty())
    return Status::success();
  return Status::failure(fmt::format(
      "{}: is no adapter of this plan: {}; compile the model with a --lora "
      "that says what adapter_config.json says",
      adapter.place(), fmt::join(problems, "; ")));
}

Status loadAdapter(const AdapterFiles &adapter, const PlanModel &model,
                   TensorStore &store) {
  LNS_RETURN_IF_ERROR(checkAdapter(adapter, model, store.tensors()));
  std::vector<float> buffer;
  for (size_t i = 0; i < store.tensors().size(); ++i) {
    const TensorDescription &tensor = store.tensors()[i];
    if (tensor.frozen)
      continue;
    buffer.resize(tensor.elements);
    LNS_RETURN_IF_ERROR(
        adapter.files.readF32(*findIn(adapter, tensor.name), buffer));
    LNS_RETURN_IF_ERROR(store.write(TensorKind::Parameter, i, buffer));
  }
  return Status::success();
}

} // namespace lns::tool
