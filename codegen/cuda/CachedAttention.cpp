//===- CachedAttention.cpp - Decoding a token at a time -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/FlatKernel.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

/// Threads of a block: keys of a tile, and columns of a head.
static constexpr int64_t kThreads = 128;
/// So that a query and a tile's numbers are at most 99 KB of shared memory.
static constexpr int64_t kMaxHeadDim = 16384;

LogicalResult cuda::lowerAppend(AppendOp op, KernelSet &set,
                                Launches &launches) {
  auto cache = cast<RankedTensorType>(op.getCache().getType());
  auto rows = cast<RankedTensorType>(op.getRows().getType());
  int64_t width = cache.getDimSize(2);
  Type element = cache.getElementType();
  KernelSpec spec;
  spec.kind = "append";
  spec.source = "append";
  spec.includes = {"cached_attention.cuh"};
  spec.buffers = {
      {element, "rows", false, true},
      {IntegerType::get(op.getContext(), 32), "starts", false, true},
      {element, "cache", true, true}};
  spec.ints = {"time", "positions"};
  spec.threads = kThreads;
  spec.noSpills = true;
  LaunchBuilder launch;
  launch.launch.kernel = set.getKernel(
      spec, printCall("appendRows",
                      {getTypeName(element).str(), text(width),
                       text(getLanes(element, width)), text(kThreads)},
                      {"rows", "starts", "cache", "time", "positions"}));
  // What is not replaced stands there already.
  launch.value(op.getRows()).value(op.getStarts()).value(op.getResult());
  launch.count(rows.getDimSize(1)).count(cache.getDimSize(1));
  launch.grid(getRows(rows));
  launches.push_back(std::move(launch.launch));
  return success();
}

LogicalResult cuda::lowerCachedAttention(CachedAttentionOp op, KernelSet &set,
                                         Launches &launches) {
  auto query = cast<RankedTensorType>(op.getQuery().getType());
  auto key = cast<RankedTensorType>(op.getKey().getType());
  Type element = query.getElementType();
  int64_t headDim = op.getHeadDim();
  if (headDim > kMaxHeadDim)
    return op.emitOpError() << "has heads of size " << headDim
                            << ", but CUDA's attention to caches has at most "
                            << kMaxHeadDim << "; compile for the CPU";
  std::optional<uint64_t> window = op.getWindow();
  std::optional<llvm::APFloat> cap = op.getSoftcap();
  KernelSpec spec;
  spec.kind = "attention";
  spec.hint = "cached_d" + std::to_string(headDim);
  spec.source = ("cached_attention heads(" + Twine(op.getHeads()) +
                 ") kv_heads(" + Twine(op.getKvHeads()) + ")" +
                 (window ? " window" : "") + (cap ? " softcap" : ""))
                    .str();
  spec.includes = {"cached_attention.cuh"};
  spec.buffers = {
      {element, "query", false, true},
      {element, "keys", false, true},
      {element, "values", false, true},
      {IntegerType::get(op.getContext(), 32), "starts", false, true},
      {element, "result", true, true}};
  spec.floats = {"scale"};
  spec.ints = {"time", "positions"};
  SmallVector<StringRef> arguments = {"query",  "keys",  "values", "starts",
                                      "result", "scale", "time",   "positions"};
  if (window)
    spec.ints.push_back("window");
  if (window || cap)
    arguments.push_back(window ? "int(window)" : "0");
  if (cap) {
    spec.floats.push_back("cap");
    arguments.push_back("cap");
  }
  spec.threads = kThreads;
  spec.sharedBytes = (headDim + kThreads + kThreads / 32) * sizeof(float);
  spec.noSpills = headDim <= 512;
  auto flag = [](bool value) { return value ? "true" : "false"; };
  std::string shape =
      ("lns::AttentionShape<" + getTypeName(element) + ", " + Twine(headDim) +
       ", " + Twine(op.getHeads()) + ", " + Twine(op.getKvHeads()) +
       ", true, " + flag(window.has_value()) + ", " + flag(cap.has_value()) +
       ">")
          .str();
  LaunchBuilder launch;
  launch.launch.kernel = set.getKernel(
      spec, printCall("cachedAttention",
                      {shape, text(getLanes(element, headDim)), text(kThreads)},
                      arguments));
  for (Value operand : op->getOperands())
    launch.value(operand);
  launch.value(op.getResult());
  launch.number(op.getEffectiveScale());
  launch.count(query.getDimSize(1)).count(key.getDimSize(1));
  // Sums must not overflow.
  if (window)
    launch.count(std::min(static_cast<int64_t>(*window), key.getDimSize(1)));
  if (cap)
    launch.number(cap->convertToDouble());
  launch.grid(op.getHeads(), query.getDimSize(1), query.getDimSize(0));
  launches.push_back(std::move(launch.launch));
  return success();
}
