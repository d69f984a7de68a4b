//===- tracer.cpp - The stream of a model, batch by batch -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/diagnose/tracer.h"

#include "tools/lns/base/interrupt.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace lns::tool {

uint64_t TraceLayout::values() const {
  return std::accumulate(branches.begin(), branches.end(),
                         uint64_t{branches.size()} + 1);
}

uint32_t TraceLayout::commonBranches() const {
  return std::adjacent_find(branches.begin(), branches.end(),
                            std::not_equal_to<>()) == branches.end()
             ? branches.front()
             : 0;
}

Expected<TraceLayout> readTraceLayout(const PlanFile &plan) {
  lnsrt_trace_info info = {};
  info.struct_size = sizeof info;
  LNS_RETURN_IF_ERROR(takeError(lnsrt_plan_get_trace(plan.get(), &info)));
  TraceLayout layout;
  layout.width = info.width;
  layout.branches.assign(info.branches, info.branches + plan.info().layers);
  if (layout.branches.empty())
    return Status::failure(plan.path() +
                           ": the model has no blocks to look at");
  return layout;
}

uint64_t Subject::rowsIn(uint64_t batch) const {
  uint64_t size = plan.info().batch;
  return std::min(size, rows.rows - batch * size);
}

Status traceBatch(const Subject &subject, uint64_t batch, Trace &trace) {
  LNS_RETURN_IF_ERROR(stopIfInterrupted());
  uint32_t size = subject.plan.info().batch;
  std::vector<int32_t> tokens(subject.plan.batchTokens());
  std::vector<int32_t> targets(tokens.size());
  subject.rows.fill(batch * size, subject.rowsIn(batch), size, tokens.data(),
                    targets.data());
  return takeError(
      lnsrt_trace(subject.session.get(), tokens.data(), trace.buffer()));
}

Expected<double> measureLoss(const Subject &subject) {
  uint32_t size = subject.plan.info().batch;
  std::vector<int32_t> tokens(subject.plan.batchTokens());
  std::vector<int32_t> targets(tokens.size());
  double sum = 0;
  for (uint64_t batch = 0; batch < subject.batches(); ++batch) {
    LNS_RETURN_IF_ERROR(stopIfInterrupted());
    uint64_t count = subject.rowsIn(batch);
    subject.rows.fill(batch * size, count, size, tokens.data(), targets.data());
    float loss = 0;
    LNS_RETURN_IF_ERROR(takeError(lnsrt_eval(
        subject.session.get(), tokens.data(), targets.data(), &loss)));
    sum += static_cast<double>(loss) * static_cast<double>(count);
  }
  return sum / static_cast<double>(subject.rows.rows);
}

} // namespace lns::tool
