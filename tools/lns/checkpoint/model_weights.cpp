//===- model_weights.cpp - Parameters of the plan's own model -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/model_weights.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/json_text.h"
#include "tools/lns/checkpoint/model_identity.h"
#include "tools/lns/checkpoint/weights.h"

#include <filesystem>

namespace lns::tool {

static constexpr uint64_t maxTextBytes = 1 << 24;

/// What the checkpoint that the files belong to says of its model; empty if it
/// says nothing.
static Expected<std::string> findIdentity(const WeightFiles &files,
                                          bool isInFolder) {
  if (std::optional<std::string> text = files.metadata(identityKey))
    return *text;
  if (!isInFolder)
    return std::string();
  std::string folder =
      std::filesystem::path(files.path()).parent_path().string();
  std::string state = folder + "/trainer_state.json";
  if (pathExists(state)) {
    // One of ours: without an identity it is older than these, and then its
    // config.json is that of the plain model, whatever its norms were.
    Expected<std::string> text = readTextFile(state, maxTextBytes);
    if (!text)
      return text.status();
    nlohmann::json json = parseJson(*text);
    auto it = json.is_object() ? json.find("identity") : json.end();
    return json.is_object() && it != json.end() && it->is_string()
               ? it->get<std::string>()
               : std::string();
  }
  if (!pathExists(folder + "/config.json"))
    return std::string();
  Expected<std::string> config =
      readTextFile(folder + "/config.json", maxTextBytes);
  if (!config)
    return config.status();
  return identityOfConfig(*config);
}

/// Of the checkpoint that the files belong to; nothing if it does not say.
static Expected<std::optional<uint64_t>>
findStepsDone(const WeightFiles &files) {
  using Steps = std::optional<uint64_t>;
  std::string state =
      std::filesystem::path(files.path()).parent_path().string() +
      "/trainer_state.json";
  if (!pathExists(state))
    return Steps();
  Expected<std::string> text = readTextFile(state, maxTextBytes);
  if (!text)
    return text.status();
  nlohmann::json json = parseJson(*text);
  auto read = [&](const char *key) -> Steps {
    auto it = json.is_object() ? json.find(key) : json.end();
    return json.is_object() && it != json.end() && it->is_number_unsigned()
               ? Steps(it->get<uint64_t>())
               : Steps();
  };
  Steps steps = read("step"), skipped = read("skipped_steps");
  if (!steps || skipped.value_or(0) > *steps)
    return Steps();
  return Steps(*steps - skipped.value_or(0));
}

Status loadModelWeights(const std::string &path, std::string_view identity,
                        bool force, TensorStore &store,
                        std::vector<std::string> &notes,
                        std::optional<uint64_t> &stepsDone) {
  Expected<WeightFiles> files = WeightFiles::open(path);
  if (!files)
    return files.status();
  Expected<std::string> found = findIdentity(*files, isFolder(path));
  if (!found)
    return found.status();
  Expected<std::string> note =
      checkIdentity(identity, *found, files->path(), force);
  if (!note)
    return note.status();
  if (!note->empty())
    notes.push_back(*note);
  stepsDone.reset();
  if (isFolder(path)) {
    Expected<std::optional<uint64_t>> steps = findStepsDone(*files);
    if (!steps)
      return steps.status();
    stepsDone = *steps;
  }
  return loadParameters(*files, store, notes);
}

} // namespace lns::tool
