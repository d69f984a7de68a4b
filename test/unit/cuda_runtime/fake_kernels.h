//===- fake_kernels.h - Kernels of the fake driver ---------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_CUDA_RUNTIME_FAKE_KERNELS_H
#define LNS_TEST_UNIT_CUDA_RUNTIME_FAKE_KERNELS_H

#include <cstddef>
#include <cstdint>

namespace lns::fake {

/// Gets the values of all parameters and the grid's first extent.
using KernelFunction = void (*)(const uint64_t *parameters, unsigned grid);

/// Null for a symbol that is not one of the test plan's.
KernelFunction findKernel(const char *symbol);
size_t parameterCount(KernelFunction kernel);

} // namespace lns::fake

#endif // LNS_TEST_UNIT_CUDA_RUNTIME_FAKE_KERNELS_H
