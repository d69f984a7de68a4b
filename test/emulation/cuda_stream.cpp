//===- cuda_stream.cpp - Emulated driver: streams, events, graphs - C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/emulation/DriverCall.h"

#include <algorithm>
#include <cstring>
#include <utility>

using namespace lns::emulation;

namespace {

/// A call that asks something of a stream.
struct StreamCall : DriverCall {
  explicit StreamCall(CUstream stream) {
    if (error)
      return;
    if (!stream)
      error = report(CUDA_ERROR_NOT_SUPPORTED,
                     "the default stream is not emulated");
    else if (!driver.streams.has(stream))
      error = CUDA_ERROR_INVALID_HANDLE;
    else if (stream->context != context)
      error = CUDA_ERROR_INVALID_CONTEXT;
  }
};

unsigned char *asBytes(CUdeviceptr pointer) {
  return reinterpret_cast<unsigned char *>(pointer);
}

/// Whether a copy or a memset stays inside of an allocation.
CUresult checkRange(CUcontext context, const char *call, CUdeviceptr pointer,
                    size_t bytes) {
  if (context->memory.contains(asBytes(pointer), bytes))
    return CUDA_SUCCESS;
  return report(CUDA_ERROR_INVALID_VALUE,
                std::string(call) + ": " + std::to_string(bytes) + " bytes " +
                    context->memory.describe(asBytes(pointer)));
}

/// One that runs later checks again: its memory may have been freed.
Operation makeCopy(CUcontext context, const char *name, void *to,
                   const void *from, size_t bytes, bool checkTo,
                   bool checkFrom) {
  return [=] {
    auto check = [&](const void *pointer) {
      return checkRange(context, name, reinterpret_cast<CUdeviceptr>(pointer),
                        bytes);
    };
    CUresult error = checkTo ? check(to) : CUDA_SUCCESS;
    if (!error && checkFrom)
      error = check(from);
    if (!error)
      std::memcpy(to, from, bytes);
    return error;
  };
}

} // namespace

extern "C" {

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

LNS_EMU_API cuStreamCreate(CUstream *stream, unsigned flags) {
  DriverCall call;
  if (call.error)
    return call.error;
  if (!stream || flags > 1)
    return CUDA_ERROR_INVALID_VALUE;
  auto object = std::make_unique<CUstream_st>();
  object->context = call.context;
  *stream = call.driver.streams.add(std::move(object));
  return CUDA_SUCCESS;
}

LNS_EMU_API cuStreamDestroy_v2(CUstream stream) {
  StreamCall call(stream);
  if (call.error)
    return call.error;
  CUresult error = call.driver.flush(*stream);
  call.driver.streams.remove(stream);
  return error;
}

LNS_EMU_API cuStreamSynchronize(CUstream stream) {
  StreamCall call(stream);
  if (call.error)
    return call.error;
  if (stream->isCapturing) {
    stream->isInvalidated = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  if (CUresult refused = call.driver.refuseInCapture(call.context))
    return refused;
  return call.driver.flush(*stream);
}

//===----------------------------------------------------------------------===//
// Copies and launches
//===----------------------------------------------------------------------===//

LNS_EMU_API cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes,
                                 CUstream stream) {
  StreamCall call(stream);
  if (call.error || bytes == 0)
    return call.error;
  if (CUresult error = checkRange(call.context, "cuMemcpyHtoDAsync", to, bytes))
    return error;
  Operation copy = makeCopy(call.context, "cuMemcpyHtoDAsync", asBytes(to),
                            from, bytes, /*checkTo=*/true, /*checkFrom=*/false);
  if (stream->isCapturing || call.driver.isPinned(from, bytes))
    return call.driver.submit(*stream, std::move(copy));
  // Of memory that is not pinned the driver takes a copy before it returns.
  auto *bytesOf = static_cast<const unsigned char *>(from);
  auto taken =
      std::make_shared<std::vector<unsigned char>>(bytesOf, bytesOf + bytes);
  copy = makeCopy(call.context, "cuMemcpyHtoDAsync", asBytes(to), taken->data(),
                  bytes, /*checkTo=*/true, /*checkFrom=*/false);
  return call.driver.submit(*stream, [taken, copy] { return copy(); });
}

LNS_EMU_API cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes,
                                 CUstream stream) {
  StreamCall call(stream);
  if (call.error || bytes == 0)
    return call.error;
  if (CUresult error =
          checkRange(call.context, "cuMemcpyDtoHAsync", from, bytes))
    return error;
  bool waits = !stream->isCapturing && !call.driver.isPinned(to, bytes);
  CUresult error = call.driver.submit(
      *stream, makeCopy(call.context, "cuMemcpyDtoHAsync", to, asBytes(from),
                        bytes, /*checkTo=*/false, /*checkFrom=*/true));
  // To memory that is not pinned, the copy is done when the call returns.
  return error || !waits ? error : call.driver.flush(*stream);
}

LNS_EMU_API cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes,
                                 CUstream stream) {
  StreamCall call(stream);
  if (call.error || bytes == 0)
    return call.error;
  for (CUdeviceptr end : {to, from})
    if (CUresult error =
            checkRange(call.context, "cuMemcpyDtoDAsync", end, bytes))
      return error;
  if (std::max(to, from) - std::min(to, from) < bytes)
    return report(CUDA_ERROR_INVALID_VALUE,
                  "cuMemcpyDtoDAsync: the two regions overlap");
  return call.driver.submit(*stream, makeCopy(call.context, "cuMemcpyDtoDAsync",
                                              asBytes(to), asBytes(from), bytes,
                                              /*checkTo=*/true,
                                              /*checkFrom=*/true));
}

LNS_EMU_API cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes,
                            CUstream stream) {
  StreamCall call(stream);
  if (call.error || bytes == 0)
    return call.error;
  if (CUresult error = checkRange(call.context, "cuMemsetD8Async", to, bytes))
    return error;
  CUcontext context = call.context;
  return call.driver.submit(*stream, [=] {
    CUresult error = checkRange(context, "cuMemsetD8Async", to, bytes);
    if (!error)
      std::memset(asBytes(to), value, bytes);
    return error;
  });
}

LNS_EMU_API cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count,
                             CUstream stream) {
  StreamCall call(stream);
  if (call.error || count == 0)
    return call.error;
  if (to % sizeof(unsigned) != 0)
    return CUDA_ERROR_INVALID_VALUE;
  size_t bytes = count * sizeof(unsigned);
  if (CUresult error = checkRange(call.context, "cuMemsetD32Async", to, bytes))
    return error;
  CUcontext context = call.context;
  return call.driver.submit(*stream, [=] {
    CUresult error = checkRange(context, "cuMemsetD32Async", to, bytes);
    if (!error)
      std::fill_n(reinterpret_cast<unsigned *>(asBytes(to)), count, value);
    return error;
  });
}

LNS_EMU_API cuLaunchKernel(CUfunction function, unsigned gridX, unsigned gridY,
                           unsigned gridZ, unsigned blockX, unsigned blockY,
                           unsigned blockZ, unsigned sharedBytes,
                           CUstream stream, void **params, void **extra) {
  StreamCall call(stream);
  if (call.error)
    return call.error;
  if (!call.driver.functions.count(function))
    return CUDA_ERROR_INVALID_HANDLE;
  const LnsEmuKernel &kernel = *function->kernel;
  auto refuse = [&](CUresult error, const std::string &what) {
    return report(error, std::string("cuLaunchKernel of ") + kernel.name +
                             ": " + what);
  };
  if (blockY != 1 || blockZ != 1 || extra)
    return refuse(CUDA_ERROR_NOT_SUPPORTED,
                  "blocks of several dimensions and 'extra' are not emulated");
  if (!gridX || !gridY || !gridZ || gridX > 0x7fffffffu || gridY > 65535 ||
      gridZ > 65535)
    return refuse(CUDA_ERROR_INVALID_VALUE, "no such grid");
  if (blockX == 0 || blockX > kMaxThreads)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  std::to_string(blockX) + " threads in a block");
  if (blockX > kernel.maxThreads)
    return refuse(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
                  std::to_string(blockX) +
                      " threads in a block, its launch bounds allow " +
                      std::to_string(kernel.maxThreads));
  auto allowed =
      static_cast<unsigned>(std::max(function->maxDynamicShared, 48 * 1024));
  if (sharedBytes > allowed)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  std::to_string(sharedBytes) +
                      " bytes of dynamic shared memory, its attribute allows " +
                      std::to_string(allowed));
  if (!params && kernel.numParams)
    return refuse(CUDA_ERROR_INVALID_VALUE, "no parameters");

  // The caller's parameters are read now, the launch is later.
  struct Launch {
    std::shared_ptr<Module> module;
    const LnsEmuKernel *kernel;
    std::vector<std::vector<unsigned char>> values;
    LaunchShape shape;
    CUcontext context;
  };
  auto launch = std::make_shared<Launch>();
  launch->module = function->module->module;
  launch->kernel = &kernel;
  launch->shape = {
      {gridX, gridY, gridZ}, blockX, sharedBytes, call.driver.settings.seed};
  launch->context = call.context;
  for (unsigned i = 0; i < kernel.numParams; ++i) {
    auto *value = static_cast<unsigned char *>(params[i]);
    launch->values.emplace_back(value, value + kernel.paramBytes[i]);
  }
  return call.driver.submit(*stream, [launch] {
    std::vector<void *> pointers;
    for (std::vector<unsigned char> &value : launch->values)
      pointers.push_back(value.data());
    std::string error = runLaunch(
        launch->module->description(), *launch->kernel, pointers.data(),
        launch->shape, launch->module->range(), launch->context->memory);
    return error.empty() ? CUDA_SUCCESS
                         : report(CUDA_ERROR_LAUNCH_FAILED, error);
  });
}

//===----------------------------------------------------------------------===//
// Events
//===----------------------------------------------------------------------===//

LNS_EMU_API cuEventCreate(CUevent *event, unsigned flags) {
  DriverCall call;
  if (call.error)
    return call.error;
  if (!event)
    return CUDA_ERROR_INVALID_VALUE;
  auto object = std::make_unique<CUevent_st>();
  object->context = call.context;
  object->isTimed = !(flags & CU_EVENT_DISABLE_TIMING);
  *event = call.driver.events.add(std::move(object));
  return CUDA_SUCCESS;
}

LNS_EMU_API cuEventDestroy_v2(CUevent event) {
  DriverCall call;
  if (call.error)
    return call.error;
  if (!call.driver.events.has(event))
    return CUDA_ERROR_INVALID_HANDLE;
  // A record that still waits in a stream must find its event.
  if (event->stream && call.driver.streams.has(event->stream))
    call.driver.flush(*event->stream);
  call.driver.events.remove(event);
  return call.context->error;
}

LNS_EMU_API cuEventRecord(CUevent event, CUstream stream) {
  StreamCall call(stream);
  if (call.error)
    return call.error;
  if (!call.driver.events.has(event))
    return CUDA_ERROR_INVALID_HANDLE;
  // In a capture it is a mark between operations, and no operation.
  event->isCaptured = stream->isCapturing;
  if (stream->isCapturing)
    return CUDA_SUCCESS;
  event->stream = stream;
  ++event->asked;
  return call.driver.submit(*stream, [event] {
    ++event->happened;
    event->time = std::chrono::steady_clock::now();
    return CUDA_SUCCESS;
  });
}

LNS_EMU_API cuEventSynchronize(CUevent event) {
  DriverCall call;
  if (call.error)
    return call.error;
  if (!call.driver.events.has(event))
    return CUDA_ERROR_INVALID_HANDLE;
  if (event->isCaptured)
    return CUDA_ERROR_CAPTURED_EVENT;
  if (CUresult refused = call.driver.refuseInCapture(call.context))
    return refused;
  if (event->stream && call.driver.streams.has(event->stream))
    return call.driver.flush(*event->stream);
  return CUDA_SUCCESS;
}

LNS_EMU_API cuEventElapsedTime(float *milliseconds, CUevent start,
                               CUevent end) {
  DriverCall call;
  if (call.error)
    return call.error;
  for (CUevent event : {start, end}) {
    if (!call.driver.events.has(event) || !event->isTimed || !event->asked)
      return CUDA_ERROR_INVALID_HANDLE;
    if (event->isCaptured)
      return CUDA_ERROR_CAPTURED_EVENT;
    if (event->happened < event->asked)
      return CUDA_ERROR_NOT_READY;
  }
  std::chrono::duration<float, std::milli> elapsed = end->time - start->time;
  *milliseconds = elapsed.count();
  return CUDA_SUCCESS;
}

LNS_EMU_API cuEventElapsedTime_v2(float *milliseconds, CUevent start,
                                  CUevent end) {
  return cuEventElapsedTime(milliseconds, start, end);
}

//===----------------------------------------------------------------------===//
// Capture and graphs
//===----------------------------------------------------------------------===//

LNS_EMU_API cuStreamBeginCapture_v2(CUstream stream, CUstreamCaptureMode mode) {
  StreamCall call(stream);
  if (call.error)
    return call.error;
  if (stream->isCapturing)
    return CUDA_ERROR_INVALID_VALUE;
  stream->isCapturing = true;
  stream->isInvalidated = false;
  stream->captureMode = mode;
  stream->capturingThread = std::this_thread::get_id();
  stream->captured.clear();
  return CUDA_SUCCESS;
}

LNS_EMU_API cuStreamEndCapture(CUstream stream, CUgraph *graph) {
  StreamCall call(stream);
  if (call.error)
    return call.error;
  if (!graph || !stream->isCapturing)
    return CUDA_ERROR_INVALID_VALUE;
  stream->isCapturing = false;
  std::vector<Operation> captured = std::move(stream->captured);
  stream->captured.clear();
  *graph = nullptr;
  if (std::exchange(stream->isInvalidated, false))
    return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  auto object = std::make_unique<CUgraph_st>();
  object->context = call.context;
  object->operations = std::move(captured);
  *graph = call.driver.graphs.add(std::move(object));
  return CUDA_SUCCESS;
}

LNS_EMU_API cuGraphInstantiateWithFlags(CUgraphExec *executable, CUgraph graph,
                                        unsigned long long) {
  DriverCall call;
  if (call.error)
    return call.error;
  if (!call.driver.graphs.has(graph))
    return CUDA_ERROR_INVALID_HANDLE;
  auto object = std::make_unique<CUgraphExec_st>();
  object->context = graph->context;
  object->operations = graph->operations;
  *executable = call.driver.executables.add(std::move(object));
  return CUDA_SUCCESS;
}

LNS_EMU_API cuGraphLaunch(CUgraphExec executable, CUstream stream) {
  StreamCall call(stream);
  if (call.error)
    return call.error;
  if (!call.driver.executables.has(executable))
    return CUDA_ERROR_INVALID_HANDLE;
  for (const Operation &operation : executable->operations)
    if (CUresult error = call.driver.submit(*stream, operation))
      return error;
  return CUDA_SUCCESS;
}

LNS_EMU_API cuGraphExecDestroy(CUgraphExec executable) {
  DriverCall call;
  if (call.error)
    return call.error;
  return call.driver.executables.remove(executable) ? CUDA_SUCCESS
                                                    : CUDA_ERROR_INVALID_HANDLE;
}

LNS_EMU_API cuGraphDestroy(CUgraph graph) {
  DriverCall call;
  if (call.error)
    return call.error;
  return call.driver.graphs.remove(graph) ? CUDA_SUCCESS
                                          : CUDA_ERROR_INVALID_HANDLE;
}

//===----------------------------------------------------------------------===//
// For the emulated cuBLASLt
//===----------------------------------------------------------------------===//

LNS_EMU_API lnsEmuSubmit(CUstream stream, CUresult (*run)(void *), void *state,
                         void (*drop)(void *)) {
  std::shared_ptr<void> owner(state, drop);
  StreamCall call(stream);
  if (call.error)
    return call.error;
  return call.driver.submit(*stream, [run, owner] { return run(owner.get()); });
}

LNS_EMU_API lnsEmuCheckRange(CUstream stream, const char *what,
                             const void *pointer, size_t bytes) {
  // Called by an operation, under the driver's lock.
  return checkRange(stream->context, what,
                    reinterpret_cast<CUdeviceptr>(pointer), bytes);
}

} // extern "C"
