//===- session.h - A plan at work --------------------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_SESSION_SESSION_H
#define LNS_RUNTIME_SESSION_SESSION_H

#include "runtime/plan/kernel_abi.h"
#include "runtime/plan/session_device.h"
#include "runtime/session/schedules.h"

#include <array>
#include <vector>

struct lnsrt_session {
  lnsrt_plan *plan = nullptr;
  std::unique_ptr<lns::SessionDevice> device;
  std::vector<lnsrt_profile_row> rows;
  std::string json; ///< lnsrt_session_get_json's last answer

  lns::Error create(lnsrt_plan *plan, const lnsrt_session_options &options);

  // A batch's `struct_size` is not looked at.
  lns::Error trainStep(const lnsrt_batch &batch,
                       const lnsrt_optimizer_options &options,
                       lnsrt_step_result &result);
  lns::Error init(uint64_t seed);
  /// Null where nobody asks how many parameters became others.
  lns::Error project(size_t *changed);
  void setStepsDone(uint64_t steps);
  lns::Error grads(const lnsrt_batch &batch, float &loss);
  lns::Error apply(const lnsrt_optimizer_options &options, float &norm);
  lns::Error eval(const lnsrt_batch &batch, float &loss);
  lns::Error logits(const lnsrt_batch &batch, float *logits);
  lns::Error trace(const int32_t *tokens, float *values);
  lns::Error decode(const int32_t *tokens, const int32_t *positions,
                    float *logits);
  lns::Error profileStep(uint64_t seed);
  lns::Error runMatmuls(double &seconds);
  /// 0 for a tensor that does not exist.
  uint64_t tensorElements(size_t index) const;
  /// `elements` must be the tensor's.
  lns::Error readWhole(lnsrt_tensor_kind kind, size_t index, uint64_t elements,
                       float *to) const;
  lns::Error readPart(lnsrt_tensor_kind kind, size_t index, uint64_t first,
                      uint64_t count, float *to) const;
  lns::Error write(lnsrt_tensor_kind kind, size_t index, uint64_t elements,
                   const float *from);

private:
  /// Where tensors of this kind are, and the parameter; `elements` must be its.
  lns::Error find(lnsrt_tensor_kind kind, size_t index, uint64_t elements,
                  lns::plan::Segment &segment,
                  const lns::plan::Parameter *&parameter) const;
  lns::Error require(lns::Entry which) const;
  lns::Error mix(const lns::plan::Parameter &parameter, uint64_t &number) const;
  using OptimizerValues = std::array<float, LNS_OPT_SLOTS>;
  lns::Error optimizerValues(const lnsrt_optimizer_options &options,
                             OptimizerValues &values) const;
  /// Tokens and starts.
  lns::Error checkTokens(const lnsrt_batch &batch) const;
  /// And targets of which some may be ignored, but not all.
  lns::Error checkBatch(const lnsrt_batch &batch) const;
  lns::Error checkDecoded(const int32_t *tokens,
                          const int32_t *positions) const;
  /// Rows hold nothing then. Before whatever may change parameters.
  void forgetDecoded();
  /// B, or the size of its parts.
  uint32_t partSize() const;

  bool hasPadding = false; ///< of any parameter
  lns::Schedules schedules;
  uint64_t stepsDone = 0; ///< by the optimizer
  // Of each row, in plans that decode.
  std::vector<uint32_t> decoded;     ///< positions whose tokens are kept
  std::vector<int32_t> decodeStarts; ///< of the call at hand
};

#endif // LNS_RUNTIME_SESSION_SESSION_H
