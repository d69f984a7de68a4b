//===- running.h - A session of the test plan --------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_RUNTIME_RUNNING_H
#define LNS_TEST_UNIT_RUNTIME_RUNNING_H

#include "test/unit/runtime/test_plan.h"

#include <gtest/gtest.h>
#include <vector>

namespace lns::test {

inline constexpr int32_t kTokens[kRows] = {0, 1, 2, 3, 4, 1};
inline constexpr int32_t kTargets[kRows] = {1, 2, 3, 4, 0, 2};
inline constexpr uint64_t kElements = kVocabulary * kWidth;

/// A session with its plan.
struct Running {
  lnsrt::Plan plan;
  lnsrt::Session session;

  std::vector<float> read(lnsrt_tensor_kind kind, size_t index) const {
    std::vector<float> data(kElements);
    lnsrt::Status status = session.read(kind, index, data.data(), kElements);
    EXPECT_TRUE(status) << status.message();
    return data;
  }
};

} // namespace lns::test

#endif // LNS_TEST_UNIT_RUNTIME_RUNNING_H
