//===- weights.h - Tensors from files into a store --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_WEIGHTS_H
#define LNS_TOOLS_LNS_WEIGHTS_H

#include "safetensors.h"
#include "status.h"
#include "tensor_store.h"

#include <string>
#include <vector>

namespace lns::tool {

/// One kind of tensor as it appears in a file: its names get a prefix.
struct Section {
  TensorKind kind;
  const char *prefix;
};

/// Compares the whole file with the store: every name, shape and type.
Status checkSections(const SafetensorsFile &file, TensorStore &store,
                     const std::vector<Section> &sections);

/// Writes the tensors of a file that checkSections() has accepted.
Status readSections(const SafetensorsFile &file, TensorStore &store,
                    const std::vector<Section> &sections);

/// Reads the parameters only. `path` is a safetensors file, a checkpoint
/// folder, or a run folder, whose last checkpoint is taken.
Status loadParameters(const std::string &path, TensorStore &store);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_WEIGHTS_H
