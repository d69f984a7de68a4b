//===- checkpoint.cpp - Checkpoints ---------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/checkpoint.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/json_text.h"
#include "tools/lns/checkpoint/manifest.h"
#include "tools/lns/checkpoint/model_identity.h"
#include "tools/lns/checkpoint/safetensors.h"
#include "tools/lns/checkpoint/weights.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace lns::tool {

static constexpr const char *modelFile = "model.safetensors";
static constexpr const char *optimizerFile = "optimizer.safetensors";
static constexpr const char *stateFile = "trainer_state.json";
static constexpr const char *configFile = "config.json";

static const std::vector<Section> modelSections = {{TensorKind::Parameter, ""}};
static const std::vector<Section> optimizerSections = {
    {TensorKind::ExpAvg, "exp_avg."}, {TensorKind::ExpAvgSq, "exp_avg_sq."}};

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static bool isFinite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return std::isfinite(value); });
}

/// `identity` goes into the file's metadata unless it is empty.
static Status writeSections(const std::string &path, TensorStore &store,
                            const std::vector<Section> &sections,
                            const std::string &identity,
                            const std::vector<ExtraTensor> &extras,
                            FileSummary *summary = nullptr) {
  std::vector<SafetensorsSpec> specs;
  uint64_t lacking = 0;
  for (const Section &section : sections)
    for (const TensorDescription &tensor : store.tensors()) {
      if (tensor.has(section.kind))
        specs.push_back({section.prefix + tensor.name, tensor.shape});
      else
        ++lacking;
    }
  for (const ExtraTensor &extra : extras)
    specs.push_back({extra.name, extra.shape});
  std::map<std::string, std::string> metadata = {{"format", "pt"}};
  if (!identity.empty())
    metadata[identityKey] = identity;
  if (lacking != 0)
    metadata[frozenKey] = fmt::format("{}", lacking / sections.size());
  Expected<SafetensorsWriter> writer =
      SafetensorsWriter::create(path, specs, metadata);
  if (!writer)
    return writer.status();
  // In parts: a copy of a whole embedding would be more memory than anything
  // else that a step does not need.
  std::vector<float> buffer;
  for (const Section &section : sections)
    for (size_t i = 0; i < store.tensors().size(); ++i) {
      if (!store.tensors()[i].has(section.kind))
        continue;
      uint64_t elements = store.tensors()[i].elements, first = 0;
      buffer.resize(std::min(store.partElements(section.kind, i), elements));
      do {
        std::span<float> part(
            buffer.data(), std::min<uint64_t>(elements - first, buffer.size()));
        LNS_RETURN_IF_ERROR(store.read(section.kind, i, first, part));
        if (section.kind == TensorKind::Parameter && !isFinite(part))
          return Status::ended(
              Status::Kind::Diverged,
              fmt::format("{}: the parameter '{}' is not finite any more", path,
                          store.tensors()[i].name));
        LNS_RETURN_IF_ERROR(writer->append(part));
        first += part.size();
      } while (first < elements);
    }
  for (const ExtraTensor &extra : extras)
    LNS_RETURN_IF_ERROR(writer->append(extra.data));
  LNS_RETURN_IF_ERROR(writer->commit());
  if (summary)
    *summary = writer->summary();
  return Status::success();
}

static Status writeText(const std::string &path, const std::string &text,
                        FileSummary &summary) {
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.status();
  LNS_RETURN_IF_ERROR(file->write(text));
  summary = file->summary();
  return file->commit();
}

static std::string stateToJson(const TrainerState &state) {
  nlohmann::ordered_json json = {{"format", 2},
                                 {"step", state.step},
                                 {"seed", state.seed},
                                 {"batch", state.batch},
                                 {"sequence", state.sequence},
                                 {"elapsed_seconds", state.elapsedSeconds},
                                 {"skipped_steps", state.skippedSteps},
                                 {"skipped_in_a_row", state.skippedInARow},
                                 {"rolling", state.rolling},
                                 {"identity", state.identity}};
  writeRecord(state.record, json);
  // Names of files need not be UTF-8.
  return json.dump(2, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace) +
         "\n";
}

Status saveCheckpoint(const std::string &path, TensorStore &store,
                      const TrainerState &state, const std::string &config) {
  Expected<AtomicFolder> folder = AtomicFolder::create(path);
  if (!folder)
    return folder.status();
  std::string work = folder->workPath() + "/";
  Manifest manifest;
  FileSummary summary;
  LNS_RETURN_IF_ERROR(writeSections(work + modelFile, store, modelSections,
                                    state.identity, {}, &summary));
  manifest.add(modelFile, summary);
  LNS_RETURN_IF_ERROR(writeSections(work + optimizerFile, store,
                                    optimizerSections, state.identity, {},
                                    &summary));
  manifest.add(optimizerFile, summary);
  LNS_RETURN_IF_ERROR(writeText(work + stateFile, stateToJson(state), summary));
  manifest.add(stateFile, summary);
  if (!config.empty()) {
    LNS_RETURN_IF_ERROR(writeText(work + configFile, config, summary));
    manifest.add(configFile, summary);
  }
  LNS_RETURN_IF_ERROR(manifest.write(folder->workPath()));
  return folder->commit();
}

Status saveTensors(const std::string &path, TensorStore &store, TensorKind kind,
                   const std::vector<ExtraTensor> &extras) {
  return writeSections(path, store, {{kind, ""}}, /*identity=*/"", extras);
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// `format` says how much the state promises; 1 knows no manifest.
static Expected<TrainerState> readState(const std::string &path,
                                        uint64_t &format) {
  Expected<std::string> text = readTextFile(path, 1 << 24);
  if (!text)
    return text.status();
  nlohmann::json json = parseJson(*text);
  Status damaged = Status::failure(fmt::format(
      "{}: damaged: not the state of a training run; take another checkpoint",
      path));
  if (!json.is_object())
    return damaged;
  TrainerState state;
  auto read = [&](const char *key, uint64_t &value) {
    if (!json.contains(key) || !json[key].is_number_unsigned())
      return false;
    value = json[key].get<uint64_t>();
    return true;
  };
  if (!read("format", format) || format == 0)
    return damaged;
  if (format > 2)
    return Status::failure(
        fmt::format("{}: format {}, this lns reads up to 2; use a newer one",
                    path, format));
  if (!read("step", state.step) || !read("seed", state.seed) ||
      !read("batch", state.batch) || !read("sequence", state.sequence) ||
      !json.contains("elapsed_seconds") || !json["elapsed_seconds"].is_number())
    return damaged;
  state.elapsedSeconds = json["elapsed_seconds"].get<double>();
  if (format < 2)
    return state;
  if (!read("skipped_steps", state.skippedSteps) ||
      !read("skipped_in_a_row", state.skippedInARow) ||
      state.skippedSteps > state.step ||
      state.skippedInARow > state.skippedSteps || !json.contains("rolling") ||
      !json["rolling"].is_boolean() || !json.contains("identity") ||
      !json["identity"].is_string() || !readRecord(json, state.record))
    return damaged;
  state.rolling = json["rolling"].get<bool>();
  state.identity = json["identity"].get<std::string>();
  return state;
}

Expected<Checkpoint> Checkpoint::open(const std::string &path) {
  Expected<std::optional<Manifest>> manifest = Manifest::read(path);
  if (!manifest)
    return manifest.status();
  Checkpoint checkpoint;
  checkpoint.folder = path;
  checkpoint.verified = manifest->has_value();
  if (*manifest) {
    for (const char *name : {modelFile, optimizerFile, stateFile})
      if (!(*manifest)->entries().contains(name))
        return (*manifest)->verify(path, name);
    for (const auto &[name, summary] : (*manifest)->entries())
      if (name != modelFile && name != optimizerFile) // openFile() does it.
        LNS_RETURN_IF_ERROR((*manifest)->verify(path, name));
  }
  uint64_t format = 0;
  Expected<TrainerState> state = readState(path + "/" + stateFile, format);
  if (!state)
    return state.status();
  if (format > 1 && !checkpoint.verified)
    return Status::failure(fmt::format(
        "{}/{}: missing, but was written; copy the checkpoint again or take "
        "another one",
        path, Manifest::fileName));
  checkpoint.trainer = std::move(*state);
  for (auto [name, file] : {std::pair{modelFile, &checkpoint.model},
                            std::pair{optimizerFile, &checkpoint.optimizer}}) {
    Expected<WeightFiles> opened = WeightFiles::openFile(path + "/" + name);
    if (!opened)
      return opened.status();
    *file = std::move(*opened);
  }
  return checkpoint;
}

Status Checkpoint::load(TensorStore &store) const {
  LNS_RETURN_IF_ERROR(checkSections(model, store, modelSections));
  LNS_RETURN_IF_ERROR(checkSections(optimizer, store, optimizerSections));
  LNS_RETURN_IF_ERROR(readSections(model, store, modelSections));
  return readSections(optimizer, store, optimizerSections);
}

Expected<TrainerState> loadCheckpoint(const std::string &path,
                                      TensorStore &store) {
  Expected<Checkpoint> checkpoint = Checkpoint::open(path);
  if (!checkpoint)
    return checkpoint.status();
  LNS_RETURN_IF_ERROR(checkpoint->load(store));
  return checkpoint->state();
}

} // namespace lns::tool
