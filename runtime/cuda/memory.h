//===- memory.h - Memory of a device, and of the host for it ------ C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_MEMORY_H
#define LNS_RUNTIME_CUDA_MEMORY_H

#include "runtime/cuda/device.h"

#include <utility>

namespace lns::cuda {

/// Owns memory of the device. Zero bytes own nothing.
class DeviceMemory {
public:
  DeviceMemory() = default;
  DeviceMemory(DeviceMemory &&other) noexcept { *this = std::move(other); }
  DeviceMemory &operator=(DeviceMemory &&other) noexcept {
    std::swap(driver, other.driver);
    std::swap(start, other.start);
    std::swap(bytes, other.bytes);
    return *this;
  }
  ~DeviceMemory();

  /// `what` goes into the error, with what is free.
  static Error allocate(const Driver &driver, const DeviceFacts &device,
                        uint64_t size, std::string_view what,
                        DeviceMemory &out);

  CuAddress address() const { return start; }
  uint64_t size() const { return bytes; }

private:
  const Driver *driver = nullptr;
  CuAddress start = 0;
  uint64_t bytes = 0;
};

/// Owns pages of the host that the device copies from and to by itself.
class PinnedMemory {
public:
  PinnedMemory() = default;
  PinnedMemory(PinnedMemory &&other) noexcept { *this = std::move(other); }
  PinnedMemory &operator=(PinnedMemory &&other) noexcept {
    std::swap(driver, other.driver);
    std::swap(start, other.start);
    std::swap(bytes, other.bytes);
    return *this;
  }
  ~PinnedMemory();

  static Error allocate(const Driver &driver, const DeviceFacts &device,
                        uint64_t size, PinnedMemory &out);

  unsigned char *data() const { return start; }
  uint64_t size() const { return bytes; }

private:
  const Driver *driver = nullptr;
  unsigned char *start = nullptr;
  uint64_t bytes = 0;
};

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_MEMORY_H
