//===- hf_export.h - Checkpoints for Hugging Face ---------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EXCHANGE_HF_EXPORT_H
#define LNS_TOOLS_LNS_EXCHANGE_HF_EXPORT_H

#include "tools/lns/base/status.h"
#include "tools/lns/exchange/source_model.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lns::tool {

struct ExportOptions {
  bool bf16 = false;     ///< matrices and biases; gains are f32 always
  uint64_t maxShard = 0; ///< bytes of tensors in a file; one may be more
};

/// What was written.
struct ExportSummary {
  std::string architecture;
  std::string folded; ///< the scheme, if something was folded
  uint64_t tensors = 0, files = 0, bytes = 0;
  std::vector<std::string> notes;
};

/// Writes the folder `out`: the model in one or several safetensors files, with
/// an index if there are several, config.json and generation_config.json, so
/// that an unmodified class of transformers computes the logits of `source`.
/// The folder appears when all of it is on the disk, and never replaces
/// another.
Expected<ExportSummary> exportModel(const SourceModel &source,
                                    const std::string &out,
                                    const ExportOptions &options);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EXCHANGE_HF_EXPORT_H
