//===- Driver.h - State of the emulated driver -------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A stream keeps what it was asked to do and does it when somebody waits for
// it: that is as late as a device may, so a wait that is missing shows. An
// operation that fails leaves its context unusable, as on a device: every later
// call returns the error, until the context was released by all who retained
// it.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_EMULATION_DRIVER_H
#define LNS_TEST_EMULATION_DRIVER_H

#include "test/emulation/Module.h"
#include "test/emulation/cuda_abi.h"

#include <chrono>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

/// An operation on a stream, run once or whenever its graph is launched.
using Operation = std::function<CUresult()>;

struct CUctx_st {
  CUdevice device = 0;
  unsigned retained = 0;
  CUresult error = CUDA_SUCCESS;
  lns::emulation::DeviceMemory memory;
  explicit CUctx_st(size_t bytes) : memory(bytes) {}
};

struct CUstream_st {
  CUcontext context = nullptr;
  std::vector<Operation> queue;
  bool isCapturing = false, isInvalidated = false;
  CUstreamCaptureMode captureMode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  std::thread::id capturingThread;
  std::vector<Operation> captured;
};

struct CUevent_st {
  CUcontext context = nullptr;
  CUstream stream = nullptr;
  bool isTimed = true, isCaptured = false;
  /// Records that were asked for and that have happened.
  unsigned asked = 0, happened = 0;
  std::chrono::steady_clock::time_point time;
};

struct CUfunc_st {
  CUmodule module = nullptr;
  const LnsEmuKernel *kernel = nullptr;
  int maxDynamicShared = 48 * 1024;
};

struct CUmod_st {
  CUcontext context = nullptr;
  std::shared_ptr<lns::emulation::Module> module;
  std::map<std::string, std::unique_ptr<CUfunc_st>> functions;
};

struct CUgraph_st {
  CUcontext context = nullptr;
  std::vector<Operation> operations;
};

struct CUgraphExec_st : CUgraph_st {};

namespace lns::emulation {

/// Handles that the driver gave out and has not taken back.
template <class T> class Handles {
public:
  T *add(std::unique_ptr<T> object) {
    T *handle = object.get();
    objects.emplace(handle, std::move(object));
    return handle;
  }
  bool has(T *handle) const { return objects.count(handle) != 0; }
  bool remove(T *handle) { return objects.erase(handle) != 0; }
  template <class Function> void each(Function function) {
    for (auto &[handle, object] : objects)
      function(*handle);
  }
  template <class Predicate> void removeIf(Predicate predicate) {
    for (auto it = objects.begin(); it != objects.end();)
      it = predicate(*it->second) ? objects.erase(it) : std::next(it);
  }

private:
  std::map<T *, std::unique_ptr<T>> objects;
};

/// What the environment says when cuInit is called: LNS_EMU_DEVICES,
/// LNS_EMU_DRIVER_VERSION, LNS_EMU_ARCH (80 for sm_80), LNS_EMU_MEMORY (bytes
/// of a device), LNS_EMU_SEED, LNS_EMU_CHECK, and LNS_EMU_LOCAL_BYTES, the
/// spills that every kernel is said to have.
struct Settings {
  int devices = 1;
  int driverVersion = 13000;
  int major = 8, minor = 0;
  size_t memoryBytes = size_t(4) << 30;
  uint64_t seed = 0;
  bool isChecked = false;
  int localBytes = 0;
  /// Of LNS_EMU_ARCH.
  size_t sharedPerBlock() const;

  static Settings read();
};

struct Driver {
  std::mutex mutex;
  bool isInitialized = false;
  Settings settings;
  std::vector<std::unique_ptr<CUctx_st>> contexts;
  Handles<CUstream_st> streams;
  Handles<CUevent_st> events;
  Handles<CUmod_st> modules;
  std::set<CUfunction> functions;
  Handles<CUgraph_st> graphs;
  Handles<CUgraphExec_st> executables;
  /// Pinned memory: start and size.
  std::map<const unsigned char *, size_t> pinned;

  static Driver &get();

  /// Whether somebody retains the context; it may be one that is no more.
  bool isLive(CUcontext context) const;

  bool isPinned(const void *pointer, size_t bytes) const;
  /// Does all that a stream was asked to. Returns the context's error.
  CUresult flush(CUstream_st &stream);
  CUresult flushAll(CUcontext context);
  /// Does an operation when the stream's turn comes, or notes it for the graph.
  CUresult submit(CUstream_st &stream, Operation operation);
  /// Takes back all that is in a context, its error included.
  void destroy(CUctx_st &context);
  /// A call that a capture does not allow, of the calling thread or, as its
  /// mode is, of any: spoils what is being captured.
  CUresult refuseInCapture(CUcontext context);
};

/// The calling thread's context.
CUcontext &currentContext();

/// An error that deserves more words than its number, on stderr.
CUresult report(CUresult result, const std::string &what);

} // namespace lns::emulation

#endif // LNS_TEST_EMULATION_DRIVER_H
