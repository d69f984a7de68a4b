//===- command_list.cpp - Commands of a CUDA program, resolved ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/cuda/command_list.h"

#include <bit>
#include <cstring>
#include <string_view>

using namespace lns;
using namespace lns::cuda;
using plan::CommandBody;

bool Command::isProduct() const {
  return kind == CommandBody::Matmul || std::string_view(group) == "matmul";
}

/// A parameter takes eight bytes here whatever its size: the driver reads as
/// many as the kernel declares.
template <typename T> static uint64_t asParameter(T value) {
  static_assert(sizeof(T) <= sizeof(uint64_t));
  uint64_t bytes = 0;
  std::memcpy(&bytes, &value, sizeof(value));
  return bytes;
}

Error CommandList::add(const plan::Command &command, CommandContext &context) {
  Command out;
  out.kind = command.body_type();
  out.name = command.name()->c_str();
  out.cost = {command.bytes(), command.flops()};
  if (const plan::Launch *launch = command.body_as_Launch()) {
    const plan::CudaKernel &kernel =
        *context.program.kernels()->Get(launch->kernel());
    out.group = kernel.kind()->c_str();
    out.function = context.kernels.function(launch->kernel());
    out.symbol = kernel.symbol()->c_str();
    out.grid = {launch->grid_x(), launch->grid_y(), launch->grid_z()};
    out.threads = kernel.threads();
    out.sharedBytes = kernel.shared_bytes();
    auto own = std::make_unique<Parameters>();
    for (const plan::BufferRef *buffer : *launch->buffers())
      own->values.push_back(asParameter(context.address(*buffer)));
    if (launch->floats())
      for (float value : *launch->floats())
        own->values.push_back(asParameter(value));
    if (launch->ints())
      for (int64_t value : *launch->ints())
        own->values.push_back(asParameter(value));
    for (uint64_t &value : own->values)
      own->pointers.push_back(&value);
    out.parameters = own->pointers.data();
    parameters.push_back(std::move(own));
  } else if (const plan::Matmul *matmul = command.body_as_Matmul()) {
    out.group = "matmul";
    out.operands = {
        context.address(*matmul->a()), context.address(*matmul->b()),
        context.address(*matmul->c()), matmul->alpha(), matmul->beta()};
    if (Error error = context.products.prepare(ProductShape(*matmul),
                                               out.operands, out.product))
      return error;
  } else if (const plan::Repeat *repeat = command.body_as_Repeat()) {
    out.group = "repeat";
    out.repeat = repeat;
  } else if (const plan::Fill *fill = command.body_as_Fill()) {
    out.group = "fill";
    out.to = context.address(*fill->target());
    out.bytes = fill->target()->size();
    out.value = std::bit_cast<uint32_t>(fill->value());
  } else if (const plan::Copy *copy = command.body_as_Copy()) {
    out.group = "copy";
    out.from = context.address(*copy->source());
    out.to = context.address(*copy->target());
    out.bytes = copy->target()->size();
  } else {
    return makeError(LNSRT_INTERNAL, out.name, "unknown command");
  }
  commands.push_back(out);
  return nullptr;
}

Error lns::cuda::execute(const Command &command, const CommandContext &context,
                         CuStream stream) {
  const Driver &driver = context.driver;
  switch (command.kind) {
  case CommandBody::Launch: {
    CuResult result = driver.launchKernel(
        command.function, command.grid[0], command.grid[1], command.grid[2],
        command.threads, 1, 1, command.sharedBytes, stream, command.parameters,
        nullptr);
    // Only a failure makes text.
    if (result == kCuSuccess)
      return nullptr;
    return makeError(LNSRT_INTERNAL, command.name, "cannot launch kernel '",
                     command.symbol, "' of '", command.name, "' on ",
                     command.grid[0], " x ", command.grid[1], " x ",
                     command.grid[2], " blocks of ", command.threads,
                     " threads with ", command.sharedBytes,
                     " bytes of shared memory: ", driver.describe(result));
  }
  case CommandBody::Matmul:
    return context.products.run(command.product, command.operands, stream,
                                command.name);
  case CommandBody::Fill:
    return driver.check(driver.memsetD32Async(command.to, command.value,
                                              command.bytes / sizeof(float),
                                              stream),
                        command.name, "cannot fill memory");
  case CommandBody::Copy:
    return driver.check(
        driver.memcpyDtoDAsync(command.to, command.from, command.bytes, stream),
        command.name, "cannot copy memory");
  default:
    return makeError(LNSRT_INTERNAL, command.name, "unknown command");
  }
}
