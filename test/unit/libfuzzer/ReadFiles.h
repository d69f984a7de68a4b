//===- ReadFiles.h - Seeds from files of this repository --------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_LIBFUZZER_READFILES_H
#define LNS_TEST_UNIT_LIBFUZZER_READFILES_H

#include <string>
#include <vector>

namespace lns::fuzz {

/// The files in and below `folders` whose names end in `suffix`; one that holds
/// several inputs (`// -----`) is cut into them.
std::vector<std::string> readFiles(const std::vector<std::string> &folders,
                                   const std::string &suffix);

} // namespace lns::fuzz

#endif // LNS_TEST_UNIT_LIBFUZZER_READFILES_H
