//===- Attention.cpp - Attention and its gradient as CUDA kernels ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// An attention is three kernels: the forward one, the gradient of queries,
// which leaves D = rowsum(dout * out) in scratch, and the gradients of keys and
// values, which reads it. They are templates in kernels/attention_*.cuh; here
// are the tiles that they are instantiated with.
//
// Tiles are as large as registers allow without spills on every architecture:
// 255 for a thread, with which two blocks of four warps fit; left to itself,
// the compiler spills some values for the sake of more blocks. Two row tiles a
// warp halve what a product reads from shared memory for the other side; with
// one, it is shared memory that products of bf16 wait for on Hopper, not the
// tensor cores.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/KernelSet.h"

#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

/// The largest head that the kernels have registers for.
static constexpr int64_t kMaxHeadDim = 256;

namespace {

enum class Part { Forward, GradQ, GradKv };

struct Shape {
  Type element;
  int64_t batch, time, headDim, heads, kvHeads;
  bool causal;
  double scale;
  std::optional<int64_t> window; ///< no more than time
  std::optional<double> cap;
  bool documents; ///< rows hold several

  template <typename Op> static Shape of(Op op) {
    auto query = cast<RankedTensorType>(op.getQuery().getType());
    Shape shape = {query.getElementType(),
                   query.getDimSize(0),
                   query.getDimSize(1),
                   op.getHeadDim(),
                   static_cast<int64_t>(op.getHeads()),
                   static_cast<int64_t>(op.getKvHeads()),
                   op.getCausal(),
                   op.getEffectiveScale(),
                   std::nullopt,
                   std::nullopt,
                   bool(op.getStarts())};
    // No query sees more keys than there are, and sums must not overflow.
    if (std::optional<uint64_t> window = op.getWindow())
      shape.window = std::min(static_cast<int64_t>(*window), shape.time);
    if (std::optional<llvm::APFloat> cap = op.getSoftcap())
      shape.cap = cap->convertToDouble();
    return shape;
  }

  /// Elements of a row in shared memory: kDepth of the kernels' AttentionShape.
  int64_t depth() const {
    return llvm::alignTo(headDim, headDim <= 128 ? 16 : 32);
  }

  /// Template arguments of AttentionShape. Batch, time, how far a window
  /// reaches and where documents start are no part of it.
  std::string arguments() const {
    auto flag = [](bool value) { return value ? "true" : "false"; };
    std::string text =
        (getTypeName(element) + ", " + Twine(headDim) + ", " + Twine(heads) +
         ", " + Twine(kvHeads) + ", " + flag(causal))
            .str();
    if (window || cap || documents)
      text += (Twine(", ") + flag(window.has_value()) + ", " +
               flag(cap.has_value()))
                  .str();
    if (documents)
      text += ", true";
    return text;
  }
};

/// Template arguments of AttentionTiles.
struct Tiles {
  unsigned warps, rowTiles, columns, stages, groups;

  unsigned threads() const { return 32 * warps; }
  unsigned rows() const { return warps / groups * 16 * rowTiles; }
  std::string arguments() const {
    return llvm::formatv("{0}, {1}, {2}, {3}, {4}", warps, rowTiles, columns,
                         stages, groups);
  }
};

} // namespace

/// With documents, gradients of keys have two numbers more a warp, and no
/// registers left for them where heads have 64 columns: one row tile a warp.
/// Sums are over the same queries in the same order, to the bit.
static Tiles getBf16Tiles(Part part, int64_t depth, bool documents) {
  switch (part) {
  case Part::Forward:
    if (depth <= 96)
      return {4, 2, 64, 1, 1};
    return depth <= 128 ? Tiles{4, 2, 48, 1, 1} : Tiles{4, 1, 32, 1, 1};
  case Part::GradQ:
    if (depth <= 64)
      return {4, 2, 48, 2, 1};
    if (depth <= 80)
      return {4, 2, 32, 2, 1};
    if (depth <= 112)
      return {4, 2, 32, 1, 1};
    return depth <= 128 ? Tiles{4, 2, 16, 2, 1} : Tiles{4, 1, 32, 1, 1};
  case Part::GradKv:
    if (depth <= 32)
      return {4, 2, 48, 2, 1};
    if (depth <= 64 && !documents)
      return {4, 2, 32, 2, 1};
    if (depth <= 96)
      return {4, 1, 64, 2, 1};
    if (depth <= 112)
      return {4, 1, 32, 2, 1};
    // With 32 columns and 32 heads a register is spilled on sm_120a.
    return depth <= 128 ? Tiles{4, 1, 16, 2, 1} : Tiles{4, 1, 32, 1, 2};
  }
  llvm_unreachable("unknown part");
}

static Tiles getF32Tiles(Part part, int64_t depth) {
  if (depth > 128)
    return {4, 1, part == Part::Forward ? 32u : 16u, 1, 2};
  bool isWide = part == Part::Forward || (part == Part::GradKv && depth <= 64);
  return {4, 1, isWide ? 32u : 16u, 1, 1};
}

static Tiles getTiles(Part part, const Shape &shape) {
  return shape.element.isBF16()
             ? getBf16Tiles(part, shape.depth(), shape.documents)
             : getF32Tiles(part, shape.depth());
}

/// At most 99 KB, what every architecture from sm_80 on has for a block.
static uint64_t getSharedBytes(Part part, const Shape &shape,
                               const Tiles &tiles) {
  uint64_t rowBytes =
      shape.depth() * shape.element.getIntOrFloatBitWidth() / 8 + 16;
  if (part == Part::Forward)
    return rowBytes * (tiles.rows() + 2 * tiles.columns);
  uint64_t bytes = rowBytes * 2 * (tiles.rows() + tiles.stages * tiles.columns);
  if (part == Part::GradKv)
    bytes += tiles.stages * 2 * tiles.columns * sizeof(float) +
             (shape.documents ? tiles.warps * 2 * sizeof(int32_t) : 0);
  return bytes;
}

/// The kernel of `part`, with everything but its buffers.
static KernelSpec getSpec(Part part, const Shape &shape) {
  static constexpr StringLiteral kKinds[] = {"attention", "attention_grad_q",
                                             "attention_grad_kv"};
  static constexpr StringLiteral kIncludes[] = {
      "attention_forward.cuh", "attention_grad_q.cuh", "attention_grad_kv.cuh"};
  Tiles tiles = getTiles(part, shape);
  KernelSpec spec;
  spec.kind = kKinds[unsigned(part)].str();
  spec.hint = "d" + std::to_string(shape.headDim);
  spec.source =
      (Twine(part == Part::Forward ? "attention" : "attention_grad") +
       " heads(" + Twine(shape.heads) + ") kv_heads(" + Twine(shape.kvHeads) +
       ")" + (shape.causal ? " causal" : "") + (shape.window ? " window" : "") +
       (shape.cap ? " softcap" : "") + (shape.documents ? " starts" : ""))
          .str();
  spec.includes = {kIncludes[unsigned(part)].str()};
  spec.floats = {"scale"};
  if (shape.cap)
    spec.floats.push_back("cap");
  spec.ints = {"time"};
  if (shape.window)
    spec.ints.push_back("window");
  spec.threads = tiles.threads();
  spec.sharedBytes = getSharedBytes(part, shape, tiles);
  spec.minBlocks = 1;
  // The slope of a soft-cap takes a register or two more than there are, in
  // some of them: gradients of heads of 64 spill 8 bytes on sm_80.
  spec.noSpills = shape.headDim <= 128 && !shape.cap;
  return spec;
}

/// The last of a kernel's buffers, where rows hold several documents.
static void addStarts(const Shape &shape, MLIRContext *context,
                      KernelSpec &spec) {
  if (shape.documents)
    spec.buffers.push_back(
        {IntegerType::get(context, 32), "starts", false, true});
}

/// Calls the template `function` with the kernel's parameters in order, but for
/// starts, which come last.
static void printCall(raw_ostream &os, StringRef function, Part part,
                      const Shape &shape, const KernelSpec &spec) {
  os << "  lns::" << function << "<\n      lns::AttentionShape<"
     << shape.arguments() << ">,\n      lns::AttentionTiles<"
     << getTiles(part, shape).arguments() << ">>(\n      ";
  ArrayRef<BufferSpec> buffers = spec.buffers;
  for (const BufferSpec &buffer : buffers.drop_back(shape.documents))
    os << buffer.name << ", ";
  os << "scale, int(time)";
  if (shape.window || shape.cap || shape.documents)
    os << (shape.window ? ", int(window)" : ", 0");
  if (shape.cap || shape.documents)
    os << (shape.cap ? ", cap" : ", 0.0f");
  if (shape.documents)
    os << ", " << buffers.back().name;
  os << ");\n";
}

static KernelLaunch getLaunch(unsigned kernel, Part part, const Shape &shape) {
  LaunchBuilder launch;
  launch.launch.kernel = kernel;
  launch.number(shape.scale).count(shape.time);
  if (shape.cap)
    launch.number(*shape.cap);
  if (shape.window)
    launch.count(*shape.window);
  launch.grid(part == Part::GradKv ? shape.kvHeads : shape.heads,
              llvm::divideCeil(shape.time, getTiles(part, shape).rows()),
              shape.batch);
  return launch.launch;
}

/// The kernels' limits: one element type, an even head size (rows then start at
/// multiples of what one access takes), 32-bit times.
template <typename Op> static LogicalResult checkShape(Op op) {
  Shape shape = Shape::of(op);
  if (!shape.element.isF32() && !shape.element.isBF16())
    return op.emitOpError() << "is of " << shape.element
                            << ", but CUDA's attention is of f32 or bf16";
  for (Value operand : op->getOperands()) {
    // The log-sum-exp and starts are the only tensors of an attention that are
    // not q's kind.
    Type expected = shape.element;
    if (operand == op.getStarts())
      expected = IntegerType::get(op.getContext(), 32);
    if constexpr (std::is_same_v<Op, AttentionGradOp>)
      if (operand == op.getLse())
        expected = Float32Type::get(op.getContext());
    if (elementOf(operand) != expected)
      return op.emitOpError() << "has an operand of " << elementOf(operand)
                              << ", but CUDA's attention of " << shape.element
                              << " queries needs " << expected << " there";
  }
  if (shape.headDim % 2 || shape.headDim > kMaxHeadDim)
    return op.emitOpError()
           << "has heads of size " << shape.headDim
           << ", but CUDA's attention needs an even size of at most "
           << kMaxHeadDim << "; compile for the CPU";
  return success();
}

LogicalResult cuda::lowerAttention(AttentionOp op, KernelSet &set,
                                   Launches &launches) {
  if (failed(checkShape(op)))
    return failure();
  Shape shape = Shape::of(op);
  KernelSpec spec = getSpec(Part::Forward, shape);
  Type statistic = Float32Type::get(op.getContext());
  spec.buffers = {{shape.element, "query", false, true},
                  {shape.element, "key", false, true},
                  {shape.element, "value", false, true},
                  {shape.element, "result", true, true},
                  {statistic, "lse", true, true}};
  addStarts(shape, op.getContext(), spec);
  unsigned kernel =
      set.getKernel(spec, [&](raw_ostream &declarations, raw_ostream &body) {
        printCall(body, "attentionForward", Part::Forward, shape, spec);
      });
  LaunchBuilder launch{getLaunch(kernel, Part::Forward, shape)};
  launch.value(op.getQuery()).value(op.getKey()).value(op.getValue());
  launch.value(op.getResult());
  // One kernel, whether somebody wants the log-sum-exp or not.
  if (op.getLse())
    launch.value(op.getLse());
  else
    launch.argument(
        set.getScratch(shape.batch * shape.heads * shape.time * sizeof(float)));
  if (shape.documents)
    launch.value(op.getStarts());
  launches.push_back(std::move(launch.launch));
  return success();
}

LogicalResult cuda::lowerAttentionGrad(AttentionGradOp op, KernelSet &set,
                                       Launches &launches) {
  if (failed(checkShape(op)))
    return failure();
  Shape shape = Shape::of(op);
  Type statistic = elementOf(op.getLse());
  KernelArgument delta =
      set.getScratch(shape.batch * shape.heads * shape.time * sizeof(float));

  KernelSpec spec = getSpec(Part::GradQ, shape);
  spec.buffers = {{shape.element, "query", false, true},
                  {shape.element, "key", false, true},
                  {shape.element, "value", false, true},
                  {shape.element, "result", false, true},
                  {statistic, "lse", false, true},
                  {shape.element, "grad", false, true},
                  {shape.element, "queryGrad", true, true},
                  {statistic, "delta", true, true}};
  addStarts(shape, op.getContext(), spec);
  unsigned kernel =
      set.getKernel(spec, [&](raw_ostream &declarations, raw_ostream &body) {
        printCall(body, "attentionGradQ", Part::GradQ, shape, spec);
      });
  LaunchBuilder gradQ{getLaunch(kernel, Part::GradQ, shape)};
  gradQ.value(op.getQuery()).value(op.getKey()).value(op.getValue());
  gradQ.value(op.getOutput()).value(op.getLse()).value(op.getGrad());
  gradQ.value(op.getQueryGrad()).argument(delta);
  if (shape.documents)
    gradQ.value(op.getStarts());
  launches.push_back(std::move(gradQ.launch));

  spec = getSpec(Part::GradKv, shape);
  spec.buffers = {{shape.element, "query", false, true},
                  {shape.element, "key", false, true},
                  {shape.element, "value", false, true},
                  {statistic, "lse", false, true},
                  {shape.element, "grad", false, true},
                  {statistic, "delta", false, true},
                  {shape.element, "keyGrad", true, true},
                  {shape.element, "valueGrad", true, true}};
  addStarts(shape, op.getContext(), spec);
  kernel =
      set.getKernel(spec, [&](raw_ostream &declarations, raw_ostream &body) {
        printCall(body, "attentionGradKv", Part::GradKv, shape, spec);
      });
  LaunchBuilder gradKv{getLaunch(kernel, Part::GradKv, shape)};
  gradKv.value(op.getQuery()).value(op.getKey()).value(op.getValue());
  gradKv.value(op.getLse()).value(op.getGrad()).argument(delta);
  gradKv.value(op.getKeyGrad()).value(op.getValueGrad());
  if (shape.documents)
    gradKv.value(op.getStarts());
  launches.push_back(std::move(gradKv.launch));
  return success();
}
