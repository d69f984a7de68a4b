//===- Mutate.h - Inputs that nobody meant ----------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_FUZZ_MUTATE_H
#define LNS_TEST_FUZZ_MUTATE_H

#include "test/fuzz/Random.h"

#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace lns::fuzz {

/// Changes bytes: flips, cuts, doubles, inserts, or ends the text early.
void mutateBytes(std::string &text, Random &random);

/// Changes words: a number to an extreme one, a word to another of the text or
/// of `dictionary`, lines that change places, something nested very deep.
void mutateWords(std::string &text, llvm::ArrayRef<std::string> dictionary,
                 Random &random);

/// What models are written with, and what is of other dialects.
llvm::ArrayRef<std::string> modelDictionary();
/// The keys of a config.json, and values of the wrong type.
llvm::ArrayRef<std::string> configDictionary();

/// Options for lnsc, of every kind and value, right and wrong.
std::vector<std::string> makeOptions(Random &random);

} // namespace lns::fuzz

#endif // LNS_TEST_FUZZ_MUTATE_H
