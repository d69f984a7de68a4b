//===- command_list.h - Commands of a CUDA program, resolved ------ C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_COMMAND_LIST_H
#define LNS_RUNTIME_CUDA_COMMAND_LIST_H

#include "runtime/cuda/kernel_loader.h"
#include "runtime/cuda/memory.h"
#include "runtime/cuda/products.h"
#include "runtime/plan/session_device.h"

#include <array>
#include <memory>
#include <vector>

namespace lns::cuda {

/// One command with its operands' addresses.
struct Command {
  plan::CommandBody kind = plan::CommandBody::NONE;
  const char *name = "";
  const char *group = "";
  CommandCost cost;
  // Launch
  CuFunction function = nullptr;
  const char *symbol = "";
  std::array<uint32_t, 3> grid = {};
  uint32_t threads = 0;
  uint32_t sharedBytes = 0;
  void **parameters = nullptr;
  // Matmul
  size_t product = 0;
  ProductOperands operands;
  // Fill and Copy
  CuAddress from = 0, to = 0;
  uint64_t bytes = 0;
  uint32_t value = 0; ///< the bits of what a fill sets
  // Repeat: the entry point's index, and how often
  const plan::Repeat *repeat = nullptr;

  /// Part of the floor that no plan with these products can go below.
  bool isProduct() const;
};

/// Memory by plan::Segment.
using Segments = std::array<DeviceMemory, size_t(plan::Segment::MAX) + 1>;

/// What commands are resolved against.
struct CommandContext {
  const plan::CudaProgram &program;
  const Driver &driver;
  const Segments &segments;
  const LoadedKernels &kernels;
  LibraryProducts &products;

  CuAddress address(const plan::BufferRef &buffer) const {
    return segments[size_t(buffer.segment())].address() + buffer.offset();
  }
};

/// Commands in their order, and the parameters of their launches.
class CommandList {
public:
  /// Any command but Alternatives, of which one option's commands are added.
  Error add(const plan::Command &command, CommandContext &context);
  /// Makes `cost` that of the command added as number `index`.
  void setCost(size_t index, const CommandCost &cost) {
    commands[index].cost = cost;
  }
  const std::vector<Command> &all() const { return commands; }

private:
  /// Pointers to values, as a launch wants them.
  struct Parameters {
    std::vector<uint64_t> values;
    std::vector<void *> pointers;
  };
  std::vector<Command> commands;
  std::vector<std::unique_ptr<Parameters>> parameters;
};

/// Puts one command, which is no Repeat, on the stream.
Error execute(const Command &command, const CommandContext &context,
              CuStream stream);

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_COMMAND_LIST_H
