//===- ModelTarget.cpp - A model's text -----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// MLIR's parser and verifiers and those of the dialect, for all forms.
//
//===----------------------------------------------------------------------===//

#include "FreshContext.h"
#include "ReadFiles.h"

#include "mlir/Parser/Parser.h"

using namespace lns;

static std::vector<std::string> seeds() {
  return fuzz::readFiles(
      {LNS_TEST_DIR "/Models", LNS_TEST_DIR "/Dialect", LNS_EXAMPLES_DIR},
      ".mlir");
}

static void run(std::string_view bytes) {
  static fuzz::FreshContext context;
  // MLIR's lexer wants a zero behind the text, as files have in memory.
  std::string text(bytes);
  context.run([&](mlir::MLIRContext &context) {
    return mlir::parseSourceString<mlir::ModuleOp>(
        text, mlir::ParserConfig(&context));
  });
}

static const fuzz::RegisterTarget registered({"model", seeds, run});
