//===- WritePlan.cpp - A plan to where the command line says ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lnsc/WritePlan.h"
#include "driver/Compiler.h"
#include "tools/lnsc/Report.h"

#include "llvm/Support/raw_ostream.h"

using namespace lns;
using namespace lns::driver;

static int fail(const llvm::Twine &message) {
  llvm::errs() << "lnsc: error: " << message << "\n";
  return 1;
}

/// To standard output, which may be full.
static int writeOut(llvm::ArrayRef<char> bytes) {
  llvm::outs().write(bytes.data(), bytes.size());
  llvm::outs().flush();
  std::error_code code = llvm::outs().error();
  if (!code)
    return 0;
  llvm::outs().clear_error();
  return fail("cannot write the plan to standard output: " + code.message());
}

int driver::writePlan(const Plan &plan, const Request &request) {
  std::vector<char> bytes;
  std::string error;
  if (!lns::writePlan(plan, bytes, error))
    return fail(error);
  if (outputPath == "-") {
    int code = writeOut(bytes);
    if (code == 0)
      printSummary(llvm::errs(), plan, request, bytes.size());
    return code;
  }
  if (!writeFileAtomically(outputPath, bytes, error))
    return fail(error);
  printSummary(llvm::outs(), plan, request, bytes.size());
  llvm::outs().flush();
  if (std::error_code code = llvm::outs().error()) {
    llvm::outs().clear_error();
    return fail("cannot write to standard output: " + code.message() + "; '" +
                outputPath + "' is written");
  }
  return 0;
}
