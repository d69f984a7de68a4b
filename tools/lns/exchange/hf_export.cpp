//===- hf_export.cpp - Checkpoints for Hugging Face -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/exchange/hf_export.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/interrupt.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/model_identity.h"
#include "tools/lns/checkpoint/safetensors.h"
#include "tools/lns/exchange/export_tensors.h"
#include "tools/lns/exchange/fold_tensor.h"
#include "tools/lns/exchange/hf_class.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace lns::tool {

namespace {
/// Tensors of one file, by number.
struct Shard {
  std::vector<size_t> tensors;
  std::string name;
};
} // namespace

static uint64_t bytesOf(const ExportTensor &tensor, bool bf16) {
  uint64_t count = 0;
  countElements(tensor.shape, count);
  return count * (bf16 && !tensor.isOfNorm ? 2 : 4);
}

/// In order, as many tensors in a file as fit, and always one.
static std::vector<Shard> cutShards(const std::vector<ExportTensor> &tensors,
                                    const ExportOptions &options,
                                    ExportSummary &summary) {
  std::vector<Shard> shards(1);
  uint64_t bytes = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    uint64_t own = bytesOf(tensors[i], options.bf16);
    summary.bytes += own;
    if (!shards.back().tensors.empty() && bytes + own > options.maxShard) {
      shards.emplace_back();
      bytes = 0;
    }
    shards.back().tensors.push_back(i);
    bytes += own;
    if (own > options.maxShard)
      summary.notes.push_back(fmt::format(
          "tensor '{}' alone has {} bytes, more than --max-shard allows",
          tensors[i].name, own));
  }
  for (size_t i = 0; i < shards.size(); ++i)
    shards[i].name = shards.size() == 1
                         ? "model.safetensors"
                         : fmt::format("model-{:05}-of-{:05}.safetensors",
                                       i + 1, shards.size());
  return shards;
}

static Status writeShard(const SourceModel &source,
                         const std::vector<ExportTensor> &tensors,
                         const Shard &shard, const std::string &path,
                         const std::map<std::string, std::string> &metadata,
                         bool bf16) {
  std::vector<SafetensorsSpec> specs;
  for (size_t index : shard.tensors)
    specs.push_back({tensors[index].name, tensors[index].shape,
                     bf16 && !tensors[index].isOfNorm ? "BF16" : "F32"});
  Expected<SafetensorsWriter> writer =
      SafetensorsWriter::create(path, specs, metadata);
  if (!writer)
    return writer.status();
  for (size_t index : shard.tensors)
    LNS_RETURN_IF_ERROR(writeFolded(source, tensors[index],
                                    bf16 && !tensors[index].isOfNorm, *writer));
  return writer->commit();
}

static Status writeJson(const std::string &path, const nlohmann::json &json) {
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.status();
  LNS_RETURN_IF_ERROR(file->write(
      json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
      "\n"));
  return file->commit();
}

/// As transformers writes it.
static nlohmann::json makeIndex(const std::vector<ExportTensor> &tensors,
                                const std::vector<Shard> &shards,
                                const ExportSummary &summary) {
  nlohmann::json map = nlohmann::json::object();
  uint64_t parameters = 0;
  for (const Shard &shard : shards)
    for (size_t index : shard.tensors) {
      uint64_t count = 0;
      countElements(tensors[index].shape, count);
      parameters += count;
      map[tensors[index].name] = shard.name;
    }
  return {{"metadata",
           {{"total_parameters", parameters}, {"total_size", summary.bytes}}},
          {"weight_map", map}};
}

Expected<ExportSummary> exportModel(const SourceModel &source,
                                    const std::string &out,
                                    const ExportOptions &options) {
  if (std::optional<std::string> lora = findFact(source.identity, "lora"))
    return Status::failure(fmt::format(
        "{}: has adapters ({}), which no class has; merge them with 'lns ckpt "
        "merge' first, or write them with 'lns ckpt export-lora'",
        source.place, printable(*lora, 200)));
  Expected<ExportClass> target = chooseClass(source);
  if (!target)
    return target.status();
  Expected<std::vector<ExportTensor>> tensors = planTensors(source, *target);
  if (!tensors)
    return tensors.status();
  nlohmann::json config =
      makeConfig(source, *target, options.bf16 ? "bfloat16" : "float32");
  ExportSummary summary;
  summary.architecture = target->family->architecture;
  summary.tensors = tensors->size();
  std::map<std::string, std::string> metadata = {{"format", "pt"}};
  if (std::optional<FoldMark> mark = makeMark(source, *target)) {
    summary.folded = mark->norm;
    metadata[markKey] = toJson(*mark).dump();
  }
  if (source.isTied && target->changesEmbedding(source))
    summary.notes.push_back("the head gets a tensor of its own, because what "
                            "is folded into the embedding is not the head's");
  std::vector<Shard> shards = cutShards(*tensors, options, summary);
  summary.files = shards.size();

  InterruptGuard guard;
  Expected<AtomicFolder> folder = AtomicFolder::create(out);
  if (!folder)
    return folder.status();
  std::string work = folder->workPath() + "/";
  for (const Shard &shard : shards)
    LNS_RETURN_IF_ERROR(writeShard(source, *tensors, shard, work + shard.name,
                                   metadata, options.bf16));
  if (shards.size() > 1)
    LNS_RETURN_IF_ERROR(writeJson(work + "model.safetensors.index.json",
                                  makeIndex(*tensors, shards, summary)));
  LNS_RETURN_IF_ERROR(writeJson(work + "config.json", config));
  LNS_RETURN_IF_ERROR(
      writeJson(work + "generation_config.json", makeGenerationConfig(config)));
  LNS_RETURN_IF_ERROR(failIfInterrupted());
  LNS_RETURN_IF_ERROR(folder->commit());
  return summary;
}

} // namespace lns::tool
