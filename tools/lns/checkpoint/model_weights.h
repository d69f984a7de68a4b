//===- model_weights.h - Parameters of the plan's own model -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_MODEL_WEIGHTS_H
#define LNS_TOOLS_LNS_CHECKPOINT_MODEL_WEIGHTS_H

#include "tools/lns/checkpoint/fold_mark.h"
#include "tools/lns/checkpoint/tensor_store.h"
#include "tools/lns/checkpoint/tensor_view.h"
#include "tools/lns/checkpoint/weight_files.h"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

/// What files of parameters say of the model that they are of.
struct WeightsOrigin {
  std::string identity; ///< whole, facts alone, or empty
  std::optional<FoldMark> mark;
  std::string config; ///< config.json beside them; empty without one
  /// trainer_state.json of the checkpoint of ours that they are; else no
  /// object.
  nlohmann::json state;

  /// How many optimizer steps updated the parameters; none where no state says.
  std::optional<uint64_t> getStepsDone() const;
};

/// From the metadata of the tensors' file or, in a folder, from
/// trainer_state.json or a config.json beside it. A mark must stand in both
/// config.json and metadata, or in the one of them that says anything: they may
/// not contradict each other.
Expected<WeightsOrigin> findOrigin(const WeightFiles &files, bool isInFolder);

/// What a plan says of its model.
struct PlanModel {
  std::string identity;
  std::string config; ///< its config.json; empty where it came as .mlir
};

/// Parameters of a plan's model in files, compared with the plan and ready to
/// be read.
class ModelWeights {
public:
  /// Opens `path`, as WeightFiles does, for a plan with these parameters. Fails
  /// if the files are found to be of another model and `force` is not given; a
  /// file that does not say is taken as it is, with a note.
  ///
  /// With `mayBeBase`, files of the model that a plan's adapters are on, which
  /// have none, are taken as well: the adapters' parameters are then not there,
  /// and a note says so.
  static Expected<ModelWeights>
  open(const std::string &path, const PlanModel &model, bool force,
       const std::vector<TensorDescription> &tensors,
       std::vector<std::string> &notes, bool mayBeBase = false);

  /// Whether the files hold the parameter: an adapter's they may not.
  bool has(size_t index) const { return present[index]; }
  /// Whether the files are those of the model without adapters.
  bool isBase() const { return base; }

  /// Elements of one parameter, as many as `out` has, from `first` on; unfolded
  /// where it is a gain that the file has folded.
  Status read(size_t index, uint64_t first, std::span<float> out) const;

  const WeightFiles &files() const { return opened; }
  /// Whether the files hold a parameter as rows that are its columns.
  bool isTransposed(size_t index) const { return matched[index].isTransposed; }
  /// Whether gains are unfolded.
  bool isFolded() const { return !blocks.empty(); }
  /// As WeightsOrigin's.
  std::optional<uint64_t> getStepsDone() const { return stepsDone; }

private:
  Status match(const std::vector<TensorDescription> &tensors,
               std::vector<std::string> &notes);

  WeightFiles opened;
  std::vector<TensorView> matched;
  std::vector<bool> present;
  bool base = false;
  /// By parameter, the block whose depth its gain is divided by in the file;
  /// empty if the file is not folded.
  std::vector<std::optional<uint64_t>> blocks;
  std::optional<uint64_t> stepsDone;
};

/// Opens, and writes all of it into the store. Where it is a checkpoint of ours
/// that is read, `stepsDone` becomes the number of optimizer steps that updated
/// it. With `mayBeBase`, parameters that the files need not hold stay as they
/// are in the store.
Status loadModelWeights(const std::string &path, const PlanModel &model,
                        bool force, TensorStore &store,
                        std::vector<std::string> &notes,
                        std::optional<uint64_t> &stepsDone,
                        bool mayBeBase = false);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_MODEL_WEIGHTS_H
