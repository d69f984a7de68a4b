//===- PlanTarget.cpp - A plan whose checksum is right --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The input is the plan's table; the header in front of it and the blobs behind
// it are right, so that mutations reach the verifier. What it accepts is asked
// everything but to run: machine code is trusted.
//
//===----------------------------------------------------------------------===//

#include "Target.h"

#include "test/unit/cuda_runtime/cuda_test_plan.h"

#include <algorithm>
#include <cstring>

using namespace lns;
using namespace lns::test;

/// A plan made by hand, with as much code as the verifier looks at. Nothing but
/// the table differs between the files of the seeds.
template <typename Plan> static Plan small() {
  Plan plan;
  const std::string code = "\x7f"
                           "ELF" +
                           std::string(60, '\0');
  plan.code.assign(code.begin(), code.end());
  for (auto &blob : plan.table.code)
    blob->size = code.size();
  return plan;
}

static CudaTestPlan withCubin() {
  auto plan = small<CudaTestPlan>();
  plan.addCubin("test_product", "sm_90a", {plan.code.begin(), plan.code.end()});
  return plan;
}

static std::string tableOf(const TestPlan &plan) {
  Bytes file = plan.serialize();
  PlanHeader header;
  std::memcpy(&header, file.data(), sizeof(header));
  return {reinterpret_cast<const char *>(file.data()) + sizeof(header),
          header.table_size};
}

static std::vector<std::string> seeds() {
  auto split = small<TestPlan>();
  split.splitBatch();
  auto traced = small<TestPlan>();
  traced.addTrace();
  auto packed = small<TestPlan>();
  packed.takeDocuments();
  auto decoding = small<TestPlan>();
  decoding.addDecode();
  auto kept = small<CudaTestPlan>(), cudaOnly = small<CudaTestPlan>(),
       cudaSplit = small<CudaTestPlan>();
  kept.keepTable();
  cudaOnly.removeCpu();
  cudaSplit.splitCudaBatch();
  return {tableOf(small<TestPlan>()),
          tableOf(split),
          tableOf(traced),
          tableOf(packed),
          tableOf(decoding),
          tableOf(small<CudaTestPlan>()),
          tableOf(kept),
          tableOf(cudaOnly),
          tableOf(cudaSplit),
          tableOf(withCubin())};
}

static void askEverything(const lnsrt::Plan &plan) {
  fuzz::require(plan.info().batch > 0);
  for (const char *device : {"cpu", "cuda"})
    for (uint32_t threads : {1u, 1024u})
      if (auto memory = plan.deviceMemory(device, threads); memory)
        fuzz::require(memory->total >= memory->parameters);
  auto json = plan.json();
  fuzz::require(json && std::strlen(*json) > 0);
  fuzz::require(plan.configJson() != nullptr);
  if (auto trace = plan.trace(); trace) {
    uint64_t values = 1 + uint64_t(plan.info().layers);
    for (uint32_t l = 0; l < plan.info().layers; ++l)
      values += trace->branches[l];
    fuzz::require(trace->width > 0 && trace->values == values);
  }
  for (size_t i = 0; i < plan.tensorCount(); ++i) {
    auto tensor = plan.tensorInfo(i);
    fuzz::require(tensor && std::strlen(tensor->name) > 0 &&
                  tensor->elements > 0);
  }
}

static void run(std::string_view table) {
  static const Bytes frame = withCubin().serialize();
  static Bytes file = frame;
  // Blobs start behind any table of the seeds.
  constexpr size_t room = 8 * kPlanBlobAlignment - sizeof(PlanHeader);
  size_t size = std::min(table.size(), room);
  std::copy(frame.begin() + sizeof(PlanHeader),
            frame.begin() + sizeof(PlanHeader) + room,
            file.begin() + sizeof(PlanHeader));
  std::copy_n(table.begin(), size, file.begin() + sizeof(PlanHeader));
  PlanHeader header;
  std::memcpy(&header, frame.data(), sizeof(header));
  header.table_size = size;
  std::memcpy(file.data(), &header, sizeof(header));
  // The header's features are the table's, too: one of them is right.
  for (uint64_t features = 0; features <= kPlanFeatures; ++features) {
    header.feature_bits = features;
    std::memcpy(file.data(), &header, sizeof(header));
    fixHeader(file);
    auto plan = lns::test::open(file);
    if (plan)
      return askEverything(*plan);
    if (!std::strstr(plan.status().message(), " as its features, "))
      return fuzz::require(*plan.status().message() != '\0');
  }
  fuzz::require(false);
}

static const fuzz::RegisterTarget registered({"plan", seeds, run});
