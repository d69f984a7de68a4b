//===- test_plan.h - A plan made by hand -------------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// B x T = 2 x 3 tokens of a vocabulary of 5, width 4:
//   h = table[tokens]; logits = h head^T; loss = mean (logits - onehot)^2
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_RUNTIME_TEST_PLAN_H
#define LNS_TEST_UNIT_RUNTIME_TEST_PLAN_H

#include "runtime/lnsrt.hpp"
#include "runtime/plan/plan_format.h"
#include "runtime/plan/plan_generated.h"

#include <cstdint>
#include <string>
#include <vector>

namespace lns::test {

using Bytes = std::vector<unsigned char>;

inline constexpr uint32_t kBatch = 2, kSequence = 3, kVocabulary = 5,
                          kWidth = 4;
inline constexpr uint32_t kRows = kBatch * kSequence;
/// Segment offsets; every tensor of the test fits in 128 bytes.
inline constexpr uint64_t kTableOffset = 0, kHeadOffset = 128;
inline constexpr uint64_t kParameterBytes = 256;
inline constexpr uint64_t kCacheBytes = uint64_t(kRows) * kWidth * 4;

struct TestPlan {
  /// A correct plan. `table` may be changed before `serialize`.
  TestPlan();

  plan::PlanT table;
  Bytes code;            ///< every level's
  Bytes constants;       ///< 64 bytes
  Bytes extra;           ///< behind the code, or empty
  uint64_t features = 0; ///< of the header

  plan::EntryPointT &entry(const std::string &name);
  /// The first command of this name in train_step.
  plan::CommandT &command(const std::string &name);
  plan::LaunchT &launch(const std::string &name);
  plan::MatmulT &matmul(const std::string &name);

  /// Makes `grads` a repeat over the two sequences. A part's "loss" is its
  /// first token, as the bits of a float; the first gradient becomes its first
  /// target.
  void splitBatch();
  plan::RepeatT &repeat();

  /// Makes all that take tokens take starts of documents, too; behind
  /// `splitBatch`, if that is called. Their bits become the first six of the
  /// logits, and those of a part the third row of the table's gradient.
  void takeDocuments();

  /// Adds "trace", of the model's one block: streams of ones and threes, and a
  /// branch of twos.
  plan::EntryPointT &addTrace();

  /// Adds "decode", behind `splitBatch` and `takeDocuments`, if they are
  /// called: h is the sum of the table's rows of a text's tokens up to the one
  /// at hand. They are kept in the cache, position after position, row after
  /// row.
  plan::EntryPointT &addDecode();

  uint64_t extraOffset() const;
  /// The file, with a right header, whatever the table says.
  Bytes serialize() const;
};

/// Sets the size and checksum fields of the header to what the bytes are.
void fixHeader(Bytes &file);

/// Opens the bytes; the status' message is what tests look at.
lnsrt::Result<lnsrt::Plan> open(const Bytes &file);

Bytes readFile(const char *path);

} // namespace lns::test

#endif // LNS_TEST_UNIT_RUNTIME_TEST_PLAN_H
