//===- Case.cpp - A model and how it is compiled --------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Case.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace lns::fuzz;

static constexpr llvm::StringLiteral kMark = "// lns-fuzz:";

std::vector<std::string> Case::options() const {
  std::vector<std::string> list = {"--batch=" + std::to_string(batch),
                                   "--seq=" + std::to_string(sequence)};
  if (microBatch)
    list.push_back("--micro-batch=" + std::to_string(microBatch));
  if (!padding)
    list.push_back("--disable-padding");
  if (!elimination)
    list.push_back("--disable-norm-elimination");
  if (decode)
    list.push_back("--decode");
  return list;
}

namespace {

/// A word of the comment: "name=NUMBER", or "name" for a switch that is 1.
struct Word {
  llvm::StringLiteral name;
  int64_t (*get)(const Case &);
  void (*set)(Case &, int64_t);
};

#define LNS_FUZZ_WORD(NAME, MEMBER)                                            \
  {NAME, [](const Case &test) { return int64_t(test.MEMBER); },                \
   [](Case &test, int64_t value) {                                             \
     test.MEMBER = decltype(test.MEMBER)(value);                               \
   }}
const Word kWords[] = {
    LNS_FUZZ_WORD("batch", batch),
    LNS_FUZZ_WORD("seq", sequence),
    LNS_FUZZ_WORD("micro-batch", microBatch),
    LNS_FUZZ_WORD("padding", padding),
    LNS_FUZZ_WORD("elimination", elimination),
    LNS_FUZZ_WORD("product-fusion", productFusion),
    LNS_FUZZ_WORD("kept-weights", keptWeights),
    LNS_FUZZ_WORD("budget", budget),
    LNS_FUZZ_WORD("norms", norms),
    LNS_FUZZ_WORD("ignored", ignored),
    LNS_FUZZ_WORD("native", native),
    LNS_FUZZ_WORD("cuda", cuda),
    LNS_FUZZ_WORD("decode", decode),
    LNS_FUZZ_WORD("initialized", initialized),
    LNS_FUZZ_WORD("data", data),
};
#undef LNS_FUZZ_WORD

} // namespace

std::string lns::fuzz::printCase(const Case &test) {
  Case defaults;
  std::string text = kMark.str();
  for (const Word &word : kWords)
    if (word.get(test) != word.get(defaults))
      text += " " + word.name.str() + "=" + std::to_string(word.get(test));
  return text + "\n" + test.model;
}

bool lns::fuzz::parseCase(llvm::StringRef text, Case &test,
                          std::string &error) {
  test = Case();
  test.model = text.str();
  if (!text.starts_with(kMark))
    return true;
  auto [line, model] = text.split('\n');
  test.model = model.str();
  llvm::SmallVector<llvm::StringRef> words;
  llvm::SplitString(line.drop_front(kMark.size()), words);
  for (llvm::StringRef word : words) {
    auto [name, number] = word.split('=');
    int64_t value = 0;
    bool known = false;
    for (const Word &candidate : kWords)
      if (candidate.name == name && !number.getAsInteger(10, value)) {
        candidate.set(test, value);
        known = true;
      }
    if (!known) {
      error = "'" + word.str() + "' is no option of a case";
      return false;
    }
  }
  return true;
}
