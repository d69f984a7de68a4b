//===- KernelSet.cpp - Kernels of a module, shared by structure -----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/KernelSet.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace lns;
using namespace lns::cpu;

KernelSet::KernelSet(MLIRContext *context) {
  context->loadDialect<arith::ArithDialect, func::FuncDialect,
                       math::MathDialect, memref::MemRefDialect,
                       scf::SCFDialect, vector::VectorDialect>();
  module = ModuleOp::create(UnknownLoc::get(context));
}

unsigned KernelSet::getKernel(
    const KernelSpec &spec, Location loc,
    llvm::function_ref<void(CodeBuilder &, KernelFrame &)> emit) {
  std::string key = spec.kind + "|" + spec.key + "|";
  llvm::raw_string_ostream stream(key);
  for (MemRefType buffer : spec.buffers)
    stream << buffer << " ";
  stream << spec.floats << " " << spec.ints << " " << spec.scratchFloats;
  auto [entry, isNew] = kernelByKey.try_emplace(key, kernels.size());
  if (!isNew)
    return entry->second;

  KernelInfo info;
  info.symbol = spec.kind + "_" + std::to_string(kernels.size());
  if (!spec.hint.empty())
    info.symbol += "_" + spec.hint;
  info.kind = spec.kind;
  info.source = spec.source;
  info.buffers = spec.buffers.size();
  info.floats = spec.floats;
  info.ints = spec.ints;
  info.scratchBytes = roundUp(spec.scratchFloats * sizeof(float), 64);
  info.isNorm = spec.isNorm;

  MLIRContext *context = getContext();
  OpBuilder builder = OpBuilder::atBlockEnd(module->getBody());
  Type f32 = builder.getF32Type(), index = builder.getIndexType();
  SmallVector<Type> arguments(spec.buffers.begin(), spec.buffers.end());
  arguments.append(spec.floats, f32);
  arguments.append(spec.ints, index);
  arguments.append({index, index, flatBuffer(f32)});
  auto function = func::FuncOp::create(
      builder, loc, info.symbol, FunctionType::get(context, arguments, {}));
  Block *body = function.addEntryBlock();

  KernelFrame frame;
  ArrayRef<BlockArgument> rest = body->getArguments();
  auto take = [&](unsigned count, SmallVector<Value> &to) {
    llvm::append_range(to, rest.take_front(count));
    rest = rest.drop_front(count);
  };
  take(info.buffers, frame.buffers);
  take(info.floats, frame.floats);
  take(info.ints, frame.ints);
  frame.begin = rest[0];
  frame.end = rest[1];
  frame.scratch = rest[2];

  CodeBuilder code(OpBuilder::atBlockBegin(body), loc);
  emit(code, frame);
  func::ReturnOp::create(code, loc);
  kernels.push_back(std::move(info));
  return entry->second;
}

unsigned KernelSet::getConstant(StringRef key,
                                llvm::function_ref<std::vector<float>()> make) {
  auto [entry, isNew] = constantByKey.try_emplace(key, constants.size());
  if (isNew) {
    constants.push_back(make());
    constants.back().resize(roundUp(constants.back().size(), 16));
  }
  return entry->second;
}

MemRefType cpu::flatBuffer(Type element) {
  return MemRefType::get({ShapedType::kDynamic}, element);
}

MemRefType cpu::rowBuffer(Type element, int64_t width) {
  return MemRefType::get({ShapedType::kDynamic, width}, element);
}
