//===- weight_files.h - The files of a checkpoint ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_WEIGHT_FILES_H
#define LNS_TOOLS_LNS_CHECKPOINT_WEIGHT_FILES_H

#include "tools/lns/base/status.h"
#include "tools/lns/checkpoint/safetensors.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

/// The tensors of one safetensors file, or of several with an index as
/// transformers writes it: {"weight_map": {TENSOR: FILE}}, the files beside it.
class WeightFiles {
public:
  /// `path` is a safetensors file, an index (*.json), a folder with
  /// model.safetensors or model.safetensors.index.json, or a run folder, whose
  /// last checkpoint is taken. Every file is opened, once; an index that leaves
  /// its folder, a file or tensor that is not there, a tensor in two files and
  /// a file that is not what the manifest beside it says are errors.
  static Expected<WeightFiles> open(const std::string &path);
  /// One safetensors file.
  static Expected<WeightFiles> openFile(const std::string &path);

  struct Tensor {
    size_t file = 0;
    const SafetensorsEntry *entry = nullptr;
  };

  /// The file, or the index.
  const std::string &path() const { return name; }
  /// By their names in the files.
  const std::map<std::string, Tensor> &tensors() const { return byName; }
  /// The safetensors files.
  std::vector<std::string> filePaths() const;
  /// From the first file whose metadata has the key.
  std::optional<std::string> metadata(const std::string &key) const;

  /// As SafetensorsFile::readF32.
  Status readF32(const Tensor &tensor, std::span<float> out,
                 uint64_t first = 0) const {
    return files[tensor.file].readF32(*tensor.entry, out, first);
  }

private:
  static Expected<WeightFiles> openIndex(const std::string &path);
  Status add(const std::string &path);

  std::string name;
  std::vector<SafetensorsFile> files;
  std::map<std::string, Tensor> byName;
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_WEIGHT_FILES_H
