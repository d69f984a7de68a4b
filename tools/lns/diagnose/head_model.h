//===- head_model.h - What makes logits of the stream -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DIAGNOSE_HEAD_MODEL_H
#define LNS_TOOLS_LNS_DIAGNOSE_HEAD_MODEL_H

#include "tools/lns/diagnose/model_graph.h"
#include "tools/lns/train/plan_session.h"

#include <span>
#include <string>
#include <vector>

namespace lns::tool {

/// What stands behind the last block, in f64: a final norm or none, the head,
/// and factors and caps of logits.
class HeadModel {
public:
  /// Reads its parameters from the session. An error names the op that is none
  /// of these.
  static Expected<HeadModel> read(const ModelGraph &graph, PlanSession &session,
                                  const std::string &plan);

  /// Logits of one row of the stream.
  void compute(const float *x, std::span<double> logits) const;

  size_t width() const { return columns; }
  size_t vocabulary() const { return rows; }

private:
  struct Step {
    enum class Kind { Rms, Layer, Tanh, Columns, Scale, Cap } kind;
    std::vector<double> gain, bias; ///< empty: none
    double scale = 1, eps = 0, alpha = 1;
  };
  void apply(const Step &step, std::span<double> row) const;

  size_t rows = 0, columns = 0;
  std::vector<Step> before;  ///< of the stream
  std::vector<float> weight; ///< [rows, columns]
  std::vector<double> bias;
  double alpha = 1;
  std::vector<Step> behind; ///< of logits
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DIAGNOSE_HEAD_MODEL_H
