//===- Tensor.h - Tensors of the interpreter --------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_INTERPRET_TENSOR_H
#define LNS_TOOLS_INTERPRET_TENSOR_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lns::interpret {

/// A dense row-major tensor of float64, or of tokens (any integer tensor).
/// Exactly one of `values` and `tokens` has the shape's number of elements.
struct Tensor {
  /// Larger tensors are refused before they are allocated.
  static constexpr int64_t maxElements = int64_t{1} << 28;

  llvm::SmallVector<int64_t> shape;
  std::vector<double> values;
  std::vector<int64_t> tokens;
  bool isTokens = false;

  int64_t size() const {
    return static_cast<int64_t>(isTokens ? tokens.size() : values.size());
  }
  /// The last dimension; rank >= 1.
  int64_t columns() const { return shape.back(); }
  /// All leading dimensions together; rank >= 1.
  int64_t rows() const {
    int64_t rows = 1;
    for (int64_t extent : llvm::ArrayRef(shape).drop_back())
      rows *= extent;
    return rows;
  }
};

/// Tensors are shared and never change once they are the value of something.
using TensorRef = std::shared_ptr<const Tensor>;

/// Product of the extents; -1 if one is negative or the product exceeds
/// Tensor::maxElements.
int64_t countElements(llvm::ArrayRef<int64_t> shape);

/// A tensor of zeros; the caller has checked the shape with countElements.
std::shared_ptr<Tensor> makeTensor(llvm::ArrayRef<int64_t> shape);
std::shared_ptr<Tensor> makeTokens(llvm::ArrayRef<int64_t> shape);

/// Makes every element the nearest bf16 number, the even one of two; what is
/// not finite stays.
void roundToBf16(std::vector<double> &values);

/// Makes every element one of the two nearest numbers of so many significant
/// bits and of f32's exponents: the upper one with a probability that is its
/// share of the way. The choice depends on the seed and the element's value
/// alone. What is such a number, or not finite, stays.
void roundByChance(std::vector<double> &values, unsigned bits, uint64_t seed);

/// Multiplies every element by 1 + 2^-bits x, x uniform in [-1, 1), independent
/// of each other's.
void perturb(std::vector<double> &values, unsigned bits, uint64_t seed);

/// The tensor as the leading corner, [0, extent) in every dimension, of one
/// that is zero elsewhere and in no dimension smaller; and back. Cropping gives
/// null where it would lose a number other than zero.
TensorRef padWithZeros(const TensorRef &tensor, llvm::ArrayRef<int64_t> shape);
TensorRef cropZeros(const TensorRef &tensor, llvm::ArrayRef<int64_t> shape);

/// "[2, 8, 64]".
std::string formatShape(llvm::ArrayRef<int64_t> shape);

/// c += op(a) op(b) with op(a) [rows, inner], op(b) [inner, columns]; a
/// transposed operand is stored [inner, rows] or [columns, inner]. Terms of one
/// element are added in the order of `inner`.
void multiplyAdd(int64_t rows, int64_t columns, int64_t inner, const double *a,
                 bool transposeA, const double *b, bool transposeB, double *c);

/// The tensor's values, each column times its gain; without one, as they are.
std::vector<double> scaleColumns(const Tensor &tensor, const Tensor *gain);

} // namespace lns::interpret

#endif // LNS_TOOLS_INTERPRET_TENSOR_H
