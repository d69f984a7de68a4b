//===- PlanRun.h - What a plan computes -------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_FUZZ_PLANRUN_H
#define LNS_TEST_FUZZ_PLANRUN_H

#include "runtime/lnsrt.hpp"
#include "tools/interpret/Interpreter.h"

#include <map>
#include <vector>

namespace lns::fuzz {

/// Results by the names of Reference.h's Expectations.
using Results = std::map<std::string, std::vector<float>>;

/// A plan with a session of it.
class PlanRun {
public:
  /// Opens the plan's file. The error, or "".
  std::string open(const std::string &path, bool cuda);

  /// A session with zero moments. The error, or "".
  std::string begin(unsigned threads);

  /// Parameters as lnsrt_init makes them; but matrices of one number other than
  /// zero stay as they are, as behind a LayerNorm such a matrix gives sums that
  /// are zero but for rounding, and nothing else can be compared.
  std::string initialize(interpret::Environment &environment, uint64_t seed);

  std::string write(const interpret::Environment &environment);

  /// Logits, loss of `eval`, gradients, and "loss of grads"; of a plan that
  /// decodes, the same logits token by token, "decoded".
  std::string compute(const std::vector<int32_t> &tokens,
                      const std::vector<int32_t> &targets, Results &results);

  /// One step from what is there. Gives gradients as compute does, and under
  /// "p ", "m " and "v " parameters and moments; "loss" and "norm".
  std::string step(const std::vector<int32_t> &tokens,
                   const std::vector<int32_t> &targets,
                   const lnsrt::OptimizerOptions &options, Results &results);

  const lnsrt::Plan &getPlan() const { return *plan; }

private:
  std::string decode(const std::vector<int32_t> &tokens,
                     std::vector<float> &logits);
  std::string read(lnsrt_tensor_kind kind, const std::string &prefix,
                   Results &results);

  std::optional<lnsrt::Plan> plan;
  std::optional<lnsrt::Session> session;
  bool cuda = false;
};

} // namespace lns::fuzz

#endif // LNS_TEST_FUZZ_PLANRUN_H
