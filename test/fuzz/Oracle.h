//===- Oracle.h - Is all well with this model? ------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// lnsc compiles the case in every variant (f32, bf16, bf16 with norms where
// they stand, and the first two for CUDA); the runtime opens every plan and
// runs it; what comes out is held against the reference.
//
// - Logits, loss and gradients are within kSlack times their noise
// (Reference.h).
//   Where that is more than half of the tensor itself the check says nothing;
//   such tensors are counted as vague.
// - Rounding to bf16 may turn a relu the other way in a plan and in no sample
// of
//   the noise. So a difference counts if it stays with many more samples, and
//   comes again with other parameters and tokens.
// - In bf16, no tensor is more than twice as far from the reference with norms
//   eliminated as without, over several parameters and tokens: in the mean
//   square, and beyond the noise.
// - A step leaves the gradients' bits that `grads` leaves, and parameters and
//   moments as AdamW makes them of those gradients, to f32's last bits.
// - One thread gives the bits of two.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_FUZZ_ORACLE_H
#define LNS_TEST_FUZZ_ORACLE_H

#include "test/fuzz/Case.h"
#include "test/fuzz/Child.h"

#include <memory>

namespace lns::fuzz {

/// Where things are.
struct Setup {
  std::string lnsc;      ///< the compiler
  std::string emulation; ///< folder of the emulated device's libraries
  std::string cache;     ///< folder of its compiled kernels
  std::string folder;    ///< for files that come and go
};

/// What is wrong with a case. `kind` is what stays while a case shrinks.
struct Verdict {
  std::string kind; ///< empty: nothing
  std::string detail;
  /// Tensors that were compared; those of f32 and of bf16 plans about which
  /// noise says all; and differences that did not come again.
  unsigned compared = 0, vague[2] = {0, 0}, once = 0;
  /// Plans that were opened and run.
  unsigned plans = 0;
  /// Some model is refused as it should be, such as for its memory budget.
  bool refused = false;
};

/// Runs the oracle in a child process, so that a crash is a verdict, too.
/// `limits` are of the child; lnsc has limits of its own.
Verdict judge(const Case &test, const Setup &setup);

/// The same begun, so that several can be at work.
std::unique_ptr<Child> beginToJudge(const Case &test, const Setup &setup);
Verdict readVerdict(const Outcome &outcome);

} // namespace lns::fuzz

#endif // LNS_TEST_FUZZ_ORACLE_H
