//===- Driver.cpp - State of the emulated driver ------------------ C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/emulation/Driver.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

using namespace lns::emulation;

static uint64_t readNumber(const char *name, uint64_t fallback) {
  const char *text = std::getenv(name);
  return text && *text ? std::strtoull(text, nullptr, 0) : fallback;
}

Settings Settings::read() {
  Settings settings;
  settings.devices = static_cast<int>(readNumber("LNS_EMU_DEVICES", 1));
  settings.driverVersion =
      static_cast<int>(readNumber("LNS_EMU_DRIVER_VERSION", 13000));
  settings.memoryBytes = readNumber("LNS_EMU_MEMORY", settings.memoryBytes);
  settings.seed = readNumber("LNS_EMU_SEED", 0);
  settings.isChecked = readNumber("LNS_EMU_CHECK", 0) != 0;
  settings.localBytes = static_cast<int>(readNumber("LNS_EMU_LOCAL_BYTES", 0));
  int arch = static_cast<int>(readNumber("LNS_EMU_ARCH", 80));
  settings.major = arch / 10;
  settings.minor = arch % 10;
  return settings;
}

size_t Settings::sharedPerBlock() const {
  // CUDA C++ Programming Guide, "Technical Specifications per Compute
  // Capability".
  switch (major * 10 + minor) {
  case 80:
  case 87:
    return 163 * 1024;
  case 90:
  case 100:
  case 103:
  case 110:
    return 227 * 1024;
  default:
    return 99 * 1024;
  }
}

Driver &Driver::get() {
  static Driver driver;
  return driver;
}

CUcontext &lns::emulation::currentContext() {
  static thread_local CUcontext context = nullptr;
  return context;
}

CUresult lns::emulation::report(CUresult result, const std::string &what) {
  std::fprintf(stderr, "emulated cuda: %s\n", what.c_str());
  return result;
}

bool Driver::isLive(CUcontext context) const {
  return std::any_of(contexts.begin(), contexts.end(), [&](const auto &known) {
    return known.get() == context && known->retained != 0;
  });
}

bool Driver::isPinned(const void *pointer, size_t bytes) const {
  auto *begin = static_cast<const unsigned char *>(pointer);
  auto above = pinned.upper_bound(begin);
  if (above == pinned.begin())
    return false;
  auto &[start, size] = *std::prev(above);
  return begin + bytes <= start + size;
}

CUresult Driver::flush(CUstream_st &stream) {
  // An operation may not add others, but a queue that failed is dropped.
  std::vector<Operation> queue = std::move(stream.queue);
  stream.queue.clear();
  for (Operation &operation : queue) {
    if (stream.context->error)
      break;
    stream.context->error = operation();
  }
  return stream.context->error;
}

CUresult Driver::flushAll(CUcontext context) {
  streams.each([&](CUstream_st &stream) {
    if (stream.context == context)
      flush(stream);
  });
  return context->error;
}

CUresult Driver::submit(CUstream_st &stream, Operation operation) {
  if (stream.isInvalidated)
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  auto &list = stream.isCapturing ? stream.captured : stream.queue;
  list.push_back(std::move(operation));
  return CUDA_SUCCESS;
}

CUresult Driver::refuseInCapture(CUcontext context) {
  CUresult result = CUDA_SUCCESS;
  streams.each([&](CUstream_st &stream) {
    bool isMine = stream.capturingThread == std::this_thread::get_id();
    if (stream.context != context || !stream.isCapturing ||
        stream.captureMode == CU_STREAM_CAPTURE_MODE_RELAXED ||
        (stream.captureMode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL && !isMine))
      return;
    stream.isInvalidated = true;
    result = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  });
  return result;
}

void Driver::destroy(CUctx_st &context) {
  auto isInContext = [&](const auto &object) {
    return object.context == &context;
  };
  streams.removeIf(isInContext);
  events.removeIf(isInContext);
  graphs.removeIf(isInContext);
  executables.removeIf(isInContext);
  std::erase_if(functions, [&](CUfunction function) {
    return function->module->context == &context;
  });
  modules.removeIf(isInContext);
  context.memory = DeviceMemory(settings.memoryBytes);
  context.error = CUDA_SUCCESS;
}
