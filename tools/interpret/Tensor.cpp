//===- Tensor.cpp - Tensors of the interpreter ----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/Tensor.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace lns::interpret;

int64_t lns::interpret::countElements(llvm::ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    if (extent < 0 || llvm::MulOverflow(count, extent, count) ||
        count > Tensor::maxElements)
      return -1;
  return count;
}

std::shared_ptr<Tensor>
lns::interpret::makeTensor(llvm::ArrayRef<int64_t> shape) {
  auto tensor = std::make_shared<Tensor>();
  tensor->shape.assign(shape.begin(), shape.end());
  tensor->values.resize(countElements(shape));
  return tensor;
}

std::shared_ptr<Tensor>
lns::interpret::makeTokens(llvm::ArrayRef<int64_t> shape) {
  auto tensor = std::make_shared<Tensor>();
  tensor->shape.assign(shape.begin(), shape.end());
  tensor->isTokens = true;
  tensor->tokens.resize(countElements(shape));
  return tensor;
}

void lns::interpret::roundToBf16(std::vector<double> &values) {
  for (double &value : values) {
    llvm::APFloat number(value);
    bool lossy;
    number.convert(llvm::APFloat::BFloat(), llvm::APFloat::rmNearestTiesToEven,
                   &lossy);
    value = number.convertToDouble();
  }
}

std::string lns::interpret::formatShape(llvm::ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

/// The transpose of a row-major [rows, columns] matrix.
static std::vector<double> transposed(const double *matrix, int64_t rows,
                                      int64_t columns) {
  std::vector<double> result(rows * columns);
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      result[j * rows + i] = matrix[i * columns + j];
  return result;
}

void lns::interpret::multiplyAdd(int64_t rows, int64_t columns, int64_t inner,
                                 const double *a, bool transposeA,
                                 const double *b, bool transposeB, double *c) {
  std::vector<double> aCopy, bCopy;
  if (transposeA) {
    aCopy = transposed(a, inner, rows);
    a = aCopy.data();
  }
  if (transposeB) {
    bCopy = transposed(b, columns, inner);
    b = bCopy.data();
  }
  // A panel of b stays in the cache while all rows of a pass over it.
  constexpr int64_t panel = 256;
  for (int64_t first = 0; first < columns; first += panel) {
    int64_t last = std::min(columns, first + panel);
    for (int64_t i = 0; i < rows; ++i) {
      double *target = c + i * columns;
      for (int64_t k = 0; k < inner; ++k) {
        double factor = a[i * inner + k];
        const double *source = b + k * columns;
        for (int64_t j = first; j < last; ++j)
          target[j] += factor * source[j];
      }
    }
  }
}

std::vector<double> lns::interpret::scaleColumns(const Tensor &tensor,
                                                 const Tensor *gain) {
  std::vector<double> values = tensor.values;
  if (gain)
    for (size_t i = 0; i < values.size(); ++i)
      values[i] *= gain->values[i % gain->size()];
  return values;
}
