//===- products.h - Matrix products by cuBLASLt ------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Every distinct product gets its algorithm once: the heuristic's candidates
// are timed, and the fastest is remembered in the cache. Algorithms that sum
// parts of a product in an order that changes are not candidates.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_PRODUCTS_H
#define LNS_RUNTIME_CUDA_PRODUCTS_H

#include "runtime/cuda/cublaslt.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/disk_cache.h"
#include "runtime/cuda/timer.h"
#include "runtime/plan/plan_generated.h"

#include <memory>
#include <vector>

namespace lns::cuda {

/// What products have in common that share an algorithm.
struct ProductShape {
  uint64_t m = 0, n = 0, k = 0;
  bool transA = false, transB = false;
  bool accumulates = false; ///< beta is not 0
  plan::DType operands = plan::DType::f32;
  plan::DType result = plan::DType::f32;

  explicit ProductShape(const plan::Matmul &matmul);
  bool operator==(const ProductShape &) const = default;
  void addTo(Sha256 &hash) const;
};

/// Its operands; row-major and dense.
struct ProductOperands {
  CuAddress a = 0, b = 0, c = 0;
  float alpha = 1, beta = 0;
};

class LibraryProducts {
public:
  LibraryProducts();
  LibraryProducts(const LibraryProducts &) = delete;
  LibraryProducts &operator=(const LibraryProducts &) = delete;
  ~LibraryProducts();

  /// An error when cuBLASLt is not there. It is started when a product is
  /// prepared, which takes a while.
  Error open(const Driver &driver, const DeviceFacts &device,
             const DiskCache &cache, const Timer &timer, CuAddress workspace,
             uint64_t workspaceBytes);
  bool isOpen() const { return lt != nullptr; }
  const CublasLt *library() const { return lt; }

  /// Finds an algorithm for the shape, on these operands, which it overwrites.
  /// Also loads what the library loads lazily, so that `run` may be captured.
  Error prepare(const ProductShape &shape, const ProductOperands &operands,
                size_t &product);
  Error run(size_t product, const ProductOperands &operands, CuStream stream,
            std::string_view name) const;

private:
  struct Product;

  Error describe(Product &product) const;
  Error choose(Product &product, const ProductOperands &operands) const;
  LtStatus call(const Product &product, const ProductOperands &operands,
                CuStream stream) const;
  Error check(LtStatus status, std::string_view place, const char *what) const;

  const Driver *driver = nullptr;
  const DeviceFacts *device = nullptr;
  const DiskCache *cache = nullptr;
  const Timer *timer = nullptr;
  const CublasLt *lt = nullptr;
  LtHandle handle = nullptr;
  CuAddress workspace = 0;
  uint64_t workspaceBytes = 0;
  std::vector<std::unique_ptr<Product>> products;
};

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_PRODUCTS_H
