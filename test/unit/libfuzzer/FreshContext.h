//===- FreshContext.h - An MLIRContext that does not grow -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_LIBFUZZER_FRESHCONTEXT_H
#define LNS_TEST_UNIT_LIBFUZZER_FRESHCONTEXT_H

#include "Target.h"

#include "dialect/Register.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include <memory>

namespace lns::fuzz {

/// Gives `make` a context, and looks at what it returns. A context keeps every
/// type and attribute that it ever saw, so it is replaced now and then.
class FreshContext {
public:
  void
  run(llvm::function_ref<mlir::OwningOpRef<mlir::ModuleOp>(mlir::MLIRContext &)>
          make) {
    if (!context || ++used == 1000) {
      mlir::DialectRegistry registry;
      registerDialects(registry);
      context = std::make_unique<mlir::MLIRContext>(
          registry, mlir::MLIRContext::Threading::DISABLED);
      used = 0;
    }
    bool failed = false;
    mlir::ScopedDiagnosticHandler handler(
        context.get(), [&](mlir::Diagnostic &diagnostic) {
          failed |= diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
          return mlir::success();
        });
    mlir::OwningOpRef<mlir::ModuleOp> module = make(*context);
    // Either a module or an error, and never both.
    require(failed != bool(module));
    if (module)
      module->print(llvm::nulls());
  }

private:
  std::unique_ptr<mlir::MLIRContext> context;
  int used = 0;
};

} // namespace lns::fuzz

#endif // LNS_TEST_UNIT_LIBFUZZER_FRESHCONTEXT_H
