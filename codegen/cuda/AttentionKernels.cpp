//===- AttentionKernels.cpp - Attention's kernels and their tiles ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Tiles are as large as registers allow without spills on every architecture
// (255 a thread, which two blocks of four warps leave room for). Two row tiles
// a warp halve what a product reads from shared memory for the other side: with
// one, products in bf16 wait for shared memory on Hopper, not for the tensor
// cores. f32 has no such units to feed; its tiles are bound by shared memory.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/AttentionKernels.h"
#include "llvm/Support/MathExtras.h"

using namespace lns::cuda;

int64_t AttentionShape::depth() const {
  return llvm::alignTo(headDim, headDim <= 128 ? 16 : 32);
}

static AttentionTiles getBf16Tiles(AttentionPart part, int64_t depth) {
  switch (part) {
  case AttentionPart::Forward:
    if (depth <= 96)
      return {4, 2, 64, 1, 1};
    return depth <= 128 ? AttentionTiles{4, 2, 48, 1, 1}
                        : AttentionTiles{4, 1, 32, 1, 1};
  case AttentionPart::GradQ:
    if (depth <= 64)
      return {4, 2, 48, 2, 1};
    if (depth <= 80)
      return {4, 2, 32, 2, 1};
    return depth <= 128 ? AttentionTiles{4, 2, 32, 1, 1}
                        : AttentionTiles{4, 1, 32, 1, 1};
  case AttentionPart::GradKv:
    if (depth <= 32)
      return {4, 2, 48, 2, 1};
    if (depth <= 64)
      return {4, 2, 32, 2, 1};
    if (depth <= 96)
      return {4, 1, 64, 2, 1};
    return depth <= 128 ? AttentionTiles{4, 1, 32, 2, 1}
                        : AttentionTiles{4, 1, 32, 1, 2};
  }
  llvm_unreachable("unknown part");
}

static AttentionTiles getF32Tiles(AttentionPart part, int64_t depth) {
  if (depth > 128)
    return {4, 1, part == AttentionPart::Forward ? 32u : 16u, 1, 2};
  bool isNarrow = part == AttentionPart::GradQ || depth > 64;
  return {4, 1, part != AttentionPart::Forward && isNarrow ? 16u : 32u, 1, 1};
}

AttentionTiles lns::cuda::getTiles(AttentionPart part,
                                   const AttentionShape &shape) {
  return shape.isBf16 ? getBf16Tiles(part, shape.depth())
                      : getF32Tiles(part, shape.depth());
}

uint64_t lns::cuda::getSharedBytes(AttentionPart part,
                                   const AttentionShape &shape) {
  AttentionTiles tiles = getTiles(part, shape);
  uint64_t rowBytes = shape.depth() * shape.elementBytes() + 16;
  if (part == AttentionPart::Forward)
    return rowBytes * (tiles.rows() + 2 * tiles.columns);
  uint64_t pairs = rowBytes * 2 * (tiles.rows() + tiles.stages * tiles.columns);
  uint64_t statistics = tiles.stages * 2 * tiles.columns * sizeof(float);
  return part == AttentionPart::GradKv ? pairs + statistics : pairs;
}

void lns::cuda::printAttention(llvm::raw_ostream &os, llvm::StringRef symbol,
                               AttentionPart part, const AttentionShape &shape,
                               bool hasLse) {
  const char *file = "forward", *function = "attentionForward";
  llvm::StringRef inputs = "query key value", outputs = "result";
  if (part == AttentionPart::GradQ) {
    file = "grad_q", function = "attentionGradQ";
    inputs = "query key value result lse grad", outputs = "query_grad delta";
  } else if (part == AttentionPart::GradKv) {
    file = "grad_kv", function = "attentionGradKv";
    inputs = "query key value lse grad delta", outputs = "key_grad value_grad";
  } else if (hasLse) {
    outputs = "result lse";
  }

  const char *element = shape.isBf16 ? "lns::bf16" : "float";
  AttentionTiles tiles = getTiles(part, shape);
  os << "#include \"attention_" << file << ".cuh\"\n"
     << "extern \"C\" __global__ void __launch_bounds__(" << tiles.threads()
     << ")\n"
     << symbol << "(";
  std::string arguments;
  auto print = [&](llvm::StringRef names, const char *constness) {
    for (llvm::StringRef name : llvm::split(names, ' ')) {
      bool isStatistic = name == "lse" || name == "delta";
      os << constness << (isStatistic ? "float" : element) << " *__restrict__ "
         << name << ", ";
      arguments += name.str() + ", ";
    }
  };
  print(inputs, "const ");
  print(outputs, "");
  if (part == AttentionPart::Forward && !hasLse)
    arguments += "nullptr, ";
  os << "float scale, long long time) {\n"
     << "  lns::" << function << "<\n"
     << "      lns::AttentionShape<" << element << ", " << shape.headDim << ", "
     << shape.heads << ", " << shape.kvHeads << ", "
     << (shape.causal ? "true" : "false") << ">,\n"
     << "      lns::AttentionTiles<" << tiles.warps << ", " << tiles.rowTiles
     << ", " << tiles.columns << ", " << tiles.stages << ", " << tiles.groups
     << ">";
  if (part == AttentionPart::Forward)
    os << ", " << (hasLse ? "true" : "false");
  os << ">(\n      " << arguments << "scale, int(time));\n}\n";
}
