//===- RopeConfig.cpp - Rotary position embedding of a config ---*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/DecoderConfig.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace lns;

SmallVector<double> lns::getPlainFrequencies(double base, int64_t headDim) {
  SmallVector<double> frequencies;
  for (int64_t j = 0; j < headDim / 2; ++j)
    frequencies.push_back(std::pow(base, -2.0 * j / headDim));
  return frequencies;
}

namespace {

/// `factor`, at least 1; 1 after an error.
double readFactor(JsonSection &section) {
  std::optional<double> factor = section.getNumber("factor");
  if (factor && *factor >= 1)
    return *factor;
  if (!section.has("factor"))
    section.missing("factor") << "; add it, a number that is at least 1";
  else if (factor)
    section.mismatch("factor") << "must be at least 1";
  return 1;
}

/// Position interpolation (arXiv 2306.15595): all positions divided by
/// `factor`.
void scaleLinearly(JsonSection &section, SmallVectorImpl<double> &frequencies) {
  double factor = readFactor(section);
  for (double &frequency : frequencies)
    frequency /= factor;
}

/// LLaMA 3.1: waves longer than the original context are stretched by `factor`,
/// short ones are left alone, and those between go from one to the other
/// linearly in the number of turns that fit into the context.
void scaleAsLlama3(JsonSection &section, SmallVectorImpl<double> &frequencies) {
  double factor = readFactor(section);
  auto read = [&](StringRef key) {
    std::optional<double> number = section.getNumber(key);
    if (number && *number > 0)
      return *number;
    if (!section.has(key))
      section.missing(key) << "; rope_type \"llama3\" needs it";
    else if (number)
      section.mismatch(key) << "must be greater than 0";
    return 0.0;
  };
  double low = read("low_freq_factor"), high = read("high_freq_factor");
  double context = static_cast<double>(
      section.requireInteger("original_max_position_embeddings", 1)
          .value_or(0));
  if (!low || !high || !context)
    return;
  if (low >= high) {
    section.mismatch("low_freq_factor")
        << "must be less than high_freq_factor, which is "
        << section.quote("high_freq_factor");
    return;
  }
  for (double &frequency : frequencies) {
    double turns = context * frequency / (2 * std::numbers::pi);
    if (turns < low)
      frequency /= factor;
    else if (turns <= high) {
      double smooth = (turns - low) / (high - low);
      frequency = (1 - smooth) * frequency / factor + smooth * frequency;
    }
  }
}

/// The newer object, and the older one. Not both.
struct RopeSections {
  explicit RopeSections(JsonSection &root)
      : parameters(root.getSection("rope_parameters")),
        scaling(root.getSection("rope_scaling")) {
    if (parameters && scaling)
      root.mismatch("rope_scaling")
          << "rope_parameters is there too, its newer spelling; remove one of "
             "them";
  }

  JsonSection parameters, scaling;
};

/// What `section` says, which stands at `sectionKey`; `outerKey` is the older
/// place of its base.
RopeConfig readSection(JsonSection &root, JsonSection &section,
                       StringRef sectionKey, StringRef outerKey,
                       int64_t headDim, double base) {
  RopeConfig rope;
  // The base stands in the newer object, in the older files on the top level,
  // and in files of a time between in both places.
  std::optional<double> outer = root.getNumber(outerKey);
  std::optional<double> inner = section.getNumber("rope_theta");
  if (outer && inner && *outer != *inner)
    root.mismatch(outerKey)
        << section.getPath("rope_theta") << " is "
        << section.quote("rope_theta") << "; make them agree, or remove one";
  rope.key = (inner || section ? sectionKey : outerKey).str();
  rope.base = inner ? *inner : outer.value_or(base);
  // Below 1 the frequencies grow from pair to pair, at last beyond all numbers.
  if (rope.base < 1) {
    if (inner)
      section.mismatch("rope_theta") << "must be at least 1";
    else
      root.mismatch(outerKey) << "must be at least 1";
    return rope;
  }

  std::optional<StringRef> type = section.getString("rope_type");
  std::optional<StringRef> oldType = section.getString("type");
  if (type && oldType && *type != *oldType)
    section.mismatch("type")
        << "rope_type is \"" << *type << "\"; remove the older spelling 'type'";
  StringRef typeKey = type ? "rope_type" : "type";
  if (!type)
    type = oldType;
  if (section && sectionKey == "rope_scaling" && !type &&
      !section.has("rope_type") && !section.has("type"))
    section.missing("rope_type")
        << "; add it, \"default\", \"linear\" or \"llama3\"";
  std::optional<double> rotary = section.getNumber("partial_rotary_factor");
  if (rotary && *rotary != 1)
    section.mismatch("partial_rotary_factor")
        << "only RoPE over whole heads is supported; it must be 1";
  if (type && *type != "default") {
    SmallVector<double> frequencies = getPlainFrequencies(rope.base, headDim);
    if (*type == "linear")
      scaleLinearly(section, frequencies);
    else if (*type == "llama3")
      scaleAsLlama3(section, frequencies);
    else {
      // Its other keys are its own: errors about them would only confuse.
      section.mismatch(typeKey)
          << "only \"default\", \"linear\" and \"llama3\" are supported";
      return rope;
    }
    rope.frequencies = std::move(frequencies);
  }
  // Known only to the types that use them: elsewhere they would be without
  // effect, and whoever wrote them expects one.
  section.rejectUnknownKeys();
  return rope;
}

} // namespace

RopeConfig lns::readRopeConfig(JsonSection &root, int64_t headDim,
                               double base) {
  RopeSections sections(root);
  bool isNew = static_cast<bool>(sections.parameters);
  return readSection(root, isNew ? sections.parameters : sections.scaling,
                     isNew ? "rope_parameters" : "rope_scaling", "rope_theta",
                     headDim, base);
}

RopeConfig lns::readRopeConfigs(JsonSection &root, int64_t headDim, double base,
                                double localBase, RopeConfig &local) {
  RopeSections sections(root);
  JsonSection &parameters = sections.parameters;
  JsonSection full = parameters.getSection("full_attention");
  JsonSection sliding = parameters.getSection("sliding_attention");
  bool isNew = static_cast<bool>(parameters);
  RopeConfig rope = readSection(root, isNew ? full : sections.scaling,
                                isNew ? "rope_parameters" : "rope_scaling",
                                "rope_theta", headDim, base);
  local = readSection(root, sliding, "rope_parameters", "rope_local_base_freq",
                      headDim, localBase);
  parameters.rejectUnknownKeys();
  return rope;
}
