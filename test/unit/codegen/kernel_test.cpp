//===- kernel_test.cpp - Compiles and runs kernels of parsed ops ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

#include "dialect/Register.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Parser/Parser.h"
#include "llvm/TargetParser/Host.h"
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <random>
#include <unistd.h>

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

LoadedCode::LoadedCode(const std::vector<char> &sharedObject) {
  std::string path = testing::TempDir() + "lns-kernel-XXXXXX";
  int file = mkstemp(path.data());
  EXPECT_GE(file, 0);
  EXPECT_EQ(write(file, sharedObject.data(), sharedObject.size()),
            ssize_t(sharedObject.size()));
  close(file);
  handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  EXPECT_TRUE(handle) << dlerror();
  unlink(path.c_str());
}
LoadedCode::~LoadedCode() {
  if (handle)
    dlclose(handle);
}
void *LoadedCode::find(const std::string &symbol) const {
  return handle ? dlsym(handle, symbol.c_str()) : nullptr;
}

bool lns::test::hostHas(const std::string &level) {
  cpu::CodeLevel parsed;
  std::string error;
  if (!cpu::parseCodeLevel(level, parsed, error))
    return false;
  auto features = llvm::sys::getHostCPUFeatures();
  for (const std::string &feature : parsed.features)
    if (!features.lookup(feature))
      return false;
  return true;
}

KernelTest::KernelTest()
    : handler(&context, [this](Diagnostic &diagnostic) {
        errors += diagnostic.str() + "\n";
        return success();
      }) {
  DialectRegistry registry;
  registerDialects(registry);
  context.appendDialectRegistry(registry);
}

void KernelTest::parse(const std::string &arguments, const std::string &body) {
  std::string text =
      "lns.parameter @p matrix init(zeros) decay(true) : tensor<37x45xf32>\n"
      "lns.parameter @q matrix init(zeros) decay(false) : tensor<300x300xf32>\n"
      "func.func @f(" +
      arguments + ") {\n" + body + "\nreturn\n}\n";
  module = parseSourceString<ModuleOp>(text, ParserConfig(&context));
  ASSERT_TRUE(module) << errors << text;
  lowering = std::make_unique<cpu::KernelLowering>(&context);
  launches.clear();
  auto function = *module->getOps<func::FuncOp>().begin();
  for (Operation &op : function.getBody().front().without_terminator())
    ASSERT_TRUE(succeeded(lowering->lower(&op, launches))) << errors;
}

void KernelTest::makeInputs() {
  inputs.clear();
  states.clear();
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, deviation);
  auto fill = [&](Tensor &tensor, size_t size) {
    for (size_t i = 0; i < size; ++i)
      tensor.push_back(normal(random));
  };
  auto function = *module->getOps<func::FuncOp>().begin();
  for (BlockArgument argument : function.getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    Tensor &tensor = inputs[argument];
    if (type.getElementType().isInteger(32)) {
      for (int64_t i = 0; i < type.getNumElements(); ++i)
        tensor.push_back(random() % tokenLimit);
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

void KernelTest::compile(const std::vector<std::string> &names) {
  std::vector<cpu::CodeLevel> levels(names.size());
  std::string error;
  for (auto [name, level] : llvm::zip(names, levels))
    ASSERT_TRUE(cpu::parseCodeLevel(name, level, error)) << error;
  std::vector<std::vector<char>> objects;
  ASSERT_TRUE(
      succeeded(cpu::compileKernels(lowering->getModule(), levels, objects)))
      << errors;
  ASSERT_EQ(objects.size(), levels.size());
  codes.clear();
  for (const std::vector<char> &object : objects) {
    // A kernel needs no library.
    EXPECT_EQ(std::string(object.begin(), object.end()).find(".so."),
              std::string::npos);
    codes.push_back(std::make_unique<LoadedCode>(object));
    auto *version = static_cast<uint32_t *>(
        codes.back()->find(LNS_KERNEL_ABI_VERSION_SYMBOL));
    ASSERT_TRUE(version);
    EXPECT_EQ(*version, uint32_t(LNS_KERNEL_ABI_VERSION));
  }
}

std::string lns::test::nameOf(Value value) {
  return "v" + std::to_string(
                   reinterpret_cast<uintptr_t>(value.getAsOpaquePointer()));
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

RunResult KernelTest::makeBuffers() {
  RunResult buffers;
  for (auto &[value, tensor] : inputs)
    buffers[nameOf(value)] = makeBuffer(
        tensor, cast<RankedTensorType>(value.getType()).getElementType());
  auto function = *module->getOps<func::FuncOp>().begin();
  for (Operation &op : function.getBody().front())
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
  unsigned number = 0;
  for (const std::vector<float> &constant : lowering->getConstants()) {
    EXPECT_EQ(constant.size() * sizeof(float) % 64, 0u);
    buffers["c" + std::to_string(number++)] =
        makeBuffer(Tensor(constant.begin(), constant.end()), f32);
  }
  return buffers;
}

void KernelTest::launch(const KernelLaunch &launch, Split split,
                        RunResult &buffers) {
  const cpu::KernelInfo &kernel = lowering->getKernels()[launch.kernel];
  auto *function = reinterpret_cast<lns_kernel_fn>(code->find(kernel.symbol));
  ASSERT_TRUE(function) << kernel.symbol;
  EXPECT_EQ(kernel.buffers, launch.buffers.size());
  EXPECT_EQ(kernel.floats, launch.floats.size());
  EXPECT_EQ(kernel.ints, launch.ints.size());
  std::vector<void *> pointers;
  using Kind = KernelArgument::Kind;
  for (const KernelArgument &argument : launch.buffers) {
    std::string name;
    switch (argument.kind) {
    case Kind::Value:
      name = nameOf(argument.value);
      break;
    case Kind::Parameter:
      name = argument.symbol + ".parameter";
      break;
    case Kind::ExpAvg:
      name = argument.symbol + ".m";
      break;
    case Kind::ExpAvgSq:
      name = argument.symbol + ".v";
      break;
    case Kind::Constant:
      name = "c" + std::to_string(argument.constant);
      break;
    case Kind::Scratch:
      FAIL() << kernel.symbol << ": CPU kernels get scratch without asking";
    }
    ASSERT_TRUE(buffers.count(name)) << kernel.symbol;
    pointers.push_back(buffers[name]->data());
  }
  int64_t items = launch.items;
  Buffer scratch(kernel.scratchBytes);
  auto call = [&](int64_t begin, int64_t end) {
    function(pointers.data(), launch.floats.data(), launch.ints.data(), begin,
             end, scratch.data());
  };
  if (split == Split::Whole)
    call(0, items);
  else if (split == Split::EachBackwards)
    for (int64_t item = items; item-- > 0;)
      call(item, item + 1);
  else
    for (int64_t item = 0; item < items; item += 3)
      call(item, std::min(item + 3, items));
  EXPECT_TRUE(scratch.guardIsIntact()) << kernel.symbol;
}

RunResult KernelTest::run(Split split) {
  RunResult buffers = makeBuffers();
  for (const KernelLaunch &one : launches)
    launch(one, split, buffers);
  for (auto &[name, buffer] : buffers)
    EXPECT_TRUE(buffer->guardIsIntact()) << "written beyond its end";
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

void KernelTest::check(const std::string &arguments, const std::string &body,
                       double tolerance, double bf16Tolerance) {
  ASSERT_NO_FATAL_FAILURE(parse(arguments, body));
  makeInputs();
  Tensors expected = inputs;
  auto expectedStates = states;
  auto function = *module->getOps<func::FuncOp>().begin();
  Block &block = function.getBody().front();
  for (Operation &op : block.without_terminator()) {
    ASSERT_TRUE(evaluate(&op, expected, expectedStates))
        << op.getName().getStringRef().str();
    for (Value result : op.getResults())
      if (getElementTypeOrSelf(result.getType()).isBF16())
        for (double &x : expected[result])
          x = roundToBf16(x);
  }

  std::vector<std::string> levels;
  for (const char *level : {"native", "x86-64-v3", "x86-64-v2"})
    if (hostHas(level))
      levels.push_back(level);
  ASSERT_NO_FATAL_FAILURE(compile(levels));
  for (auto [level, loaded] : llvm::zip(levels, codes)) {
    SCOPED_TRACE(level);
    code = loaded.get();
    RunResult whole = run(Split::Whole);
    for (Operation &op : block.without_terminator())
      for (OpResult result : op.getResults()) {
        Type element =
            cast<RankedTensorType>(result.getType()).getElementType();
        EXPECT_LE(relativeError(readBuffer(*whole[nameOf(result)], element),
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
        EXPECT_LE(relativeError(readBuffer(*whole[name + part], f32), *tensor),
                  tolerance)
            << name << part;
    }
    for (Split split : {Split::EachBackwards, Split::Threes})
      for (auto &[name, buffer] : run(split))
        EXPECT_EQ(
            std::memcmp(buffer->data(), whole[name]->data(), buffer->size()), 0)
            << "bits depend on how items are cut";
  }
}

double KernelTest::measure(size_t number) {
  RunResult buffers = makeBuffers();
  double best = INFINITY;
  for (int i = 0; i < 20; ++i) {
    auto start = std::chrono::steady_clock::now();
    launch(launches[number], Split::Whole, buffers);
    std::chrono::duration<double> time =
        std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count());
  }
  return best;
}
