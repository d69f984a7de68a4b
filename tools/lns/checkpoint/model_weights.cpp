//===- model_weights.cpp - Parameters of the plan's own model -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/model_weights.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/json_text.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/config_defaults.h"
#include "tools/lns/checkpoint/config_difference.h"
#include "tools/lns/checkpoint/families.h"
#include "tools/lns/checkpoint/manifest.h"
#include "tools/lns/checkpoint/model_identity.h"
#include "tools/lns/checkpoint/tensor_names.h"
#include "tools/lns/checkpoint/weights.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace lns::tool {

static constexpr uint64_t maxTextBytes = 1 << 24;

//===----------------------------------------------------------------------===//
// Origin
//===----------------------------------------------------------------------===//

/// A text beside the files, checked against their manifest; empty if there is
/// none.
static Expected<std::string> readBeside(const std::string &folder,
                                        const char *name) {
  std::string path = folder + "/" + name;
  if (!pathExists(path))
    return std::string();
  LNS_RETURN_IF_ERROR(verifyWithManifest(path));
  return readTextFile(path, maxTextBytes);
}

/// The mark of config.json and that of the files.
static Expected<std::optional<FoldMark>> findMark(const WeightFiles &files,
                                                  const std::string &config,
                                                  const std::string &place) {
  Expected<std::optional<FoldMark>> inFiles =
      readMetadataMark(files.metadata(markKey), files.path());
  if (!inFiles || config.empty())
    return inFiles;
  nlohmann::json json = parseJson(config);
  if (!json.is_object())
    return Status::failure(
        fmt::format("{}: not a JSON object; restore it, or give the path of a "
                    "safetensors file",
                    place));
  Expected<std::optional<FoldMark>> mark = readMark(json, place);
  if (!mark || !*inFiles || *mark == *inFiles)
    return mark;
  auto describe = [](const std::optional<FoldMark> &side) {
    return side ? fmt::format("says that '{}' is folded",
                              printable(side->norm, 80))
                : std::string("says nothing of it");
  };
  return Status::failure(fmt::format(
      "{}: '{}' {}, but the metadata of {} {}; restore config.json as it was "
      "exported",
      place, markKey, describe(*mark), files.path(), describe(*inFiles)));
}

Expected<WeightsOrigin> findOrigin(const WeightFiles &files, bool isInFolder) {
  WeightsOrigin origin;
  std::string folder =
      std::filesystem::path(files.path()).parent_path().string();
  if (folder.empty())
    folder = ".";
  if (isInFolder) {
    Expected<std::string> config = readBeside(folder, "config.json");
    if (!config)
      return config.status();
    origin.config = std::move(*config);
    Expected<std::string> state = readBeside(folder, "trainer_state.json");
    if (!state)
      return state.status();
    if (!state->empty())
      origin.state = parseJson(*state);
  }
  Expected<std::optional<FoldMark>> mark =
      findMark(files, origin.config, folder + "/config.json");
  if (!mark)
    return mark.status();
  origin.mark = std::move(*mark);
  if (std::optional<std::string> text = files.metadata(identityKey)) {
    origin.identity = std::move(*text);
    if (origin.mark)
      return Status::failure(fmt::format(
          "{}: is a checkpoint of lns, whose gains are its own, and '{}' says "
          "that '{}' is folded; restore config.json as it was written",
          files.path(), markKey, printable(origin.mark->norm, 80)));
  } else if (isInFolder) {
    // One of ours: without an identity it is older than these, and then its
    // config.json is that of the plain model, whatever its norms were.
    if (origin.state.is_null())
      origin.identity = identityOfConfig(origin.config);
    else if (origin.state.is_object() && origin.state.contains("identity") &&
             origin.state["identity"].is_string())
      origin.identity = origin.state["identity"].get<std::string>();
  } else if (origin.mark) {
    origin.identity = identityOfMark(*origin.mark);
  }
  return origin;
}

std::optional<uint64_t> WeightsOrigin::getStepsDone() const {
  using Steps = std::optional<uint64_t>;
  auto read = [&](const char *key) -> Steps {
    auto it = state.is_object() ? state.find(key) : state.end();
    return state.is_object() && it != state.end() && it->is_number_unsigned()
               ? Steps(it->get<uint64_t>())
               : Steps();
  };
  Steps steps = read("step"), skipped = read("skipped_steps");
  if (!steps || skipped.value_or(0) > *steps)
    return Steps();
  return *steps - skipped.value_or(0);
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

/// What neither shapes nor facts tell; a checkpoint of ours says all. Gives the
/// note of what `force` has let pass.
static Expected<std::string> checkConfig(const std::string &config,
                                         const WeightsOrigin &origin,
                                         const std::string &place, bool force) {
  if (origin.identity.find("\ngraph:\n") != origin.identity.npos)
    return std::string();
  std::vector<std::string> differences =
      describeConfigDifferences(config, origin.config);
  if (differences.empty())
    return std::string();
  std::string text = fmt::format(
      "{}: the config.json beside it is of another model than the plan: {}",
      place, fmt::join(differences, "; "));
  if (force)
    return text + "; taken because of --force";
  return Status::failure(text + "; compile that config.json, or give --force "
                                "to take the parameters as they are");
}

/// Gains of 1 + w look like any others.
static Status checkGainOffset(const std::string &config,
                              std::string_view identity,
                              const std::string &place) {
  const FamilyInfo *family = familyOf(parseJson(config));
  bool inPlan = findFact(identity, "offset") == "1";
  if (!family || identity.empty() || family->hasGainOffset == inPlan)
    return Status::success();
  return Status::failure(fmt::format(
      "{}: a file of model_type {} has gains as {}, the plan as {}; compile "
      "the config.json beside it, or give --force to take the parameters as "
      "they "
      "are",
      place, family->modelType, inPlan ? "g" : "w of 1 + w",
      inPlan ? "w of 1 + w" : "g"));
}

static bool hasAdapters(const WeightFiles &files) {
  return std::any_of(
      files.tensors().begin(), files.tensors().end(),
      [](const auto &tensor) { return isAdapterName(tensor.first); });
}

Expected<ModelWeights>
ModelWeights::open(const std::string &path, const PlanModel &model, bool force,
                   const std::vector<TensorDescription> &tensors,
                   std::vector<std::string> &notes, bool mayBeBase) {
  Expected<WeightFiles> files = WeightFiles::open(path);
  if (!files)
    return files.status();
  ModelWeights weights;
  weights.opened = std::move(*files);
  const std::string &place = weights.opened.path();
  Expected<WeightsOrigin> origin =
      findOrigin(weights.opened, isFolder(path) || path.ends_with(".json"));
  if (!origin)
    return origin.status();
  std::optional<std::string> without = identityOfBase(model.identity);
  weights.base = mayBeBase && without && !hasAdapters(weights.opened);
  const std::string &identity = weights.base ? *without : model.identity;
  Expected<std::string> note =
      checkIdentity(identity, origin->identity, place, force);
  if (!note)
    return note.status();
  if (!note->empty())
    notes.push_back(*note);
  Expected<std::string> other =
      checkConfig(model.config, *origin, place, force);
  if (!other)
    return other.status();
  if (!other->empty())
    notes.push_back(*other);
  if (!force)
    LNS_RETURN_IF_ERROR(checkGainOffset(origin->config, model.identity, place));
  LNS_RETURN_IF_ERROR(weights.match(tensors, notes));
  weights.stepsDone = origin->getStepsDone();
  if (!origin->mark || !origin->mark->unfolds())
    return weights;
  ScaledNorms norms(without ? *without : model.identity);
  if (norms.isBare())
    return Status::failure(fmt::format(
        "{}: its gains hold the scales of the scheme 'lns', and norms of the "
        "plan have none that could take them out; compile the config.json that "
        "it was exported with",
        place));
  // With --force a plan without the scales gets the folded gains, which compute
  // the same in it.
  if (norms.templates().empty())
    return weights;
  for (const TensorDescription &tensor : tensors)
    weights.blocks.push_back(norms.block(tensor.name));
  return weights;
}

/// Finds the parameters in the files: all of them, or in those of a base all
/// but the adapters'.
Status ModelWeights::match(const std::vector<TensorDescription> &tensors,
                           std::vector<std::string> &notes) {
  std::vector<TensorDescription> asked;
  size_t adapters = 0;
  for (const TensorDescription &tensor : tensors) {
    present.push_back(!base || !isAdapterName(tensor.name));
    if (present.back())
      asked.push_back(tensor);
    else
      ++adapters;
  }
  Expected<std::vector<TensorView>> found =
      matchParameters(opened, asked, notes);
  if (!found)
    return found.status();
  matched.resize(tensors.size());
  for (size_t i = 0, next = 0; i < tensors.size(); ++i)
    if (present[i])
      matched[i] = (*found)[next++];
  if (base)
    notes.push_back(fmt::format("{}: has no adapters: the {} tensors of the "
                                "plan's keep the values that they have",
                                opened.path(), adapters));
  return Status::success();
}

Status ModelWeights::read(size_t index, uint64_t first,
                          std::span<float> out) const {
  LNS_RETURN_IF_ERROR(readView(opened, matched[index], out, first));
  if (!blocks.empty() && blocks[index])
    for (float &gain : out)
      gain = unfoldGain(gain, *blocks[index]);
  return Status::success();
}

Status loadModelWeights(const std::string &path, const PlanModel &model,
                        bool force, TensorStore &store,
                        std::vector<std::string> &notes,
                        std::optional<uint64_t> &stepsDone, bool mayBeBase) {
  Expected<ModelWeights> weights =
      ModelWeights::open(path, model, force, store.tensors(), notes, mayBeBase);
  if (!weights)
    return weights.status();
  stepsDone = weights->getStepsDone();
  std::vector<float> buffer;
  for (size_t i = 0; i < store.tensors().size(); ++i) {
    if (!weights->has(i))
      continue;
    buffer.resize(store.tensors()[i].elements);
    LNS_RETURN_IF_ERROR(weights->read(i, 0, buffer));
    LNS_RETURN_IF_ERROR(store.write(TensorKind::Parameter, i, buffer));
  }
  return Status::success();
}

} // namespace lns::tool
