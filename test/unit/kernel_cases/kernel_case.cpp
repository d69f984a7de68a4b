//===- kernel_case.cpp - Parsed ops, inputs and what to expect ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/unit/kernel_cases/kernel_case.h"

#include "dialect/Register.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>

using namespace mlir;
using namespace lns;
using namespace lns::test;

static constexpr size_t kGuardBytes = 256;
static constexpr char kGuard = 0x5a;

static double fromBf16(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, sizeof(value));
  return value;
}

Buffer::Buffer(size_t bytes) : bytes(bytes) {
  size_t total = (bytes + kGuardBytes + 63) / 64 * 64;
  memory = static_cast<char *>(std::aligned_alloc(64, total));
  // All bits set is NaN in every type: what is not written shows.
  std::memset(memory, 0xff, bytes);
  std::memset(memory + bytes, kGuard, kGuardBytes);
}
Buffer::~Buffer() { std::free(memory); }

bool Buffer::guardIsIntact() const {
  for (size_t i = 0; i < kGuardBytes; ++i)
    if (memory[bytes + i] != kGuard)
      return false;
  return true;
}

KernelCase::KernelCase()
    : handler(&context, [this](Diagnostic &diagnostic) {
        errors += diagnostic.str() + "\n";
        return success();
      }) {
  DialectRegistry registry;
  registerDialects(registry);
  context.appendDialectRegistry(registry);
}

void KernelCase::parse(const std::string &arguments, const std::string &body) {
  std::string text =
      "lns.parameter @p matrix init(zeros) decay(true) : tensor<37x45xf32>\n"
      "lns.parameter @q matrix init(zeros) decay(false) : tensor<300x300xf32>\n"
      "lns.parameter @r matrix init(zeros) decay(false) : tensor<5x3xf32>\n"
      "lns.parameter @gp gain init(zeros) decay(false) : tensor<45xf32>\n"
      "lns.parameter @gq gain init(zeros) decay(false) : tensor<300xf32>\n"
      "lns.parameter @gr gain init(zeros) decay(false) : tensor<3xf32>\n"
      "lns.compute_weight @p.bf16 of @p gain(@gp) : tensor<37x45xbf16>\n"
      "lns.compute_weight @p.f32 of @p gain(@gp) : tensor<37x45xf32>\n"
      "lns.compute_weight @q.bf16 of @q gain(@gq) : tensor<300x300xbf16>\n"
      "lns.compute_weight @q.plain of @q : tensor<300x300xbf16>\n"
      "lns.compute_weight @q.offset of @q gain(@gq) {gain_offset = 1.0 : f64} "
      ": tensor<300x300xbf16>\n"
      "lns.compute_weight @p.offset of @p gain(@gp) {gain_offset = -0.5 : f64} "
      ": tensor<37x45xf32>\n"
      "lns.compute_weight @r.bf16 of @r gain(@gr) : tensor<5x3xbf16>\n" +
      declarations + "func.func @f(" + arguments + ") {\n" + body +
      "\nreturn\n}\n";
  module = parseSourceString<ModuleOp>(text, ParserConfig(&context));
  ASSERT_TRUE(module) << errors << text;
  target = &startLowering();
  launches.clear();
  for (Operation &op : getFunction().getBody().front().without_terminator())
    ASSERT_TRUE(succeeded(target->lower(&op, launches))) << errors;
}

/// Whether an op, also one of a cluster, reads the value as starts of
/// documents.
static bool isStarts(Value value) {
  return llvm::any_of(value.getUses(), [&](OpOperand &use) {
    if (auto cluster = dyn_cast<ClusterOp>(use.getOwner()))
      return isStarts(
          cluster.getBody().front().getArgument(use.getOperandNumber()));
    return llvm::TypeSwitch<Operation *, bool>(use.getOwner())
        .Case<AttentionOp, AttentionGradOp, RopeOp, AddPositionsOp,
              AddPositionsGradOp>(
            [&](auto op) { return op.getStarts() == value; })
        .Default([](Operation *) { return false; });
  });
}

static void fillStarts(RankedTensorType type, ArrayRef<int64_t> lengths,
                       Tensor &tensor) {
  size_t next = 0;
  for (int64_t row = 0; row < type.getDimSize(0); ++row)
    for (int64_t time = 0, start = 0, end = 0; time < type.getDimSize(1);
         ++time) {
      if (time == end) {
        start = time;
        end += lengths[next++ % lengths.size()];
      }
      tensor.push_back(double(start));
    }
}

void KernelCase::makeInputs() {
  inputs.clear();
  states.clear();
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, deviation);
  auto fill = [&](Tensor &tensor, size_t size) {
    for (size_t i = 0; i < size; ++i)
      tensor.push_back(normal(random));
  };
  for (BlockArgument argument : getFunction().getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    Tensor &tensor = inputs[argument];
    if (isStarts(argument)) {
      fillStarts(type, documentLengths, tensor);
    } else if (type.getElementType().isInteger(32)) {
      for (int64_t i = 0; i < type.getNumElements(); ++i)
        tensor.push_back(ignoreEvery > 0 && i % ignoreEvery == 0
                             ? double(kIgnoredTarget)
                             : double(random() % tokenLimit));
    } else if (type.getShape() == ArrayRef<int64_t>{8}) {
      // Optimizer values: lr, betas, eps, decay, clip, bias corrections.
      for (float x : {0.01f, 0.9f, 0.99f, 1e-8f, 0.1f, 1.5f, 0.19f, 0.0199f})
        tensor.push_back(x);
    } else {
      fill(tensor, type.getNumElements());
      // The reference starts from the numbers that the buffer holds.
      if (type.getElementType().isBF16())
        for (double &x : tensor)
          x = roundToBf16(x);
    }
  }
  for (auto parameter : module->getOps<ParameterOp>()) {
    size_t size = cast<RankedTensorType>(parameter.getType()).getNumElements();
    OptimizerState &state = states[parameter.getSymNameAttr()];
    fill(state.parameter, size);
    fill(state.expAvg, size);
    fill(state.expAvgSq, size);
    for (double &x : state.expAvgSq)
      x = float(x * x);
  }
}

std::string lns::test::nameOf(Value value) {
  return "v" + std::to_string(
                   reinterpret_cast<uintptr_t>(value.getAsOpaquePointer()));
}

std::string lns::test::nameOf(const KernelArgument &argument) {
  using Kind = KernelArgument::Kind;
  switch (argument.kind) {
  case Kind::Value:
    return nameOf(argument.value);
  case Kind::Parameter:
    return argument.symbol + ".parameter";
  case Kind::ExpAvg:
    return argument.symbol + ".m";
  case Kind::ExpAvgSq:
    return argument.symbol + ".v";
  case Kind::Compute:
    return argument.symbol + ".compute";
  case Kind::Constant:
    return "c" + std::to_string(argument.constant);
  case Kind::Scratch:
    break;
  }
  return "";
}

static std::shared_ptr<Buffer> makeBuffer(const Tensor &tensor, Type element) {
  size_t width = element.getIntOrFloatBitWidth() / 8;
  auto buffer = std::make_shared<Buffer>(tensor.size() * width);
  for (size_t i = 0; i < tensor.size(); ++i) {
    char *to = buffer->data() + i * width;
    if (element.isF32())
      *reinterpret_cast<float *>(to) = float(tensor[i]);
    else if (element.isF64())
      *reinterpret_cast<double *>(to) = tensor[i];
    else if (element.isBF16())
      *reinterpret_cast<uint16_t *>(to) = bitsOfBf16(tensor[i]);
    else
      *reinterpret_cast<int32_t *>(to) = int32_t(tensor[i]);
  }
  return buffer;
}

RunResult KernelCase::makeBuffers() {
  RunResult buffers;
  for (auto &[value, tensor] : inputs)
    buffers[nameOf(value)] = makeBuffer(
        tensor, cast<RankedTensorType>(value.getType()).getElementType());
  for (Operation &op : getFunction().getBody().front())
    for (Value result : op.getResults()) {
      auto type = cast<RankedTensorType>(result.getType());
      buffers[nameOf(result)] = std::make_shared<Buffer>(
          type.getNumElements() * type.getElementTypeBitWidth() / 8);
    }
  Type f32 = Float32Type::get(&context);
  for (auto &[symbol, state] : states) {
    std::string name = symbol.getValue().str();
    buffers[name + ".parameter"] = makeBuffer(state.parameter, f32);
    buffers[name + ".m"] = makeBuffer(state.expAvg, f32);
    buffers[name + ".v"] = makeBuffer(state.expAvgSq, f32);
  }
  for (auto weight : module->getOps<ComputeWeightOp>()) {
    auto type = cast<RankedTensorType>(weight.getType());
    buffers[weight.getSymName().str() + ".compute"] = std::make_shared<Buffer>(
        type.getNumElements() * type.getElementTypeBitWidth() / 8);
  }
  unsigned number = 0;
  for (const std::vector<float> &constant : target->getConstants()) {
    EXPECT_EQ(constant.size() * sizeof(float) % 64, 0u);
    buffers["c" + std::to_string(number++)] =
        makeBuffer(Tensor(constant.begin(), constant.end()), f32);
  }
  return buffers;
}

Tensor lns::test::readBuffer(const Buffer &buffer, Type element) {
  Tensor tensor;
  if (element.isF64()) {
    auto *data = reinterpret_cast<const double *>(buffer.data());
    tensor.assign(data, data + buffer.size() / sizeof(double));
  } else if (element.isBF16()) {
    auto *data = reinterpret_cast<const uint16_t *>(buffer.data());
    for (size_t i = 0; i < buffer.size() / sizeof(uint16_t); ++i)
      tensor.push_back(fromBf16(data[i]));
  } else if (element.isInteger(32)) {
    auto *data = reinterpret_cast<const int32_t *>(buffer.data());
    tensor.assign(data, data + buffer.size() / sizeof(int32_t));
  } else {
    auto *data = reinterpret_cast<const float *>(buffer.data());
    tensor.assign(data, data + buffer.size() / sizeof(float));
  }
  return tensor;
}

/// |a - b| / |b|, infinite when anything is not finite.
static double relativeError(const Tensor &a, const Tensor &b) {
  if (a.size() != b.size())
    return INFINITY;
  double difference = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i]))
      return INFINITY;
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += b[i] * b[i];
  }
  return std::sqrt(difference) / (std::sqrt(norm) + 1e-30);
}

void KernelCase::makeExpected() {
  expected = inputs;
  expectedStates = states;
  for (Operation &op : getFunction().getBody().front().without_terminator()) {
    ASSERT_TRUE(evaluate(&op, expected, expectedStates))
        << op.getName().getStringRef().str();
    for (Value result : op.getResults())
      if (getElementTypeOrSelf(result.getType()).isBF16())
        for (double &x : expected[result])
          x = roundToBf16(x);
  }
}

void KernelCase::compare(const RunResult &buffers, double tolerance,
                         double bf16Tolerance) {
  for (Operation &op : getFunction().getBody().front().without_terminator())
    for (OpResult result : op.getResults()) {
      Type element = cast<RankedTensorType>(result.getType()).getElementType();
      EXPECT_LE(relativeError(readBuffer(*buffers.at(nameOf(result)), element),
                              expected.at(result)),
                element.isBF16() ? bf16Tolerance : tolerance)
          << "result " << result.getResultNumber() << " of "
          << op.getName().getStringRef().str();
    }
  for (auto &[symbol, state] : expectedStates) {
    std::string name = symbol.getValue().str();
    Type f32 = Float32Type::get(&context);
    for (auto &[part, tensor] :
         {std::pair(".parameter", &state.parameter),
          std::pair(".m", &state.expAvg), std::pair(".v", &state.expAvgSq)})
      EXPECT_LE(
          relativeError(readBuffer(*buffers.at(name + part), f32), *tensor),
          tolerance)
          << name << part;
  }
}

void KernelCase::compareBits(const RunResult &a, const RunResult &b,
                             const char *what) {
  for (auto &[name, buffer] : a)
    EXPECT_EQ(std::memcmp(buffer->data(), b.at(name)->data(), buffer->size()),
              0)
        << what;
}
