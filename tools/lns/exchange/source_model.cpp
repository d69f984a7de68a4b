//===- source_model.cpp - What a checkpoint to be exported is -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/exchange/source_model.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/json_text.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/model_identity.h"
#include "tools/lns/checkpoint/model_weights.h"

#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>

namespace lns::tool {

static const char *ownScheme(NormStand stand) {
  switch (stand) {
  case NormStand::Before:
    return "pre";
  case NormStand::Behind:
    return "reordered";
  case NormStand::Around:
    return "sandwich";
  case NormStand::Inside:
    return "sub-ln";
  }
  return "";
}

namespace {
class SourceReader {
public:
  explicit SourceReader(SourceModel &source) : source(source) {}

  Status readConfig(const std::string &text);
  Status checkIdentity();
  Status refuseScheme() const;
  Status readSizes();

private:
  Status failure(const std::string &text) const {
    return Status::failure(source.place + ": " + text);
  }
  Status readScheme();
  Status readHeadNorm();
  Expected<int64_t> fact(const char *key) const;
  Expected<int64_t> number(const char *key) const;
  Status readNumbers();

  SourceModel &source;
  bool isOwn = false;
};
} // namespace

/// Family and scheme.
Status SourceReader::readConfig(const std::string &text) {
  nlohmann::json &config = source.config;
  config = parseJson(text);
  auto type = config.is_object() ? config.find("model_type") : config.end();
  if (!config.is_object() || type == config.end() || !type->is_string())
    return failure("its config.json names no model_type; restore it");
  std::string name = type->get<std::string>();
  isOwn = name.starts_with(ownPrefix);
  if (isOwn)
    name.erase(0, ownPrefix.size());
  source.family = findFamily(name);
  if (!source.family)
    return failure(fmt::format("nothing is known here of files of model_type "
                               "'{}', so that none is written",
                               printable(name, 80)));
  LNS_RETURN_IF_ERROR(readScheme());
  config["model_type"] = name;
  config["architectures"] = {source.family->architecture};
  config.erase("lnsc");
  const char *key = source.family->keys.activation;
  if (auto act = config.find(key); act != config.end() && act->is_string())
    if (std::string value = act->get<std::string>();
        value.starts_with(ownPrefix))
      *act = value.substr(ownPrefix.size());
  return Status::success();
}

Status SourceReader::readScheme() {
  const nlohmann::json &config = source.config;
  std::string &text = source.schemeText;
  // As the compiler reads it: the first version knew one scheme.
  if (isOwn)
    text = "lns";
  if (auto own = config.find("lnsc"); own != config.end()) {
    if (!isOwn || !own->is_object() || !own->contains("norm") ||
        !(*own)["norm"].is_string())
      return failure("'lnsc' of its config.json names no scheme; restore it");
    text = (*own)["norm"].get<std::string>();
  }
  source.choice = SchemeText(text);
  const std::string &name = source.choice.name;
  source.scheme = findScheme(isOwn ? name : ownScheme(source.family->stand));
  if (!source.scheme)
    return failure(fmt::format("nothing is known here of how to export the "
                               "scheme '{}'",
                               printable(name, 80)));
  for (const auto &[key, value] : source.choice.options)
    if (!findSchemeOption(key))
      return failure(fmt::format("nothing is known here of how to export the "
                                 "option '{}' of the scheme '{}'",
                                 printable(key, 80), name));
  source.embeddingNorm =
      name == "peri" && source.choice.option("embed-norm") != "off";
  return readHeadNorm();
}

Status SourceReader::readHeadNorm() {
  source.headNorm = source.family->headNorm;
  std::optional<std::string> option = source.choice.option("qk-norm");
  if (!option)
    return Status::success();
  if (*option == "off")
    source.headNorm = HeadNorm::None;
  else if (*option == "head" || option->empty())
    source.headNorm = HeadNorm::Head;
  else if (*option == "full")
    source.headNorm = HeadNorm::Full;
  else if (*option == "free")
    source.headNorm = HeadNorm::Free;
  else
    return failure(fmt::format("nothing is known here of how to export "
                               "qk-norm={}",
                               printable(*option, 80)));
  return Status::success();
}

/// Config and identity must be of one model. What the config leaves open, the
/// identity says.
Status SourceReader::checkIdentity() {
  for (const std::string &key : factKeys(source.identity))
    if (key == "changed_in" || key.starts_with("passes_after_"))
      return failure(fmt::format(
          "its model is not that of its config.json any more: {}: {}; no file "
          "of others describes it",
          printable(key, 80),
          printable(findFact(source.identity, key).value_or(""), 80)));
  std::string facts = identityOfConfig(source.config.dump());
  if (isOwn && !facts.empty()) {
    // Of our own schemes where norms stand, and of which kinds they are, is
    // known from the table.
    for (const char *key :
         {"\nnorm: ", "\ninner_norms: ", "\nnorm_kind: ", "\nresidual_scale: "})
      if (size_t begin = facts.find(key); begin != facts.npos)
        facts.erase(begin, facts.find('\n', begin + 1) - begin);
  }
  std::vector<std::string> differences = describeDifferences(
      source.identity, facts, "in the checkpoint", "in its config.json");
  std::string norm = findFact(source.identity, "norm").value_or("none");
  if (norm != source.scheme->fact)
    differences.push_back(fmt::format("norm: {} in the checkpoint, {} in its "
                                      "config.json",
                                      printable(norm, 80),
                                      source.scheme->fact));
  if (differences.empty())
    return Status::success();
  return failure(fmt::format(
      "config.json is of another model than the checkpoint: {}; restore it as "
      "the run wrote it",
      fmt::join(differences, "; ")));
}

/// A scheme and options that no class computes.
Status SourceReader::refuseScheme() const {
  const char *why = source.scheme->refusal;
  for (const auto &[key, value] : source.choice.options)
    if (const char *own = findSchemeOption(key)->refusal;
        !why && own && value != "off")
      why = own;
  if (!why)
    return Status::success();
  return failure(fmt::format("the scheme '{}' cannot be exported: {}",
                             printable(source.schemeText), why));
}

/// A whole number of the identity.
Expected<int64_t> SourceReader::fact(const char *key) const {
  std::string text = findFact(source.identity, key).value_or("");
  int64_t value = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  if (error != std::errc() || end != text.data() + text.size() || value < 1 ||
      value > most)
    return failure(fmt::format(
        "its identity has '{}' as '{}', and a model that can be exported has "
        "one number there",
        key, printable(text, 80)));
  return value;
}

Expected<int64_t> SourceReader::number(const char *key) const {
  auto it = source.config.find(key);
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  if (it == source.config.end() || !it->is_number_integer() ||
      it->get<int64_t>() < 1 || it->get<int64_t>() > most)
    return failure(fmt::format("'{}' of its config.json is no number from 1 to "
                               "{}; restore it",
                               key, most));
  return it->get<int64_t>();
}

/// The sizes that config.json has.
Status SourceReader::readNumbers() {
  const FamilyInfo &family = *source.family;
  auto read = [&](const char *key, int64_t &value) {
    Expected<int64_t> found = number(key);
    if (found)
      value = *found;
    return found.status();
  };
  auto keyOf = [&](const char *ConfigKeys::*key) {
    return keyIn(source.config, family, key);
  };
  LNS_RETURN_IF_ERROR(read(keyOf(&ConfigKeys::hidden), source.hidden));
  LNS_RETURN_IF_ERROR(read("vocab_size", source.vocabulary));
  if (family.hasLearnedPositions)
    LNS_RETURN_IF_ERROR(read(keyOf(&ConfigKeys::positions), source.positions));
  const char *inner = keyOf(&ConfigKeys::intermediate);
  if (family.innerFactor &&
      source.config.value(inner, nlohmann::json()).is_null()) {
    source.intermediate = family.innerFactor * source.hidden;
    return Status::success();
  }
  return read(inner, source.intermediate);
}

Status SourceReader::readSizes() {
  for (auto [key, value] :
       {std::pair{"layers", &source.layers}, std::pair{"heads", &source.heads},
        std::pair{"kv_heads", &source.kvHeads},
        std::pair{"head_dim", &source.headDim}}) {
    Expected<int64_t> found = fact(key);
    if (!found)
      return found.status();
    *value = *found;
  }
  LNS_RETURN_IF_ERROR(readNumbers());
  // A block has nine tensors and more; so what is said of many costs nothing.
  if (static_cast<uint64_t>(source.layers) > source.files.tensors().size())
    return failure(fmt::format("its identity has {} layers, its files {} "
                               "tensors; take another checkpoint",
                               source.layers, source.files.tensors().size()));
  auto real = [&](const std::string &text, double &value) {
    auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size();
  };
  std::string eps = findFact(source.identity, "eps").value_or("");
  if (!real(eps, source.eps))
    return failure(fmt::format("its identity has 'eps' as '{}', and a model "
                               "that can be exported has one number there",
                               printable(eps, 80)));
  if (std::optional<std::string> scales =
          findFact(source.identity, "residual_scale")) {
    constexpr std::string_view begin = "1 of the stream, ",
                               end = " of the branch";
    if (!scales->starts_with(begin) || !scales->ends_with(end) ||
        !real(scales->substr(begin.size(),
                             scales->size() - begin.size() - end.size()),
              source.branch))
      return failure(fmt::format("its identity has 'residual_scale' as '{}', "
                                 "which no class has",
                                 printable(*scales, 120)));
  }
  source.isTied = findFact(source.identity, "tied_head") == "yes";
  auto hasBias = [&](const char *name) {
    return source.has(fmt::format("model.layers.0.{}.bias", name));
  };
  source.queryBias = hasBias("self_attn.q_proj");
  source.outputBias = hasBias("self_attn.o_proj");
  source.mlpBias = hasBias("mlp.up_proj");
  return Status::success();
}

Expected<SourceModel> readSource(const std::string &path,
                                 const std::optional<PlanTexts> &plan) {
  Expected<WeightFiles> files = WeightFiles::open(path);
  if (!files)
    return files.status();
  SourceModel source;
  source.files = std::move(*files);
  source.place = source.files.path();
  Expected<WeightsOrigin> origin =
      findOrigin(source.files, /*isInFolder=*/true);
  if (!origin)
    return origin.status();
  source.identity = origin->identity;
  if (source.identity.find("\ngraph:\n") == source.identity.npos)
    return Status::failure(fmt::format(
        "{}: is no checkpoint of lns, or one of an older version: it does not "
        "say what its model computes; make one of it with 'lns ckpt import-hf'",
        source.place));
  std::string config = origin->config;
  if (plan) {
    std::vector<std::string> differences = describeDifferences(
        plan->identity, source.identity, "here", "in the checkpoint");
    if (!differences.empty())
      return Status::failure(fmt::format(
          "{}: is of another model than {}: {}; give a plan of the same model",
          source.place, plan->path, fmt::join(differences, "; ")));
    config = plan->config;
    if (config.empty())
      return Status::failure(fmt::format(
          "{}: came as .mlir, and has no config.json either; compile one that "
          "is the same model, and give that plan",
          plan->path));
  } else if (config.empty()) {
    return Status::failure(fmt::format(
        "{}: its model came as .mlir, so that no config.json says which class "
        "computes it; compile a config.json that is the same model, and give "
        "that as --plan",
        source.place));
  }
  SourceReader reader(source);
  LNS_RETURN_IF_ERROR(reader.readConfig(config));
  // First, because facts of such a scheme may be none that a config.json of its
  // family can have.
  LNS_RETURN_IF_ERROR(reader.refuseScheme());
  LNS_RETURN_IF_ERROR(reader.checkIdentity());
  LNS_RETURN_IF_ERROR(reader.readSizes());
  return source;
}

} // namespace lns::tool
