//===- trace_conformance.cpp - Is what a plan traces the stream? ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/unit/conformance/conformance.h"

using namespace mlir;
using namespace lns;

/// Rows of `part`, of a batch's tokens.
static interpret::TensorRef takePart(const interpret::Tensor &tokens,
                                     int64_t part, int64_t rows) {
  int64_t sequence = tokens.shape[1];
  auto taken = interpret::makeTokens({rows, sequence});
  std::copy_n(tokens.tokens.begin() + part * rows * sequence, rows * sequence,
              taken->tokens.begin());
  return taken;
}

/// Every stream and every branch of every part, and the layout that a plan says
/// that they have.
TEST_P(TraceConformance, Trace) {
  auto got = plan->trace();
  ASSERT_TRUE(got) << got.status().message();
  lnsrt::TraceInfo info = *got;
  auto function = training->lookupSymbol<func::FuncOp>("trace");
  ASSERT_TRUE(function);
  ASSERT_EQ(info.values, function.getNumResults());
  uint32_t values = 1;
  for (uint32_t l = 0; l < plan->info().layers; ++l)
    values += 1 + info.branches[l];
  ASSERT_EQ(info.values, values);

  size_t batchTokens = tokens.size();
  std::vector<float> traced(size_t(info.values) * batchTokens * info.width,
                            NAN);
  lnsrt::Status status = session->trace(tokens.data(), traced.data());
  ASSERT_TRUE(status) << status.message();

  int64_t rows = GetParam().batch / GetParam().parts;
  for (int64_t part = 0; part < GetParam().parts; ++part) {
    interpret::TensorRef input = takePart(*tokenTensor, part, rows);
    auto run = [&](interpret::Environment &state, interpret::Rounding rounding,
                   llvm::SmallVectorImpl<interpret::TensorRef> &results) {
      ASSERT_TRUE(succeeded(interpret::Interpreter(state, rounding)
                                .run(function, {input}, results)));
    };
    llvm::SmallVector<interpret::TensorRef> exact, near;
    ASSERT_NO_FATAL_FAILURE(run(environment, interpret::Rounding::None, exact));
    ASSERT_NO_FATAL_FAILURE(run(rounded,
                                GetParam().bf16 ? interpret::Rounding::Bf16
                                                : interpret::Rounding::None,
                                near));
    size_t count = size_t(rows * GetParam().sequence) * info.width;
    for (uint32_t i = 0; i < info.values; ++i) {
      auto begin = traced.begin() + ptrdiff_t(i * batchTokens * info.width +
                                              size_t(part) * count);
      expectNear(
          std::vector<float>(begin, begin + ptrdiff_t(count)),
          {exact[i], near[i]}, 1e-5,
          ("value " + llvm::Twine(i) + " of part " + llvm::Twine(part)).str(),
          kSlack);
    }
  }
}

/// The same bits, whatever ran before.
TEST_P(TraceConformance, TraceTwice) {
  auto got = plan->trace();
  ASSERT_TRUE(got) << got.status().message();
  lnsrt::TraceInfo info = *got;
  size_t count = size_t(info.values) * tokens.size() * info.width;
  std::vector<float> first(count), second(count);
  ASSERT_TRUE(session->trace(tokens.data(), first.data()));
  // The arena is full of something else in between.
  ASSERT_TRUE(session->grads(tokens.data(), targets.data()));
  ASSERT_TRUE(session->trace(tokens.data(), second.data()));
  EXPECT_EQ(first, second);
}
