//===- EmbeddingKernels.cpp - Tables of tokens and of positions -----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/FlatKernel.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

/// Threads of a block where each has one vector of a row.
static constexpr int64_t kThreads = 256;
/// As in EmbeddingGradShape of kernels/embedding.cuh.
static constexpr int64_t kTableRows = 64, kListBytes = (8 * 1024 + 8) * 4;

LogicalResult cuda::lowerEmbedding(EmbeddingOp op, KernelSet &set,
                                   Launches &launches) {
  int64_t width =
      cast<RankedTensorType>(op.getTable().getType()).getShape().back();
  int64_t count =
      cast<RankedTensorType>(op.getTokens().getType()).getNumElements();
  Builder builder(op.getContext());
  Type element = elementOf(op.getResult());
  int64_t lanes = getLanes(element, width);
  KernelSpec spec;
  spec.kind = "embedding";
  spec.source = "embedding";
  spec.includes = {"embedding.cuh"};
  spec.buffers = {{builder.getF32Type(), "table", false, true},
                  {builder.getI32Type(), "tokens", false, true},
                  {element, "result", true, true}};
  spec.ints = {"count"};
  spec.threads = kThreads;
  spec.noSpills = true;
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, printCall("embed",
                                    {getTypeName(element).str(), text(width),
                                     text(lanes), text(kThreads)},
                                    {"table", "tokens", "result", "count"}));
  launch.value(op.getTable()).value(op.getTokens()).value(op.getResult());
  launch.count(count).grid(llvm::divideCeil(count * (width / lanes), kThreads));
  launches.push_back(std::move(launch.launch));
  return success();
}

/// table[tokens[i]] is the sum of the rows of `grad` with these tokens, in
/// their order, and of what stands there before if there is an addend.
static void launchTableGrad(Value grad, const KernelArgument &tokens,
                            Value table, bool hasAddend, KernelSet &set,
                            Launches &launches) {
  auto type = cast<RankedTensorType>(table.getType());
  int64_t vocabulary = type.getDimSize(0), width = type.getDimSize(1);
  int64_t count = getRows(cast<RankedTensorType>(grad.getType()));
  Builder builder(table.getContext());
  Type element = elementOf(grad);
  int64_t lanes = getLanes(element, width);
  KernelSpec spec;
  spec.kind = "embedding_grad";
  spec.source = hasAddend ? "embedding_grad with an addend" : "embedding_grad";
  spec.includes = {"embedding.cuh"};
  spec.buffers = {{element, "grad", false, true},
                  {builder.getI32Type(), "tokens", false, true},
                  {builder.getF32Type(), "table", true, true}};
  spec.ints = {"count", "vocabulary"};
  spec.threads = 256;
  spec.sharedBytes = kListBytes;
  spec.noSpills = true;
  LaunchBuilder launch;
  launch.launch.kernel = set.getKernel(
      spec, printCall("embeddingGrad",
                      {getTypeName(element).str(), text(width), text(lanes),
                       hasAddend ? "true" : "false"},
                      {"grad", "tokens", "table", "count", "vocabulary"}));
  launch.value(grad).argument(tokens).value(table);
  launch.count(count).count(vocabulary);
  launch.grid(llvm::divideCeil(vocabulary, kTableRows),
              llvm::divideCeil(width, 32 * lanes));
  launches.push_back(std::move(launch.launch));
}

LogicalResult cuda::lowerEmbeddingGrad(EmbeddingGradOp op, KernelSet &set,
                                       Launches &launches) {
  KernelArgument tokens;
  tokens.value = op.getTokens();
  // An addend stands where the result will be.
  launchTableGrad(op.getGrad(), tokens, op.getResult(), bool(op.getAddend()),
                  set, launches);
  return success();
}

/// With documents, the gradient of positions is that of an embedding whose
/// tokens are how far each time is into its document: these, in the workspace.
static KernelArgument launchPositions(AddPositionsGradOp op, KernelSet &set,
                                      Launches &launches) {
  auto type = cast<RankedTensorType>(op.getStarts().getType());
  int64_t count = type.getNumElements();
  Type i32 = type.getElementType();
  KernelArgument positions = set.getScratch(count * sizeof(int32_t));
  KernelSpec spec;
  spec.kind = "positions";
  spec.source = "add_positions_grad: how far times are into their documents";
  spec.includes = {"device.cuh"};
  spec.buffers = {{i32, "starts", false, true}, {i32, "positions", true, true}};
  spec.ints = {"count", "time"};
  spec.threads = kThreads;
  spec.noSpills = true;
  LaunchBuilder launch;
  launch.launch.kernel =
      set.getKernel(spec, [](llvm::raw_ostream &, llvm::raw_ostream &body) {
        body << "  const long long i = blockIdx.x * " << kThreads
             << "ll + threadIdx.x;\n"
                "  if (i < count)\n"
                "    positions[i] = static_cast<int>(i % time) - starts[i];\n";
      });
  launch.value(op.getStarts()).argument(positions);
  launch.count(count).count(type.getDimSize(1));
  launch.grid(llvm::divideCeil(count, kThreads));
  launches.push_back(std::move(launch.launch));
  return positions;
}

LogicalResult cuda::lowerAddPositionsGrad(AddPositionsGradOp op, KernelSet &set,
                                          Launches &launches) {
  if (op.getStarts()) {
    KernelArgument positions = launchPositions(op, set, launches);
    launchTableGrad(op.getGrad(), positions, op.getResult(),
                    /*hasAddend=*/false, set, launches);
    return success();
  }
  auto grad = cast<RankedTensorType>(op.getGrad().getType());
  auto table = cast<RankedTensorType>(op.getResult().getType());
  int64_t positions = table.getDimSize(0), width = table.getDimSize(1);
  int64_t time = grad.getDimSize(1);
  Type element = elementOf(op.getGrad());
  int64_t lanes = getLanes(element, width);
  KernelSpec spec;
  spec.kind = "positions_grad";
  spec.source = "add_positions_grad";
  spec.includes = {"embedding.cuh"};
  spec.buffers = {{element, "grad", false, true},
                  {elementOf(op.getResult()), "table", true, true}};
  spec.ints = {"sequences", "positions"};
  spec.threads = kThreads;
  spec.noSpills = true;
  LaunchBuilder launch;
  launch.launch.kernel = set.getKernel(
      spec, printCall("addPositionsGrad",
                      {getTypeName(element).str(), text(width), text(time),
                       text(lanes), text(kThreads)},
                      {"grad", "table", "sequences", "positions"}));
  launch.value(op.getGrad()).value(op.getResult());
  launch.count(grad.getDimSize(0)).count(positions);
  launch.grid(llvm::divideCeil(positions * (width / lanes), kThreads));
  launches.push_back(std::move(launch.launch));
  return success();
}
