//===- products.cpp - Matrix products by cuBLASLt -------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/products.h"

#include "runtime/plan/plan_format.h"

#include <cstring>

using namespace lns;
using namespace lns::cuda;

static constexpr int kCandidates = 8;

/// One distinct product.
struct LibraryProducts::Product {
  explicit Product(const CublasLt &lt, const ProductShape &shape)
      : lt(lt), shape(shape) {}
  Product(const Product &) = delete;
  Product &operator=(const Product &) = delete;
  ~Product() {
    if (desc)
      lt.matmulDescDestroy(desc);
    for (LtMatrixLayout layout : {a, b, c})
      if (layout)
        lt.matrixLayoutDestroy(layout);
    if (preference)
      lt.preferenceDestroy(preference);
  }

  const CublasLt &lt;
  ProductShape shape;
  LtMatmulDesc desc = nullptr;
  LtMatrixLayout a = nullptr, b = nullptr, c = nullptr;
  LtPreference preference = nullptr;
  LtAlgorithm algorithm = {};
};

ProductShape::ProductShape(const plan::Matmul &matmul)
    : m(matmul.m()), n(matmul.n()), k(matmul.k()), transA(matmul.trans_a()),
      transB(matmul.trans_b()), accumulates(matmul.beta() != 0.0f),
      operands(matmul.dtype_a()), result(matmul.dtype_c()) {}

void ProductShape::addTo(Sha256 &hash) const {
  for (uint64_t value :
       {m, n, k, uint64_t(transA), uint64_t(transB), uint64_t(accumulates),
        uint64_t(operands), uint64_t(result)})
    hash.field(value);
}

LibraryProducts::LibraryProducts() = default;

LibraryProducts::~LibraryProducts() {
  products.clear();
  if (handle)
    lt->destroy(handle);
}

Error LibraryProducts::check(LtStatus status, std::string_view place,
                             const char *what) const {
  if (status == kLtSuccess)
    return nullptr;
  return makeError(LNSRT_INTERNAL, place, "cublasLt ", lt->versionText(),
                   " at ", lt->path, " cannot ", what, ": ",
                   lt->getStatusString(status),
                   "; set LNSRT_CUDA_PRODUCTS=generated to do without it");
}

Error LibraryProducts::open(const Driver &onDriver, const DeviceFacts &onDevice,
                            const DiskCache &withCache, const Timer &withTimer,
                            CuAddress space, uint64_t spaceBytes) {
  if (Error error = getCublasLt(onDriver.version, lt))
    return error;
  driver = &onDriver;
  device = &onDevice;
  cache = &withCache;
  timer = &withTimer;
  workspace = space;
  workspaceBytes = spaceBytes;
  return nullptr;
}

// cuBLASLt's matrices are column-major: what it sees of row-major memory is the
// transpose. c^T = op(b)^T op(a)^T, so b comes first, and n before m.
Error LibraryProducts::describe(Product &product) const {
  const ProductShape &shape = product.shape;
  auto type = [](plan::DType type) {
    return type == plan::DType::bf16 ? kLtBf16 : kLtF32;
  };
  LtStatus status = lt->matmulDescCreate(&product.desc, kLtCompute32F, kLtF32);
  auto layout = [&](LtMatrixLayout &to, plan::DType of, uint64_t storedRows,
                    uint64_t storedColumns) {
    if (status == kLtSuccess)
      status = lt->matrixLayoutCreate(&to, type(of), storedColumns, storedRows,
                                      int64_t(storedColumns));
  };
  if (shape.transB)
    layout(product.a, shape.operands, shape.n, shape.k);
  else
    layout(product.a, shape.operands, shape.k, shape.n);
  if (shape.transA)
    layout(product.b, shape.operands, shape.k, shape.m);
  else
    layout(product.b, shape.operands, shape.m, shape.k);
  layout(product.c, shape.result, shape.m, shape.n);
  const LtOperation first = shape.transB ? kLtTranspose : kLtNoTranspose;
  const LtOperation second = shape.transA ? kLtTranspose : kLtNoTranspose;
  if (status == kLtSuccess)
    status = lt->matmulDescSetAttribute(product.desc, kLtDescTransA, &first,
                                        sizeof(first));
  if (status == kLtSuccess)
    status = lt->matmulDescSetAttribute(product.desc, kLtDescTransB, &second,
                                        sizeof(second));
  if (status == kLtSuccess)
    status = lt->preferenceCreate(&product.preference);
  auto prefer = [&](LtPreferenceAttribute attribute, const auto &value) {
    if (status == kLtSuccess)
      status = lt->preferenceSetAttribute(product.preference, attribute, &value,
                                          sizeof(value));
  };
  prefer(kLtMaxWorkspaceBytes, workspaceBytes);
  prefer(kLtReductionSchemeMask, kLtReduceInComputeType);
  for (LtPreferenceAttribute operand :
       {kLtMinAlignmentA, kLtMinAlignmentB, kLtMinAlignmentC, kLtMinAlignmentD})
    prefer(operand, uint32_t(kBufferAlignment));
  return check(status, "cublasLt", "describe a product");
}

LtStatus LibraryProducts::call(const Product &product,
                               const ProductOperands &operands,
                               CuStream stream) const {
  auto pointer = [](CuAddress address) {
    return reinterpret_cast<void *>(address);
  };
  return lt->matmul(handle, product.desc, &operands.alpha, pointer(operands.b),
                    product.a, pointer(operands.a), product.b, &operands.beta,
                    pointer(operands.c), product.c, pointer(operands.c),
                    product.c, &product.algorithm, pointer(workspace),
                    workspaceBytes, stream);
}

Error LibraryProducts::choose(Product &product,
                              const ProductOperands &operands) const {
  Sha256 hash;
  hash.field("lns cuda product");
  hash.field(device->name);
  for (uint64_t value : {uint64_t(device->arch), uint64_t(driver->version),
                         lt->version, workspaceBytes})
    hash.field(value);
  product.shape.addTo(hash);
  Digest key = hash.finish();
  LtStatus status = kLtSuccess;
  auto multiply = [&](CuStream stream) -> Error {
    status = call(product, operands, stream);
    return check(status, "cublasLt", "multiply");
  };
  DiskCache::Lock lock(*cache, key);
  if (std::optional<std::string> known = cache->find(key)) {
    if (known->size() == sizeof(product.algorithm)) {
      std::memcpy(&product.algorithm, known->data(), known->size());
      if (!timer->once(multiply))
        return nullptr;
    }
    cache->remove(key);
  }
  LtHeuristicResult candidates[kCandidates] = {};
  int count = 0;
  status = lt->getHeuristic(handle, product.desc, product.a, product.b,
                            product.c, product.c, product.preference,
                            kCandidates, candidates, &count);
  if (Error error = check(status, "cublasLt", "find an algorithm"))
    return error;
  double best = 0;
  LtAlgorithm fastest = {};
  Error failure;
  bool found = false;
  for (int i = 0; i < count; ++i) {
    if (candidates[i].state != kLtSuccess ||
        candidates[i].workspaceSize > workspaceBytes)
      continue;
    product.algorithm = candidates[i].algorithm;
    status = kLtSuccess;
    double seconds = 0;
    if (Error error = timer->time(multiply, seconds)) {
      // A candidate that cuBLASLt itself refuses is none; a device that fails
      // does so for all.
      if (status == kLtSuccess)
        return error;
      failure = std::move(error);
      continue;
    }
    if (!found || seconds < best * kClearlyFaster) {
      best = seconds;
      fastest = product.algorithm;
      found = true;
    }
  }
  if (!found)
    return failure ? std::move(failure)
                   : check(kLtNotSupported, "cublasLt", "find an algorithm");
  product.algorithm = fastest;
  cache->store(key,
               {reinterpret_cast<const char *>(&fastest), sizeof(fastest)});
  return nullptr;
}

Error LibraryProducts::prepare(const ProductShape &shape,
                               const ProductOperands &operands,
                               size_t &product) {
  for (product = 0; product < products.size(); ++product)
    if (products[product]->shape == shape)
      return nullptr;
  if (!handle)
    if (Error error = check(lt->create(&handle), device->title(), "start"))
      return error;
  auto made = std::make_unique<Product>(*lt, shape);
  if (Error error = describe(*made))
    return error;
  if (Error error = choose(*made, operands))
    return error;
  products.push_back(std::move(made));
  return nullptr;
}

Error LibraryProducts::run(size_t product, const ProductOperands &operands,
                           CuStream stream, std::string_view name) const {
  return check(call(*products[product], operands, stream), name, "multiply");
}
