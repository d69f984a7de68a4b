//===- lora_merge.h - A model and its adapter as one ------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EXCHANGE_LORA_MERGE_H
#define LNS_TOOLS_LNS_EXCHANGE_LORA_MERGE_H

#include "tools/lns/base/status.h"
#include "tools/lns/exchange/hf_import.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lns::tool {

/// What was written.
struct MergeSummary {
  std::string checkpoint; ///< its path
  uint64_t merged = 0;    ///< weights that an adapter was added to
  uint64_t replaced = 0;  ///< tensors of modules that are whole
  std::vector<std::string> notes;
};

/// Makes the run folder `out` with one checkpoint, at step 0 and with moments
/// of zero, of the checkpoint or run `path` of ours and an adapter: each
/// adapter's weight becomes W + scale B A, summed in f64 and rounded once. The
/// adapter is that of the folder `adapterPath` (adapter_files.h) or, where that
/// is empty, the checkpoint's own. The model is that without adapters.
///
/// An error lists modules of the adapter that the model has not, and other
/// shapes; numbers that are not finite are one, too. The folder appears when
/// all of it is on the disk.
Expected<MergeSummary> mergeAdapter(const std::string &path,
                                    const std::string &adapterPath,
                                    const std::string &out);

/// Makes the same of files of a base, as importModel() takes them, and an
/// adapter for a plan with adapters: nothing is merged, and both go into the
/// checkpoint.
Expected<ImportSummary> importAdapter(const std::string &basePath,
                                      const std::string &adapterPath,
                                      const std::string &out,
                                      const CheckpointModel &model,
                                      uint64_t seed, bool force);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EXCHANGE_LORA_MERGE_H
