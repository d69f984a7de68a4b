//===- CheckDecode.cpp - Token by token is all at once --------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/CheckDecode.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

using namespace mlir;
using namespace lns;
using namespace lns::interpret;

static FailureOr<EntryPoint> find(ModuleOp module, StringRef name) {
  if (auto function = module.lookupSymbol<func::FuncOp>(name))
    return EntryPoint{name.str(), function};
  return module.emitError() << "there is no function '" << name
                            << "'; instantiate the model with decode=N";
}

/// Column `time` of [rows, times], for `count` rows, which may be more.
static TensorRef getColumn(const Tensor &tokens, int64_t count, int64_t time) {
  auto column = makeTokens({count, 1});
  for (int64_t row = 0; row < count; ++row)
    column->tokens[row] =
        tokens.tokens[row % tokens.shape[0] * tokens.shape[1] + time];
  return column;
}

static TensorRef makeStarts(int64_t count, int64_t position) {
  auto starts = makeTokens({count, 1});
  llvm::fill(starts->tokens, -position);
  return starts;
}

LogicalResult lns::interpret::checkDecode(ModuleOp module,
                                          Environment &environment,
                                          const InputOptions &options,
                                          double tolerance, Rounding rounding,
                                          Memory memory,
                                          llvm::raw_ostream &report) {
  FailureOr<EntryPoint> whole = find(module, "logits");
  FailureOr<EntryPoint> decode = find(module, "decode");
  if (failed(whole) || failed(decode))
    return failure();
  InputOptions oneDocument = options;
  oneDocument.documentEvery = 0;
  SmallVector<TensorRef> arguments, all, one;
  if (failed(makeArguments(*whole, oneDocument, arguments)) ||
      failed(
          runEntryPoint(*whole, environment, arguments, all, rounding, memory)))
    return failure();
  const Tensor &tokens = *arguments.front(), &logits = *all.front();
  auto function = cast<func::FuncOp>(decode->op);
  int64_t count =
      cast<RankedTensorType>(function.getArgument(0).getType()).getDimSize(0);
  int64_t rows = tokens.shape[0], times = tokens.shape[1];
  int64_t vocabulary = logits.columns();
  double largest = 0, difference = 0;
  for (double logit : logits.values)
    largest = std::max(largest, std::abs(logit));
  for (int64_t time = 0; time < times; ++time) {
    if (failed(runEntryPoint(
            *decode, environment,
            {getColumn(tokens, count, time), makeStarts(count, time)}, one,
            rounding, memory)))
      return failure();
    for (int64_t i = 0; i < count * vocabulary; ++i) {
      int64_t row = i / vocabulary % rows;
      double far = std::abs(
          one.front()->values[i] -
          logits.values[(row * times + time) * vocabulary + i % vocabulary]);
      // Also what is not a number.
      if (!(far <= tolerance * largest))
        return function.emitError("logit ")
               << formatShape({i / vocabulary, time, i % vocabulary}) << " is "
               << llvm::formatv(
                      "{0:e9}, but all at once it is {1:e9}",
                      one.front()->values[i],
                      logits.values[(row * times + time) * vocabulary +
                                    i % vocabulary])
                      .str();
      difference = std::max(difference, far);
    }
  }
  report << "decode: " << times << " tokens of " << count
         << " rows agree with 'logits', largest difference "
         << llvm::format("%.1e", largest > 0 ? difference / largest : 0)
         << " of the largest logit\n";
  return success();
}
