//===- device.h - CUDA devices ------------------------------------ C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_DEVICE_H
#define LNS_RUNTIME_CUDA_DEVICE_H

#include "runtime/cuda/driver.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lns::cuda {

/// Compute capability 8.0: what the kernels are written for.
inline constexpr int kMinArch = 80;

struct DeviceFacts {
  int ordinal = 0;
  CuDevice device = 0;
  std::string name;
  int arch = 0; ///< 90 for compute capability 9.0
  uint64_t memory = 0;
  unsigned multiprocessors = 0;
  unsigned sharedBytes = 0; ///< dynamic shared memory that a block may have

  std::string title() const; ///< "cuda:0 (NVIDIA H100)"
};

/// "9.0" for 90.
std::string capabilityText(int arch);

/// All devices of the driver, whatever their compute capability.
Error listDevices(const Driver &driver, std::vector<DeviceFacts> &devices);

/// The ordinal in "cuda" (0) and "cuda:N"; an error for any other text.
Error parseDevice(std::string_view text, int &ordinal);

/// The device, if it is there and its compute capability suffices.
Error findDevice(const Driver &driver, int ordinal, DeviceFacts &device);

/// A device's primary context, which it shares with everybody in the process
/// who uses CUDA's run-time API.
class Context {
public:
  Context() = default;
  Context(const Context &) = delete;
  Context &operator=(const Context &) = delete;
  ~Context();

  Error retain(const Driver &driver, const DeviceFacts &device);
  bool isOpen() const { return context != nullptr; }
  /// For the calling thread.
  Error makeCurrent() const;

private:
  const Driver *driver = nullptr;
  CuDevice device = 0;
  CuContext context = nullptr;
};

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_DEVICE_H
