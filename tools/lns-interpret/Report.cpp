//===- Report.cpp - Prints tensors ----------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns-interpret/Report.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include <cmath>

using namespace lns::interpret;

/// No "-0".
static void printNumber(llvm::raw_ostream &os, double number, int digits) {
  os << llvm::format("%.*g", digits, number == 0 ? 0.0 : number);
}

void lns::interpret::printTensor(llvm::raw_ostream &os, llvm::StringRef what,
                                 const Tensor &tensor, bool withValues,
                                 int digits) {
  std::vector<double> values = tensor.values;
  if (tensor.isTokens)
    values.assign(tensor.tokens.begin(), tensor.tokens.end());
  double sum = 0, squares = 0;
  for (double value : values) {
    sum += value;
    squares += value * value;
  }
  os << what << ": " << formatShape(tensor.shape) << " norm ";
  printNumber(os, std::sqrt(squares), digits);
  os << " sum ";
  printNumber(os, sum, digits);
  os << "\n";
  if (!withValues)
    return;
  constexpr size_t limit = 64;
  os << "  = ";
  llvm::ListSeparator separator;
  for (double value : llvm::ArrayRef(values).take_front(limit)) {
    os << llvm::StringRef(separator);
    printNumber(os, value, digits);
  }
  if (values.size() > limit)
    os << ", and " << values.size() - limit << " more";
  os << "\n";
}
