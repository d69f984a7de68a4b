//===- adapter_files.h - Adapters, PEFT's and our own -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_EXCHANGE_ADAPTER_FILES_H
#define LNS_TOOLS_LNS_EXCHANGE_ADAPTER_FILES_H

#include "tools/lns/base/status.h"
#include "tools/lns/checkpoint/model_weights.h"
#include "tools/lns/checkpoint/tensor_store.h"
#include "tools/lns/checkpoint/weight_files.h"

#include <map>
#include <string>
#include <vector>

namespace lns::tool {

/// y = W n + scale B A n, of one module.
struct AdapterModule {
  WeightFiles::Tensor a, b; ///< [rank, in], [out, rank]
  int64_t rank = 0, in = 0, out = 0;
  double scale = 0;
};

/// An open adapter: factors by their modules, as "model.layers.0.mlp.up_proj",
/// and the tensors of modules that are trained whole by their names.
struct AdapterFiles {
  WeightFiles files;
  std::map<std::string, AdapterModule> modules;
  std::map<std::string, WeightFiles::Tensor> saved;

  const std::string &place() const { return files.path(); }
};

/// The folder of an adapter as PEFT saves it: adapter_config.json and
/// adapter_model.safetensors. An error names what is not done here, a tensor
/// that is no factor of a linear, a factor without the other one, and shapes
/// that do not belong together or to the ranks of the config.
Expected<AdapterFiles> openAdapter(const std::string &folder);

/// The adapters that a checkpoint of ours holds, whose identity says so.
Expected<AdapterFiles> ownAdapters(WeightFiles files,
                                   const std::string &identity);

/// Writes the adapter into the store of a plan with adapters: every parameter
/// that is trained. All of it is compared with the plan before: an error lists
/// modules that only one of them has, other shapes and other scales.
Status loadAdapter(const AdapterFiles &adapter, const PlanModel &model,
                   TensorStore &store);

/// Compares as loadAdapter() does, without a store.
Status checkAdapter(const AdapterFiles &adapter, const PlanModel &model,
                    const std::vector<TensorDescription> &tensors);

/// The tensor of the adapter that a parameter of the plan is.
const WeightFiles::Tensor *findIn(const AdapterFiles &adapter,
                                  const std::string &parameter);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_EXCHANGE_ADAPTER_FILES_H
