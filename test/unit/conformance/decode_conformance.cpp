//===- decode_conformance.cpp - Is a token at a time all at once? ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/unit/conformance/conformance.h"

using namespace mlir;
using namespace lns;

/// What a plan decodes is what its model means, which a test of the interpreter
/// compares with all logits at once.
TEST_P(DecodeConformance, Decode) {
  auto function = training->lookupSymbol<func::FuncOp>("decode");
  ASSERT_TRUE(function);
  int64_t batch = GetParam().batch, sequence = GetParam().sequence;
  std::vector<int32_t> last(static_cast<size_t>(batch)), positions(last);
  std::vector<float> logits(static_cast<size_t>(batch) *
                            plan->info().vocabulary);
  for (int64_t time = 0; time < sequence; ++time) {
    auto column = interpret::makeTokens({batch, 1});
    auto starts = interpret::makeTokens({batch, 1});
    for (int64_t row = 0; row < batch; ++row) {
      auto at = static_cast<size_t>(row);
      last[at] = tokens[at * static_cast<size_t>(sequence) +
                        static_cast<size_t>(time)];
      positions[at] = static_cast<int32_t>(time);
      column->tokens[at] = last[at];
      starts->tokens[at] = -time;
    }
    auto run = [&](interpret::Environment &state, interpret::Rounding rounding,
                   interpret::TensorRef &result) {
      llvm::SmallVector<interpret::TensorRef> results;
      ASSERT_TRUE(succeeded(interpret::Interpreter(state, rounding)
                                .run(function, {column, starts}, results)));
      result = results.front();
    };
    Reference reference;
    ASSERT_NO_FATAL_FAILURE(
        run(environment, interpret::Rounding::None, reference.exact));
    ASSERT_NO_FATAL_FAILURE(run(rounded,
                                GetParam().bf16 ? interpret::Rounding::Bf16
                                                : interpret::Rounding::None,
                                reference.rounded));
    lnsrt::Status status =
        session->decode(last.data(), positions.data(), logits.data());
    ASSERT_TRUE(status) << status.message();
    expectNear(logits, reference, 1e-5,
               ("logits at position " + llvm::Twine(time)).str(), kSlack);
  }
}

/// Rows do not mind each other, nor what their caches held: every row has its
/// bits again where the others are elsewhere, behind whatever ran before.
TEST_P(DecodeConformance, RowsAreAlone) {
  auto batch = static_cast<size_t>(GetParam().batch);
  auto sequence = static_cast<size_t>(GetParam().sequence);
  size_t vocabulary = plan->info().vocabulary;
  std::vector<int32_t> last(batch), positions(batch);
  std::vector<float> logits(batch * vocabulary);
  // By position and row.
  std::vector<std::vector<float>> first(sequence * batch);
  auto decode = [&](size_t step, size_t lag) {
    for (size_t row = 0; row < batch; ++row) {
      size_t behind = row * lag;
      size_t position = step < behind ? 0 : step - behind;
      last[row] = tokens[row * sequence + position];
      positions[row] = static_cast<int32_t>(position);
    }
    lnsrt::Status status =
        session->decode(last.data(), positions.data(), logits.data());
    ASSERT_TRUE(status) << status.message();
  };
  auto rowOf = [&](size_t row) {
    auto begin = logits.begin() + static_cast<ptrdiff_t>(row * vocabulary);
    return std::vector<float>(begin,
                              begin + static_cast<ptrdiff_t>(vocabulary));
  };
  for (size_t step = 0; step < sequence; ++step) {
    ASSERT_NO_FATAL_FAILURE(decode(step, 0));
    for (size_t row = 0; row < batch; ++row)
      first[step * batch + row] = rowOf(row);
  }
  // The arena is full of something else in between.
  ASSERT_TRUE(session->grads(getBatch()));
  for (size_t step = 0; step < sequence; ++step) {
    ASSERT_NO_FATAL_FAILURE(decode(step, 1));
    for (size_t row = 0; row < batch; ++row) {
      auto position = static_cast<size_t>(positions[row]);
      ASSERT_EQ(rowOf(row), first[position * batch + row])
          << "row " << row << " at " << position;
    }
  }
}
