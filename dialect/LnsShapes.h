//===- LnsShapes.h - Rows, columns and sizes of tensor types ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

//
// A tensor's rows are all leading dimensions together, its columns the last
// one. Extents may be dynamic (model form); a dynamic extent agrees with all.
// The wide type of an element type is what it is summed in.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_DIALECT_LNSSHAPES_H
#define LNS_DIALECT_LNSSHAPES_H

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/MathExtras.h"
#include <cstdint>
#include <limits>

namespace lns {

/// Sums and products of sizes that stay at the greatest int64_t rather than
/// wrap around. Arguments are not negative.
inline int64_t saturatingAdd(int64_t a, int64_t b) {
  int64_t sum;
  return llvm::AddOverflow(a, b, sum) ? std::numeric_limits<int64_t>::max()
                                      : sum;
}
inline int64_t saturatingMul(int64_t a, int64_t b) {
  int64_t product;
  return llvm::MulOverflow(a, b, product) ? std::numeric_limits<int64_t>::max()
                                          : product;
}

/// Whether two extents may be equal at run time.
inline bool extentsAgree(int64_t a, int64_t b) {
  return mlir::ShapedType::isDynamic(a) || mlir::ShapedType::isDynamic(b) ||
         a == b;
}

/// Whether two shapes may be equal at run time.
inline bool shapesAgree(llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b) {
  if (a.size() != b.size())
    return false;
  for (auto [x, y] : llvm::zip_equal(a, b))
    if (!extentsAgree(x, y))
      return false;
  return true;
}

/// The number of elements of `shape`, kDynamic if one extent is dynamic.
inline int64_t elementsOf(llvm::ArrayRef<int64_t> shape) {
  int64_t elements = 1;
  for (int64_t extent : shape) {
    if (mlir::ShapedType::isDynamic(extent))
      return mlir::ShapedType::kDynamic;
    elements = saturatingMul(elements, extent);
  }
  return elements;
}

/// All dimensions but the last; `type` has rank >= 1.
inline llvm::ArrayRef<int64_t> leadingShape(mlir::RankedTensorType type) {
  return type.getShape().drop_back();
}
/// The number of rows, kDynamic if unknown; `type` has rank >= 1.
inline int64_t rowsOf(mlir::RankedTensorType type) {
  return elementsOf(leadingShape(type));
}
/// The last dimension, kDynamic if unknown; `type` has rank >= 1.
inline int64_t columnsOf(mlir::RankedTensorType type) {
  return type.getShape().back();
}

/// The element type of what belongs to a tensor of `element` without being as
/// large: f32 for bf16, which is too narrow to sum in; else `element`.
inline mlir::Type wideElement(mlir::Type element) {
  return element.isBF16() ? mlir::Float32Type::get(element.getContext())
                          : element;
}

/// `type` without its last dimension, in its wide type: one value per row.
inline mlir::RankedTensorType rowVectorType(mlir::RankedTensorType type) {
  return mlir::RankedTensorType::get(leadingShape(type),
                                     wideElement(type.getElementType()));
}

/// A vector over the columns of `type`, in its wide type: a gain or a bias.
inline mlir::RankedTensorType columnVectorType(mlir::RankedTensorType type) {
  return mlir::RankedTensorType::get({columnsOf(type)},
                                     wideElement(type.getElementType()));
}

/// One number for all of `type`, in its wide type.
inline mlir::RankedTensorType scalarType(mlir::RankedTensorType type) {
  return mlir::RankedTensorType::get({1}, wideElement(type.getElementType()));
}

/// Elements of a static tensor, saturating; 0 for a dynamic one and for
/// anything that is not a ranked tensor.
inline int64_t countOf(mlir::Type type) {
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  if (!tensor || !tensor.hasStaticShape())
    return 0;
  return elementsOf(tensor.getShape());
}
/// Bytes of a static tensor of integers or floats, as `countOf`.
inline int64_t bytesOf(mlir::Type type) {
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  if (!tensor || !tensor.getElementType().isIntOrFloat())
    return 0;
  return saturatingMul(countOf(type),
                       (tensor.getElementTypeBitWidth() + 7) / 8);
}

} // namespace lns

#endif // LNS_DIALECT_LNSSHAPES_H
