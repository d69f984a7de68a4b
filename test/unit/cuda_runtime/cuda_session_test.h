//===- cuda_session_test.h - Sessions on a fake CUDA device ------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_CUDA_RUNTIME_CUDA_SESSION_TEST_H
#define LNS_TEST_UNIT_CUDA_RUNTIME_CUDA_SESSION_TEST_H

#include "cuda_test_plan.h"
#include "fakes.h"
#include "test/unit/runtime/running.h"

#include <nlohmann/json.hpp>

namespace lns::test {

class CudaSessionTest : public FakeCuda {
protected:
  Running start(const char *device = "cuda",
                const CudaTestPlan &source = CudaTestPlan()) {
    auto plan = open(source.serialize());
    EXPECT_TRUE(plan) << plan.status().message();
    lnsrt::SessionOptions options;
    options.device = device;
    options.threads = 2;
    auto session = lnsrt::Session::create(*plan, options);
    EXPECT_TRUE(session) << session.status().message();
    return {std::move(*plan), std::move(*session)};
  }

  std::string problem(const CudaTestPlan &source = CudaTestPlan(),
                      const char *device = "cuda") {
    auto plan = open(source.serialize());
    EXPECT_TRUE(plan) << plan.status().message();
    lnsrt::SessionOptions options;
    options.device = device;
    auto session = lnsrt::Session::create(*plan, options);
    EXPECT_FALSE(session);
    return session.status().message();
  }

  size_t allocated() { return driverFunction<size_t()>("fakeCudaAllocated")(); }
  size_t pinned() { return driverFunction<size_t()>("fakeCudaPinned")(); }
  long launches() { return driverFunction<long()>("fakeCudaLaunches")(); }
  long graphLaunches() {
    return driverFunction<long()>("fakeCudaGraphLaunches")();
  }

  static nlohmann::json json(const Running &run) {
    auto text = run.session.json();
    EXPECT_TRUE(text);
    return nlohmann::json::parse(*text);
  }
};

inline lnsrt::OptimizerOptions optimizer(float lr) {
  lnsrt::OptimizerOptions options;
  options.lr = lr;
  return options;
}

} // namespace lns::test

#endif // LNS_TEST_UNIT_CUDA_RUNTIME_CUDA_SESSION_TEST_H
