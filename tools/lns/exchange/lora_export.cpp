//===- lora_export.cpp - Adapters for PEFT --------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/exchange/lora_export.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/interrupt.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/lora_fact.h"
#include "tools/lns/checkpoint/model_identity.h"
#include "tools/lns/exchange/adapter_files.h"
#include "tools/lns/exchange/fold_tensor.h"
#include "tools/lns/exchange/hf_class.h"
#include "tools/lns/exchange/peft_config.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

namespace lns::tool {

static constexpr const char *peftPrefix = "base_model.model.";

/// The targets as they were given; of all linears, the last parts of their
/// names.
static std::vector<std::string> listTargets(const LoraFact &lora,
                                            const AdapterFiles &adapter) {
  if (std::find(lora.targets.begin(), lora.targets.end(), "all-linear") ==
      lora.targets.end())
    return lora.targets;
  std::set<std::string> names;
  for (const auto &[module, factors] : adapter.modules)
    names.insert(module.substr(module.rfind('.') + 1));
  return {names.begin(), names.end()};
}

/// Tensors under PEFT's names, factors first.
static std::vector<std::pair<std::string, WeightFiles::Tensor>>
listTensors(const AdapterFiles &adapter) {
  std::vector<std::pair<std::string, WeightFiles::Tensor>> all;
  for (const auto &[module, factors] : adapter.modules) {
    all.push_back({peftPrefix + module + ".lora_A.weight", factors.a});
    all.push_back({peftPrefix + module + ".lora_B.weight", factors.b});
  }
  for (const auto &[name, tensor] : adapter.saved)
    all.push_back({peftPrefix + name, tensor});
  return all;
}

static Status writeTensors(const std::string &path, const AdapterFiles &adapter,
                           LoraExportSummary &summary) {
  constexpr uint64_t partElements = 1 << 18;
  auto all = listTensors(adapter);
  std::vector<SafetensorsSpec> specs;
  for (const auto &[name, tensor] : all) {
    specs.push_back({name, tensor.entry->shape});
    summary.bytes += tensor.entry->elements * sizeof(float);
  }
  Expected<SafetensorsWriter> writer =
      SafetensorsWriter::create(path, specs, {{"format", "pt"}});
  if (!writer)
    return writer.status();
  std::vector<float> part;
  for (const auto &[name, tensor] : all)
    for (uint64_t first = 0; first < tensor.entry->elements;
         first += part.size()) {
      LNS_RETURN_IF_ERROR(failIfInterrupted());
      part.resize(std::min(tensor.entry->elements - first, partElements));
      LNS_RETURN_IF_ERROR(adapter.files.readF32(tensor, part, first));
      auto bad = std::find_if(part.begin(), part.end(),
                              [](float x) { return !std::isfinite(x); });
      if (bad != part.end())
        return Status::failure(fmt::format(
            "{}: an element of '{}' is {}; take another checkpoint",
            adapter.place(), printable(tensor.entry->name, 120), *bad));
      LNS_RETURN_IF_ERROR(writer->append(std::span<const float>(part)));
    }
  return writer->commit();
}

/// What stands between an adapter of the model and one of the class.
static Status refuse(const SourceModel &source) {
  if (source.family->layout)
    return Status::failure(fmt::format(
        "{}: files of model_type {} hold query, key and value as one matrix, "
        "c_attn, which adapters of q_proj, k_proj and v_proj are none of; make "
        "one model of them with 'lns ckpt merge', and export that with 'lns "
        "ckpt export-hf'",
        source.place, source.family->modelType));
  Expected<ExportClass> target = chooseClass(source);
  if (!target)
    return target.status();
  if (target->foldsBranch)
    return Status::failure(fmt::format(
        "{}: as {}, the scheme '{}' has its gates in the weights, which an "
        "adapter of these does not know; make one model of them with 'lns ckpt "
        "merge', and export that with 'lns ckpt export-hf'",
        source.place, target->family->architecture,
        printable(source.schemeText, 80)));
  return Status::success();
}

Expected<LoraExportSummary> exportLora(SourceModel source,
                                       const std::string &baseName,
                                       const std::string &out) {
  Expected<WeightFiles> files = WeightFiles::open(source.place);
  if (!files)
    return files.status();
  Expected<AdapterFiles> adapter =
      ownAdapters(std::move(*files), source.identity);
  if (!adapter)
    return adapter.status();
  LoraFact lora = *findLora(source.identity);
  // The class is that of the base, which has no such fact.
  source.identity = identityOfBase(source.identity).value_or(source.identity);
  LNS_RETURN_IF_ERROR(refuse(source));
  // By their whole names: PEFT takes a name of this list for the end of any
  // other, be there a dot before it or not ("norm").
  std::set<std::string> saved;
  // PEFT trains a copy of what is saved, and the head would keep the base's.
  if (source.isTied)
    for (const auto &[name, tensor] : adapter->saved)
      if (name.ends_with("embed_tokens.weight"))
        return Status::failure(fmt::format(
            "{}: '{}' is trained whole, and is embedding and head at once, "
            "which PEFT's copy of it would be no more; make one model with "
            "'lns ckpt merge', and export that with 'lns ckpt export-hf'",
            source.place, printable(name, 80)));
  for (const auto &[name, tensor] : adapter->saved)
    saved.insert(name.substr(0, name.rfind('.')));
  lora.save.assign(saved.begin(), saved.end());
  LoraExportSummary summary;
  summary.modules = adapter->modules.size();
  summary.saved = adapter->saved.size();
  InterruptGuard guard;
  Expected<AtomicFolder> folder = AtomicFolder::create(out);
  if (!folder)
    return folder.status();
  LNS_RETURN_IF_ERROR(writeTensors(
      folder->workPath() + "/adapter_model.safetensors", *adapter, summary));
  Expected<AtomicFile> config =
      AtomicFile::create(folder->workPath() + "/adapter_config.json");
  if (!config)
    return config.status();
  LNS_RETURN_IF_ERROR(config->write(
      makePeftConfig(lora, listTargets(lora, *adapter), baseName)
          .dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
      "\n"));
  LNS_RETURN_IF_ERROR(config->commit());
  LNS_RETURN_IF_ERROR(failIfInterrupted());
  LNS_RETURN_IF_ERROR(folder->commit());
  return summary;
}

} // namespace lns::tool
