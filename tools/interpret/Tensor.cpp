//===- Tensor.cpp - Tensors of the interpreter ----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/interpret/Tensor.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>
#include <cmath>

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

/// Splitmix64's output function.
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// Uniform in [0, 1).
static double toUniform(uint64_t draw) {
  return static_cast<double>(draw >> 11) * 0x1p-53;
}

void lns::interpret::perturb(std::vector<double> &values, unsigned bits,
                             uint64_t seed) {
  uint64_t key = mix(seed * 0x9e3779b97f4a7c15u);
  for (auto [index, value] : llvm::enumerate(values)) {
    double x = 2 * toUniform(mix(key + 0x9e3779b97f4a7c15u * index)) - 1;
    value *= 1 + std::ldexp(x, -static_cast<int>(bits));
  }
}

void lns::interpret::roundByChance(std::vector<double> &values, unsigned bits,
                                   uint64_t seed) {
  constexpr int kLeastExponent = -126;
  uint64_t key = mix(seed * 0x9e3779b97f4a7c15u);
  for (double &value : values) {
    if (!std::isfinite(value) || value == 0)
      continue;
    int exponent = std::max(std::ilogb(value), kLeastExponent);
    int shift = static_cast<int>(bits) - 1 - exponent;
    double scaled = std::ldexp(value, shift), below = std::floor(scaled);
    uint64_t draw = mix(key ^ llvm::bit_cast<uint64_t>(value));
    if (toUniform(draw) < scaled - below)
      below += 1;
    value = std::ldexp(below, -shift);
  }
}

/// Where element `index` of the leading corner `shape` lies in `outer`.
static int64_t placeInCorner(int64_t index, llvm::ArrayRef<int64_t> shape,
                             llvm::ArrayRef<int64_t> outer) {
  int64_t place = 0, stride = 1;
  for (size_t i = shape.size(); i-- > 0;) {
    place += index % shape[i] * stride;
    index /= shape[i];
    stride *= outer[i];
  }
  return place;
}

TensorRef lns::interpret::padWithZeros(const TensorRef &tensor,
                                       llvm::ArrayRef<int64_t> shape) {
  if (llvm::ArrayRef(tensor->shape) == shape)
    return tensor;
  auto padded = makeTensor(shape);
  for (int64_t i = 0; i < tensor->size(); ++i)
    padded->values[placeInCorner(i, tensor->shape, shape)] = tensor->values[i];
  return padded;
}

TensorRef lns::interpret::cropZeros(const TensorRef &tensor,
                                    llvm::ArrayRef<int64_t> shape) {
  if (llvm::ArrayRef(tensor->shape) == shape)
    return tensor;
  auto cropped = makeTensor(shape);
  for (int64_t i = 0; i < cropped->size(); ++i)
    cropped->values[i] = tensor->values[placeInCorner(i, shape, tensor->shape)];
  bool isZero = padWithZeros(cropped, tensor->shape)->values == tensor->values;
  return isZero ? cropped : nullptr;
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
