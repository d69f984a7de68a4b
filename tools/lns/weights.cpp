//===- weights.cpp - Tensors from files into a store ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "weights.h"

#include "checkpoint.h"
#include "file_io.h"

#include <fmt/format.h>
#include <optional>
#include <set>

namespace lns::tool {

static constexpr const char *modelFile = "/model.safetensors";
static const std::vector<Section> parameters = {{TensorKind::Parameter, ""}};

/// Older LLaMA exports carry this table of constants; it is no parameter.
static bool isKnownExtra(const std::string &name) {
  return name.ends_with("rotary_emb.inv_freq");
}

Status checkSections(const SafetensorsFile &file, TensorStore &store,
                     const std::vector<Section> &sections) {
  std::set<std::string> expected;
  for (const Section &section : sections)
    for (const TensorDescription &tensor : store.tensors()) {
      std::string name = section.prefix + tensor.name;
      const SafetensorsEntry *entry = file.find(name);
      if (!entry)
        return Status::failure(fmt::format(
            "{}: tensor '{}' is missing; the file does not belong to this plan",
            file.path(), name));
      if (entry->shape != tensor.shape)
        return Status::failure(fmt::format(
            "{}: tensor '{}' has shape {}, the plan has {}; compile the plan "
            "for this model",
            file.path(), name, formatShape(entry->shape),
            formatShape(tensor.shape)));
      if (entry->dtype != "F32" && entry->dtype != "F64" &&
          entry->dtype != "BF16" && entry->dtype != "F16")
        return Status::failure(fmt::format(
            "{}: tensor '{}' has dtype {}, expected F32, F64, F16 or BF16",
            file.path(), name, entry->dtype));
      expected.insert(std::move(name));
    }
  for (const SafetensorsEntry &entry : file.tensors())
    if (!expected.contains(entry.name) && !isKnownExtra(entry.name))
      return Status::failure(fmt::format(
          "{}: tensor '{}' is unknown to the plan; the file does not belong to "
          "this plan",
          file.path(), entry.name));
  return Status::success();
}

Status readSections(const SafetensorsFile &file, TensorStore &store,
                    const std::vector<Section> &sections) {
  std::vector<float> buffer;
  for (const Section &section : sections)
    for (size_t i = 0; i < store.tensors().size(); ++i) {
      const TensorDescription &tensor = store.tensors()[i];
      buffer.resize(tensor.elements);
      LNS_RETURN_IF_ERROR(
          file.readF32(*file.find(section.prefix + tensor.name), buffer));
      LNS_RETURN_IF_ERROR(store.write(section.kind, i, buffer));
    }
  return Status::success();
}

Status loadParameters(const std::string &path, TensorStore &store) {
  std::string file = path;
  if (isFolder(path)) {
    std::string folder = path;
    if (!pathExists(folder + modelFile)) {
      std::optional<std::string> latest = latestCheckpoint(path);
      if (!latest)
        return Status::failure(fmt::format(
            "{}: holds neither model.safetensors nor a checkpoint step-*",
            path));
      folder = *latest;
    }
    file = folder + modelFile;
  }
  Expected<SafetensorsFile> model = SafetensorsFile::open(file);
  if (!model)
    return model.status();
  LNS_RETURN_IF_ERROR(checkSections(*model, store, parameters));
  return readSections(*model, store, parameters);
}

} // namespace lns::tool
