//===- Files.h - Parameters, tokens and results in files --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_INTERPRET_FILES_H
#define LNS_TOOLS_LNS_INTERPRET_FILES_H

#include "tools/interpret/EntryPoint.h"
#include "tools/lns/base/status.h"

namespace lns::interpret {

/// Reads the value of every parameter from a safetensors file, a checkpoint or
/// a run folder. A tensor that is missing, misshapen or unknown is an error.
tool::Status loadParameterFile(const std::string &path,
                               Environment &environment);

/// Reads the first `count` tokens of a shard and, shifted by one, their
/// targets.
tool::Status loadTokenFile(const std::string &path, int64_t count,
                           InputOptions &options);

/// Reads the first `count` numbers of a shard as starts of documents.
tool::Status loadStartsFile(const std::string &path, int64_t count,
                            InputOptions &options);

/// Writes, as f32, the gradients that a run stored under the parameters' names,
/// the results under `resultNames`, and for every parameter that the run
/// changed `parameter.NAME`, `exp_avg.NAME` and `exp_avg_sq.NAME`.
tool::Status writeResults(const std::string &path, const Environment &state,
                          llvm::ArrayRef<TensorRef> results,
                          llvm::ArrayRef<std::string> resultNames);

} // namespace lns::interpret

#endif // LNS_TOOLS_LNS_INTERPRET_FILES_H
