//===- checkpoint.cpp - Checkpoints ---------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "checkpoint.h"

#include "file_io.h"
#include "safetensors.h"
#include "weights.h"

#include <charconv>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace fs = std::filesystem;

namespace lns::tool {

static constexpr const char *modelFile = "/model.safetensors";
static constexpr const char *optimizerFile = "/optimizer.safetensors";
static constexpr const char *stateFile = "/trainer_state.json";

static const std::vector<Section> modelSections = {{TensorKind::Parameter, ""}};
static const std::vector<Section> optimizerSections = {
    {TensorKind::ExpAvg, "exp_avg."}, {TensorKind::ExpAvgSq, "exp_avg_sq."}};

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static Status writeSections(const std::string &path, TensorStore &store,
                            const std::vector<Section> &sections,
                            const std::vector<ExtraTensor> &extras = {}) {
  std::vector<SafetensorsSpec> specs;
  for (const Section &section : sections)
    for (const TensorDescription &tensor : store.tensors())
      specs.push_back({section.prefix + tensor.name, tensor.shape});
  for (const ExtraTensor &extra : extras)
    specs.push_back({extra.name, extra.shape});
  Expected<SafetensorsWriter> writer =
      SafetensorsWriter::create(path, specs, {{"format", "pt"}});
  if (!writer)
    return writer.status();
  // In parts: a copy of a whole embedding would be more memory than anything
  // else that a step does not need.
  std::vector<float> buffer(1 << 18);
  for (const Section &section : sections)
    for (size_t i = 0; i < store.tensors().size(); ++i) {
      uint64_t elements = store.tensors()[i].elements, first = 0;
      do {
        std::span<float> part(
            buffer.data(), std::min<uint64_t>(elements - first, buffer.size()));
        LNS_RETURN_IF_ERROR(store.read(section.kind, i, first, part));
        LNS_RETURN_IF_ERROR(writer->append(part));
        first += part.size();
      } while (first < elements);
    }
  for (const ExtraTensor &extra : extras)
    LNS_RETURN_IF_ERROR(writer->append(extra.data));
  return writer->commit();
}

static Status writeText(const std::string &path, const std::string &text) {
  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.status();
  LNS_RETURN_IF_ERROR(file->write(text));
  return file->commit();
}

Status saveCheckpoint(const std::string &path, TensorStore &store,
                      const TrainerState &state, const std::string &config) {
  Expected<AtomicFolder> folder = AtomicFolder::create(path);
  if (!folder)
    return folder.status();
  const std::string &work = folder->workPath();
  LNS_RETURN_IF_ERROR(writeSections(work + modelFile, store, modelSections));
  LNS_RETURN_IF_ERROR(
      writeSections(work + optimizerFile, store, optimizerSections));
  nlohmann::ordered_json json = {{"format", 1},
                                 {"step", state.step},
                                 {"seed", state.seed},
                                 {"batch", state.batch},
                                 {"sequence", state.sequence},
                                 {"elapsed_seconds", state.elapsedSeconds}};
  LNS_RETURN_IF_ERROR(writeText(work + stateFile, json.dump(2) + "\n"));
  if (!config.empty())
    LNS_RETURN_IF_ERROR(writeText(work + "/config.json", config));
  return folder->commit();
}

Status saveTensors(const std::string &path, TensorStore &store, TensorKind kind,
                   const std::vector<ExtraTensor> &extras) {
  return writeSections(path, store, {{kind, ""}}, extras);
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

static Expected<TrainerState> readState(const std::string &path) {
  Expected<std::string> text = readTextFile(path, 1 << 20);
  if (!text)
    return text.status();
  nlohmann::json json = nlohmann::json::parse(*text, nullptr, false);
  Status damaged = Status::failure(fmt::format(
      "{}: not the state of a training run; delete this checkpoint", path));
  if (!json.is_object())
    return damaged;
  TrainerState state;
  for (auto [key, value] :
       {std::pair{"step", &state.step}, std::pair{"seed", &state.seed},
        std::pair{"batch", &state.batch},
        std::pair{"sequence", &state.sequence}}) {
    if (!json.contains(key) || !json[key].is_number_unsigned())
      return damaged;
    *value = json[key].get<uint64_t>();
  }
  if (!json.contains("elapsed_seconds") || !json["elapsed_seconds"].is_number())
    return damaged;
  state.elapsedSeconds = json["elapsed_seconds"].get<double>();
  return state;
}

Expected<TrainerState> loadCheckpoint(const std::string &path,
                                      TensorStore &store) {
  Expected<TrainerState> state = readState(path + stateFile);
  if (!state)
    return state.status();
  Expected<WeightFiles> model = WeightFiles::openFile(path + modelFile);
  if (!model)
    return model.status();
  Expected<WeightFiles> optimizer = WeightFiles::openFile(path + optimizerFile);
  if (!optimizer)
    return optimizer.status();
  LNS_RETURN_IF_ERROR(checkSections(*model, store, modelSections));
  LNS_RETURN_IF_ERROR(checkSections(*optimizer, store, optimizerSections));
  LNS_RETURN_IF_ERROR(readSections(*model, store, modelSections));
  LNS_RETURN_IF_ERROR(readSections(*optimizer, store, optimizerSections));
  return state;
}

//===----------------------------------------------------------------------===//
// Run folders
//===----------------------------------------------------------------------===//

std::string checkpointPath(const std::string &runFolder, uint64_t step) {
  return fmt::format("{}/step-{:06}", runFolder, step);
}

std::optional<std::string> latestCheckpoint(const std::string &runFolder) {
  constexpr std::string_view prefix = "step-";
  std::optional<std::string> best;
  uint64_t bestStep = 0;
  std::error_code error;
  fs::directory_iterator it(runFolder, error), end;
  for (; !error && it != end; it.increment(error)) {
    std::string name = it->path().filename().string();
    if (!name.starts_with(prefix))
      continue;
    uint64_t step = 0;
    const char *last = name.data() + name.size();
    auto [stop, code] =
        std::from_chars(name.data() + prefix.size(), last, step);
    if (code != std::errc() || stop != last)
      continue;
    if (!best || step > bestStep) {
      best = it->path().string();
      bestStep = step;
    }
  }
  return best;
}

} // namespace lns::tool
