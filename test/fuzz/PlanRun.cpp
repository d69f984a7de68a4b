//===- PlanRun.cpp - What a plan computes ---------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/PlanRun.h"

#include "test/fuzz/Case.h"

#include "llvm/ADT/STLExtras.h"

using namespace lns;
using namespace lns::fuzz;

static std::string textOf(const lnsrt::Status &status) {
  if (status)
    return "";
  return std::string(status.place()) + ": " + status.message();
}

std::string PlanRun::open(const std::string &path, bool onCuda) {
  cuda = onCuda;
  auto opened = lnsrt::Plan::open(path.c_str());
  if (!opened)
    return textOf(opened.status());
  plan.emplace(std::move(*opened));
  return "";
}

std::string PlanRun::begin(unsigned threads) {
  lnsrt::SessionOptions options;
  options.threads = threads;
  options.device = cuda ? "cuda" : "cpu";
  session.reset();
  auto created = lnsrt::Session::create(*plan, options);
  if (!created)
    return textOf(created.status());
  session.emplace(std::move(*created));
  return "";
}

std::string PlanRun::initialize(interpret::Environment &environment,
                                uint64_t seed) {
  if (lnsrt::Status status = session->init(seed); !status)
    return textOf(status);
  for (size_t i = 0; i < plan->tensorCount(); ++i) {
    lnsrt::TensorInfo info = *plan->tensorInfo(i);
    std::vector<float> data(info.elements);
    if (lnsrt::Status status =
            session->read(LNSRT_PARAMETER, i, data.data(), data.size());
        !status)
      return textOf(status);
    auto value = interpret::makeTensor(llvm::ArrayRef(info.shape, info.rank));
    value->values.assign(data.begin(), data.end());
    interpret::TensorRef &parameter = environment[info.name].value;
    bool isOneNumber =
        info.rank == 2 && data.front() != 0 && llvm::all_equal(value->values);
    if (!isOneNumber)
      parameter = value;
  }
  return "";
}

std::string PlanRun::write(const interpret::Environment &environment) {
  if (plan->tensorCount() != environment.size())
    return "the plan has " + std::to_string(plan->tensorCount()) +
           " parameters, the model " + std::to_string(environment.size());
  for (size_t i = 0; i < plan->tensorCount(); ++i) {
    auto state = environment.find(plan->tensorInfo(i)->name);
    if (state == environment.end())
      return std::string("the model has no parameter '") +
             plan->tensorInfo(i)->name + "'";
    const std::vector<double> &values = state->second.value->values;
    std::vector<float> data(values.begin(), values.end());
    if (lnsrt::Status status =
            session->write(LNSRT_PARAMETER, i, data.data(), data.size());
        !status)
      return textOf(status);
  }
  return "";
}

std::string PlanRun::read(lnsrt_tensor_kind kind, const std::string &prefix,
                          Results &results) {
  for (size_t i = 0; i < plan->tensorCount(); ++i) {
    lnsrt::TensorInfo info = *plan->tensorInfo(i);
    std::vector<float> &data = results[prefix + info.name];
    data.resize(info.elements);
    if (lnsrt::Status status = session->read(kind, i, data.data(), data.size());
        !status)
      return textOf(status);
  }
  return "";
}

std::string PlanRun::decode(const std::vector<int32_t> &tokens,
                            std::vector<float> &logits) {
  size_t batch = plan->info().batch, sequence = plan->info().sequence,
         vocabulary = plan->info().vocabulary;
  logits.resize(tokens.size() * vocabulary);
  std::vector<float> row(batch * vocabulary);
  std::vector<int32_t> last(batch), positions(batch);
  for (size_t time = 0; time < sequence; ++time) {
    for (size_t b = 0; b < batch; ++b) {
      last[b] = tokens[b * sequence + time];
      positions[b] = static_cast<int32_t>(time);
    }
    if (lnsrt::Status status =
            session->decode(last.data(), positions.data(), row.data());
        !status)
      return textOf(status);
    for (size_t b = 0; b < batch; ++b)
      llvm::copy(llvm::ArrayRef(row).slice(b * vocabulary, vocabulary),
                 logits.begin() +
                     ptrdiff_t((b * sequence + time) * vocabulary));
  }
  return "";
}

std::string PlanRun::compute(const std::vector<int32_t> &tokens,
                             const std::vector<int32_t> &targets,
                             Results &results) {
  if (lnsrt::Status status = session->setStepsDone(kStepsDone); !status)
    return textOf(status);
  std::vector<float> &logits = results["logits"];
  logits.resize(tokens.size() * plan->info().vocabulary);
  if (lnsrt::Status status = session->logits(tokens.data(), logits.data());
      !status)
    return textOf(status);
  if (plan->info().decode)
    if (std::string error = decode(tokens, results["decoded"]); !error.empty())
      return error;
  auto loss = session->eval(tokens.data(), targets.data());
  if (!loss)
    return textOf(loss.status());
  results["loss"] = {*loss};
  loss = session->grads(tokens.data(), targets.data());
  if (!loss)
    return textOf(loss.status());
  results["loss of grads"] = {*loss};
  return read(LNSRT_GRADIENT, "d ", results);
}

std::string PlanRun::step(const std::vector<int32_t> &tokens,
                          const std::vector<int32_t> &targets,
                          const lnsrt::OptimizerOptions &options,
                          Results &results) {
  auto result = session->trainStep(tokens.data(), targets.data(), options);
  if (!result)
    return textOf(result.status());
  results["loss"] = {result->loss};
  results["norm"] = {result->gradient_norm};
  std::string error = read(LNSRT_GRADIENT, "d ", results);
  if (error.empty())
    error = read(LNSRT_PARAMETER, "p ", results);
  if (error.empty())
    error = read(LNSRT_EXP_AVG, "m ", results);
  return error.empty() ? read(LNSRT_EXP_AVG_SQ, "v ", results) : error;
}
