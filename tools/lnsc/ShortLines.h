//===- ShortLines.h - Messages of bounded length ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNSC_SHORTLINES_H
#define LNS_TOOLS_LNSC_SHORTLINES_H

#include "llvm/Support/raw_ostream.h"

namespace lns::driver {

/// Passes text on, but no more of a line than kLongest bytes and " ...":
/// diagnostics quote names and whole lines of their input, which may have any
/// length. Unbuffered; what it writes to must outlive it.
class ShortLines : public llvm::raw_ostream {
public:
  static constexpr size_t kLongest = 1000;

  explicit ShortLines(llvm::raw_ostream &os)
      : raw_ostream(/*unbuffered=*/true), os(os) {}

private:
  void write_impl(const char *text, size_t size) override;
  uint64_t current_pos() const override { return position; }

  llvm::raw_ostream &os;
  uint64_t position = 0;
  size_t column = 0; ///< of the line that is being written
};

} // namespace lns::driver

#endif // LNS_TOOLS_LNSC_SHORTLINES_H
