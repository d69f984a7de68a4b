//===- Families.cpp - Model families of config.json files -----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/Families.h"

#include "llvm/ADT/STLExtras.h"

using namespace lns;

static const Family *const kFamilies[] = {
    &kLlama,   &kMistral, &kQwen2,  &kQwen3,      &kOlmo2, &kGranite,
    &kSmolLm3, &kExaone4, &kGemma2, &kGemma3Text, &kGpt2};

llvm::ArrayRef<const Family *> lns::getFamilies() { return kFamilies; }

const Family *lns::findFamily(llvm::StringRef modelType) {
  for (const Family *family : kFamilies)
    if (family->modelType == modelType)
      return family;
  return nullptr;
}
