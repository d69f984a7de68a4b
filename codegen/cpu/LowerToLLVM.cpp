//===- LowerToLLVM.cpp - Kernels as LLVM IR -------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The kernels' functions take memrefs; in LLVM IR those are descriptors of
// several values each. A wrapper per kernel has the C signature of
// runtime/plan/kernel_abi.h, reads the launch's arrays and calls the function,
// which is inlined, so that the descriptors vanish.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Compile.h"
#include "runtime/plan/kernel_abi.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/FuncToLLVM/ConvertFuncToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/MemRefToLLVM/MemRefToLLVM.h"
#include "mlir/Conversion/ReconcileUnrealizedCasts/ReconcileUnrealizedCasts.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVMPass.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/Passes.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

using namespace mlir;
using namespace lns::cpu;

static LogicalResult lowerToLLVMDialect(ModuleOp module) {
  PassManager passes(module.getContext());
  passes.enableVerifier(false);
  passes.addPass(createCSEPass());
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createFinalizeMemRefToLLVMConversionPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
  return passes.run(module);
}

/// Gives `body` a wrapper of its name with the kernel ABI's signature.
static void addWrapper(llvm::Function *body, FunctionType type) {
  llvm::Module &module = *body->getParent();
  std::string name = body->getName().str();
  body->setName(name + ".body");
  body->setLinkage(llvm::GlobalValue::InternalLinkage);
  body->addFnAttr(llvm::Attribute::AlwaysInline);

  llvm::IRBuilder<> b(module.getContext());
  llvm::Type *ptr = b.getPtrTy(), *i64 = b.getInt64Ty();
  auto *signature = llvm::FunctionType::get(
      b.getVoidTy(), {ptr, ptr, ptr, i64, i64, ptr}, /*isVarArg=*/false);
  auto *wrapper = llvm::Function::Create(
      signature, llvm::GlobalValue::ExternalLinkage, name, module);
  b.SetInsertPoint(
      llvm::BasicBlock::Create(module.getContext(), "entry", wrapper));

  llvm::SmallVector<llvm::Value *> arguments;
  // allocated and aligned pointer, offset, sizes, strides. Accesses use the
  // strides of the type, and nobody asks for a dynamic size.
  auto addMemRef = [&](llvm::Value *pointer, MemRefType memref) {
    arguments.append({pointer, pointer, b.getInt64(0)});
    auto [strides, offset] = memref.getStridesAndOffset();
    for (int64_t size : memref.getShape())
      arguments.push_back(b.getInt64(ShapedType::isDynamic(size) ? 0 : size));
    for (int64_t stride : strides)
      arguments.push_back(b.getInt64(stride));
  };
  unsigned buffers = 0, floats = 0, ints = 0;
  ArrayRef<Type> inputs = type.getInputs();
  for (Type input : inputs.drop_back(3)) {
    if (auto memref = dyn_cast<MemRefType>(input))
      addMemRef(b.CreateLoad(ptr, b.CreateConstGEP1_64(ptr, wrapper->getArg(0),
                                                       buffers++)),
                memref);
    else if (input.isF32())
      arguments.push_back(b.CreateLoad(
          b.getFloatTy(),
          b.CreateConstGEP1_64(b.getFloatTy(), wrapper->getArg(1), floats++)));
    else
      arguments.push_back(b.CreateLoad(
          i64, b.CreateConstGEP1_64(i64, wrapper->getArg(2), ints++)));
  }
  arguments.push_back(wrapper->getArg(3));
  arguments.push_back(wrapper->getArg(4));
  addMemRef(wrapper->getArg(5), cast<MemRefType>(inputs.back()));
  b.CreateCall(body, arguments);
  b.CreateRetVoid();
}

std::unique_ptr<llvm::Module>
lns::cpu::translateKernels(ModuleOp kernels, llvm::LLVMContext &context) {
  MLIRContext *mlirContext = kernels.getContext();
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  mlirContext->appendDialectRegistry(registry);

  OwningOpRef<ModuleOp> clone = kernels.clone();
  llvm::SmallVector<std::pair<std::string, FunctionType>> signatures;
  for (auto function : clone->getOps<func::FuncOp>())
    signatures.push_back(
        {function.getSymName().str(), function.getFunctionType()});
  if (failed(lowerToLLVMDialect(*clone)))
    return nullptr;
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(*clone, context, "lns kernels");
  if (!module)
    return nullptr;
  for (auto &[name, type] : signatures)
    addWrapper(module->getFunction(name), type);

  auto *i32 = llvm::Type::getInt32Ty(context);
  new llvm::GlobalVariable(*module, i32, /*isConstant=*/true,
                           llvm::GlobalValue::ExternalLinkage,
                           llvm::ConstantInt::get(i32, LNS_KERNEL_ABI_VERSION),
                           LNS_KERNEL_ABI_VERSION_SYMBOL);
  return module;
}
