//===- DriverCall.h - What begins a call of the emulated driver --- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_EMULATION_DRIVERCALL_H
#define LNS_TEST_EMULATION_DRIVERCALL_H

#include "test/emulation/Driver.h"

#define LNS_EMU_API __attribute__((visibility("default"))) CUresult

namespace lns::emulation {

/// Holds the driver's lock, and says whether the call may go on.
struct DriverCall {
  enum Needs {
    /// cuInit was called.
    NeedsInit,
    /// The thread has a context, which has no error.
    NeedsContext,
    /// And none of its streams is being captured.
    NotInCapture,
  };

  explicit DriverCall(Needs needs = NeedsContext)
      : driver(Driver::get()), lock(driver.mutex) {
    if (!driver.isInitialized) {
      error = CUDA_ERROR_NOT_INITIALIZED;
      return;
    }
    if (needs == NeedsInit)
      return;
    context = currentContext();
    if (!driver.isLive(context))
      error = CUDA_ERROR_INVALID_CONTEXT;
    else if (context->error)
      error = context->error;
    else if (needs == NotInCapture)
      error = driver.refuseInCapture(context);
  }

  CUresult checkDevice(CUdevice device) {
    bool isThere = device >= 0 && device < driver.settings.devices;
    return error = isThere ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
  }

  Driver &driver;
  std::lock_guard<std::mutex> lock;
  CUcontext context = nullptr;
  CUresult error = CUDA_SUCCESS;
};

} // namespace lns::emulation

#endif // LNS_TEST_EMULATION_DRIVERCALL_H
