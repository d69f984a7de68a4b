//===- RoundBf16.cpp - f32 to bf16 without an instruction for it ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Compile.h"

#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/Module.h"

using namespace llvm;

/// The bits of `wide`, rounded to bf16, in the lower half of integers.
static Value *roundBits(IRBuilder<> &b, Value *wide) {
  Type *ints = wide->getType()->getWithNewType(b.getInt32Ty());
  auto c = [&](uint32_t value) { return ConstantInt::get(ints, value); };
  Value *bits = b.CreateBitCast(wide, ints);
  Value *upper = b.CreateLShr(bits, c(16));
  // Adding just under half, and one more where the upper half is odd, carries
  // into it exactly when it must be rounded up; infinity follows the greatest
  // finite number by itself.
  Value *half = b.CreateAdd(b.CreateAnd(upper, c(1)), c(0x7fff));
  Value *rounded = b.CreateLShr(b.CreateAdd(bits, half), c(16));
  // A NaN's payload may have been in the lower half only.
  rounded = b.CreateSelect(b.CreateFCmpUNO(wide, wide),
                           b.CreateOr(upper, c(0x40)), rounded);
  // The instruction takes subnormal numbers for zero, with their sign.
  Value *exponent = b.CreateAnd(bits, c(0x7f800000));
  return b.CreateSelect(b.CreateICmpEQ(exponent, c(0)),
                        b.CreateAnd(upper, c(0x8000)), rounded);
}

/// Loads and stores bf16 as integers. Where two stores become one, of a select
/// or a phi of bf16, LLVM would compute that in f32 and round it by a call.
static void accessAsIntegers(Module &module) {
  SmallVector<Instruction *> accesses;
  for (Function &function : module)
    for (Instruction &instruction : instructions(function))
      if (isa<LoadInst, StoreInst>(instruction) &&
          getLoadStoreType(&instruction)->getScalarType()->isBFloatTy())
        accesses.push_back(&instruction);
  for (Instruction *access : accesses) {
    IRBuilder<> b(access);
    Type *type = getLoadStoreType(access);
    Type *ints = type->getWithNewType(b.getInt16Ty());
    if (auto *store = dyn_cast<StoreInst>(access)) {
      store->setOperand(0, b.CreateBitCast(store->getValueOperand(), ints));
      continue;
    }
    auto *load = cast<LoadInst>(access);
    LoadInst *bits = b.CreateAlignedLoad(ints, load->getPointerOperand(),
                                         load->getAlign(), load->isVolatile());
    bits->copyMetadata(*load);
    load->replaceAllUsesWith(b.CreateBitCast(bits, type));
    load->eraseFromParent();
  }
}

void lns::cpu::expandBf16Rounding(Module &module) {
  accessAsIntegers(module);
  SmallVector<FPTruncInst *> roundings;
  for (Function &function : module)
    for (Instruction &instruction : instructions(function))
      if (auto *rounding = dyn_cast<FPTruncInst>(&instruction))
        if (rounding->getDestTy()->getScalarType()->isBFloatTy())
          roundings.push_back(rounding);
  for (FPTruncInst *rounding : roundings) {
    IRBuilder<> b(rounding);
    Type *type = rounding->getType();
    Value *narrow = b.CreateTrunc(roundBits(b, rounding->getOperand(0)),
                                  type->getWithNewType(b.getInt16Ty()));
    rounding->replaceAllUsesWith(b.CreateBitCast(narrow, type));
    rounding->eraseFromParent();
  }
}
