//===- Reference.h - What a model means, and how well that is known -------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The reference is interpreted in float64 before any optimizing pass: logits
// and loss from the model form itself, gradients from the graph form that
// lns-instantiate and lns-differentiate alone have made. That these gradients
// are those of this loss, finite differences of the model form show.
//
// How far from it may a plan be? That depends on the model: a LayerNorm of
// nearly equal numbers with a small eps multiplies every rounding by thousands.
// So each tensor's noise is measured: the same ops once more, every value
// rounded or moved by chance (Rounding::Random and Perturbed), with several
// seeds. What that moves no order of computing can be blamed for; the noise is
// its largest distance from the reference, in the Euclidean and in the maximum
// norm.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_FUZZ_REFERENCE_H
#define LNS_TEST_FUZZ_REFERENCE_H

#include "test/fuzz/Case.h"
#include "tools/interpret/Interpreter.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include <array>
#include <map>

namespace lns::fuzz {

/// A distance in the Euclidean norm and in the maximum norm.
struct Distance {
  double euclidean = 0, largest = 0;

  void raise(const Distance &other) {
    euclidean = std::max(euclidean, other.euclidean);
    largest = std::max(largest, other.largest);
  }
};

/// Infinite where one of them is not finite.
template <typename Number>
Distance distance(llvm::ArrayRef<Number> a, llvm::ArrayRef<double> b) {
  Distance result;
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    double error = std::abs(double(a[i]) - b[i]);
    if (!std::isfinite(error))
      return {INFINITY, INFINITY};
    sum += error * error;
    result.largest = std::max(result.largest, error);
  }
  result.euclidean = std::sqrt(sum);
  return result;
}

/// A tensor as it should be, and its noise in f32 and in bf16.
struct Expectation {
  interpret::TensorRef exact;
  std::array<Distance, 2> noise;
};

/// Tensors by name: "logits", and the same as "decoded" where a plan decodes,
/// "loss", and the gradient of each parameter under the parameter's name.
using Expectations = std::map<std::string, Expectation>;

/// One model with what is computed from it for any parameters and tokens.
class Reference {
public:
  explicit Reference(mlir::MLIRContext &context) : context(context) {}

  /// Parses the model and makes its graph forms. Errors are emitted.
  llvm::LogicalResult read(const Case &test);

  /// All parameters, zero.
  interpret::Environment declare() const;
  int64_t vocabulary() const { return vocabularySize; }

  /// The expectations for `environment`'s parameters, from so many samples of
  /// each noise. Errors are emitted.
  llvm::LogicalResult compute(const interpret::Environment &environment,
                              const interpret::TensorRef &tokens,
                              const interpret::TensorRef &targets,
                              unsigned samples, Expectations &expectations);

  /// Whether every gradient that was computed last is that of the model form's
  /// loss: "" or what is wrong. Nothing is, where a model explodes.
  std::string checkGradients(const interpret::Environment &environment,
                             const interpret::TensorRef &tokens,
                             const interpret::TensorRef &targets,
                             const Expectations &expectations);

  /// AdamW by the interpreter: `environment` has gradients and becomes what
  /// @apply leaves. Gives the gradient's norm.
  llvm::LogicalResult apply(interpret::Environment &environment,
                            const interpret::TensorRef &optimizer,
                            double &norm);

private:
  mlir::MLIRContext &context;
  int64_t vocabularySize = 0;
  bool decodes = false;
  double largest = 0; ///< of all values of the last gradients
  mlir::OwningOpRef<mlir::ModuleOp> model, graph, narrow;
};

} // namespace lns::fuzz

#endif // LNS_TEST_FUZZ_REFERENCE_H
