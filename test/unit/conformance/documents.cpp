//===- documents.cpp - Documents in a row are what they are alone ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Without the interpreter: what packing promises, asked of plans for several
// documents in a row and of plans of the same model for one.
//
//===----------------------------------------------------------------------===//

#include "test/unit/conformance/conformance.h"

#include <cstring>

using namespace mlir;
using namespace lns;

namespace {

/// One document of a batch.
struct Document {
  int64_t row, start, end;
  int64_t size() const { return end - start; }
};

std::vector<Document> listDocuments(llvm::ArrayRef<int32_t> starts,
                                    int64_t sequence) {
  std::vector<Document> documents;
  for (int64_t i = 0; i < int64_t(starts.size()); ++i) {
    int64_t time = i % sequence;
    if (starts[i] == time)
      documents.push_back({i / sequence, time, time});
    documents.back().end = time + 1;
  }
  return documents;
}

/// Two documents in every row, the second from `start` on.
std::vector<int32_t> makePairs(int64_t batch, int64_t sequence, int64_t start) {
  std::vector<int32_t> starts(batch * sequence, 0);
  for (int64_t i = 0; i < batch * sequence; ++i)
    if (i % sequence >= start)
      starts[i] = int32_t(start);
  return starts;
}

} // namespace

void DocumentConformance::addGradients(lnsrt::Session &of, double weight,
                                       Sums &sums) {
  std::vector<std::vector<float>> gradients = readGradientsOf(of);
  sums.resize(gradients.size());
  for (size_t i = 0; i < gradients.size(); ++i) {
    sums[i].resize(gradients[i].size());
    for (size_t j = 0; j < gradients[i].size(); ++j)
      sums[i][j] += weight * double(gradients[i][j]);
  }
}

// Changing every token of a document changes its own logits, and not a bit of
// any other's.
TEST_P(DocumentConformance, NothingLeaks) {
  int64_t sequence = GetParam().sequence;
  size_t vocabulary = plan->info().vocabulary;
  std::vector<float> before(tokens.size() * vocabulary), after(before.size());
  ASSERT_TRUE(session->logits(getBatch(), before.data()));
  std::vector<int32_t> original = tokens;
  size_t number = 0;
  for (const Document &document : listDocuments(starts, sequence)) {
    // Some of every kind are enough.
    if (number++ % 3 != 0 && document.size() < 4)
      continue;
    for (int64_t t = document.start; t < document.end; ++t) {
      int32_t &token = tokens[document.row * sequence + t];
      token = int32_t((size_t(token) + 1 + size_t(t) % 7) % vocabulary);
    }
    ASSERT_TRUE(session->logits(getBatch(), after.data()));
    tokens = original;
    for (int64_t i = 0; i < int64_t(tokens.size()); ++i) {
      int64_t row = i / sequence, time = i % sequence;
      bool isOwn =
          row == document.row && time >= document.start && time < document.end;
      bool isSame = std::memcmp(&before[i * vocabulary], &after[i * vocabulary],
                                vocabulary * sizeof(float)) == 0;
      ASSERT_NE(isSame, isOwn)
          << "logits at [" << row << ", " << time << "] for a document at ["
          << document.row << ", " << document.start << " to " << document.end
          << ")";
    }
  }
}

// The second of two documents, and the first, are what plans for rows of their
// lengths compute of them: logits, losses and, weighted by their numbers of
// targets, gradients.
TEST_P(DocumentConformance, PackedIsAlone) {
  if (GetParam().bf16)
    GTEST_SKIP() << "f32 alone is near enough to compare";
  int64_t batch = GetParam().batch, sequence = GetParam().sequence;
  size_t vocabulary = plan->info().vocabulary;
  int64_t start = sequence / 3;
  starts = makePairs(batch, sequence, start);
  // A document's last token has nothing to predict.
  for (int64_t row = 0; row < batch; ++row)
    targets[row * sequence + start - 1] = LNSRT_IGNORED_TARGET;
  std::vector<float> packed(tokens.size() * vocabulary);
  ASSERT_TRUE(session->logits(getBatch(), packed.data()));
  auto packedLoss = session->grads(getBatch());
  ASSERT_TRUE(packedLoss) << packedLoss.status().message();
  std::vector<std::vector<float>> packedGradients = readGradients();

  Sums sums;
  double losses = 0;
  int64_t counted = 0;
  for (Document part : {Document{0, 0, start}, Document{0, start, sequence}}) {
    OwningOpRef<ModuleOp> trained =
        makeTraining(batch, part.size(), GetParam().parts, false);
    ASSERT_TRUE(trained);
    std::optional<lnsrt::Plan> alone = makePlan(*trained);
    ASSERT_TRUE(alone);
    std::optional<lnsrt::Session> own = makeSessionOf(*alone);
    ASSERT_TRUE(own);
    std::vector<int32_t> ownTokens, ownTargets;
    std::vector<double> expected;
    int64_t count = 0;
    for (int64_t row = 0; row < batch; ++row)
      for (int64_t t = part.start; t < part.end; ++t) {
        int64_t i = row * sequence + t;
        ownTokens.push_back(tokens[i]);
        ownTargets.push_back(targets[i]);
        count += targets[i] != LNSRT_IGNORED_TARGET;
        expected.insert(expected.end(), packed.begin() + i * vocabulary,
                        packed.begin() + (i + 1) * vocabulary);
      }
    std::vector<float> logits(expected.size());
    ASSERT_TRUE(own->logits(ownTokens.data(), logits.data()));
    EXPECT_LE(distance(logits, expected), 1e-5) << "from " << part.start;
    // Targets of this document alone, in the packed rows.
    std::vector<int32_t> some(targets.size(), LNSRT_IGNORED_TARGET);
    for (int64_t i = 0; i < int64_t(some.size()); ++i)
      if (i % sequence >= part.start && i % sequence < part.end)
        some[i] = targets[i];
    lnsrt::Batch its = getBatch();
    its.targets = some.data();
    auto inRow = session->eval(its);
    auto loss = own->grads(ownTokens.data(), ownTargets.data());
    ASSERT_TRUE(inRow) << inRow.status().message();
    ASSERT_TRUE(loss) << loss.status().message();
    EXPECT_NEAR(*inRow / *loss, 1.0, 1e-5) << "from " << part.start;
    losses += double(*loss) * double(count);
    addGradients(*own, double(count), sums);
    counted += count;
  }
  EXPECT_NEAR(losses / double(counted) / double(*packedLoss), 1.0, 1e-5);
  for (auto [i, sum] : llvm::enumerate(sums)) {
    for (double &x : sum)
      x /= double(counted);
    double norm = 0;
    for (double x : sum)
      norm += x * x;
    // Keys' biases, which no softmax sees, have gradients of nothing but
    // rounding.
    if (std::sqrt(norm) > 1e-6)
      EXPECT_LE(distance(packedGradients[i], sum), 1e-5)
          << plan->tensorInfo(i)->name;
  }
}

// Where the second document starts on a border of kernels' vectors, which is
// what `kPackAlignment` of the device is, its logits have the bits that they
// have alone.
TEST_P(DocumentConformance, AlignedIsAloneToTheBit) {
  int64_t batch = GetParam().batch, sequence = GetParam().sequence;
  int64_t start = kPackAlignment;
  if (sequence <= start || std::string(GetParam().level) == "cuda")
    GTEST_SKIP() << "there is no such document";
  size_t vocabulary = plan->info().vocabulary;
  starts = makePairs(batch, sequence, start);
  std::vector<float> packed(tokens.size() * vocabulary);
  ASSERT_TRUE(session->logits(getBatch(), packed.data()));
  OwningOpRef<ModuleOp> trained =
      makeTraining(batch, sequence - start, GetParam().parts, false);
  ASSERT_TRUE(trained);
  std::optional<lnsrt::Plan> alone = makePlan(*trained);
  ASSERT_TRUE(alone);
  std::optional<lnsrt::Session> own = makeSessionOf(*alone);
  ASSERT_TRUE(own);
  std::vector<int32_t> ownTokens;
  std::vector<float> expected;
  for (int64_t i = 0; i < int64_t(tokens.size()); ++i)
    if (i % sequence >= start) {
      ownTokens.push_back(tokens[i]);
      expected.insert(expected.end(), packed.begin() + i * vocabulary,
                      packed.begin() + (i + 1) * vocabulary);
    }
  std::vector<float> logits(expected.size());
  ASSERT_TRUE(own->logits(ownTokens.data(), logits.data()));
  EXPECT_TRUE(logits == expected);
}

// One document a row, given or not, is the plan without documents to the bit:
// loss, logits, gradients.
TEST_P(DocumentConformance, ZerosAreThePlanWithout) {
  OwningOpRef<ModuleOp> trained = makeTraining(
      GetParam().batch, GetParam().sequence, GetParam().parts, false);
  ASSERT_TRUE(trained);
  std::optional<lnsrt::Plan> without = makePlan(*trained);
  ASSERT_TRUE(without);
  EXPECT_EQ(without->info().documents, 0u);
  std::optional<lnsrt::Session> plain = makeSessionOf(*without);
  ASSERT_TRUE(plain);
  std::vector<float> logits(tokens.size() * plan->info().vocabulary);
  ASSERT_TRUE(plain->logits(tokens.data(), logits.data()));
  auto loss = plain->grads(tokens.data(), targets.data());
  ASSERT_TRUE(loss) << loss.status().message();
  std::vector<std::vector<float>> gradients = readGradientsOf(*plain);

  std::vector<int32_t> zeros(tokens.size(), 0);
  // The starts of the call before must be gone.
  for (const int32_t *given :
       {(const int32_t *)zeros.data(), (const int32_t *)nullptr}) {
    ASSERT_TRUE(session->grads(getBatch()));
    lnsrt::Batch batch(tokens.data(), targets.data(), given);
    std::vector<float> ours(logits.size());
    ASSERT_TRUE(session->logits(batch, ours.data()));
    EXPECT_TRUE(ours == logits);
    auto again = session->grads(batch);
    ASSERT_TRUE(again) << again.status().message();
    EXPECT_EQ(*again, *loss);
    EXPECT_TRUE(readGradients() == gradients);
  }
}

// A step of one batch and one of two halves are the same loss and gradients.
TEST_P(DocumentConformance, PartsAreTheBatch) {
  if (GetParam().bf16)
    GTEST_SKIP() << "f32 alone is near enough to compare";
  int64_t parts = GetParam().parts == 1 ? 2 : 1;
  OwningOpRef<ModuleOp> trained =
      makeTraining(GetParam().batch, GetParam().sequence, parts, true);
  ASSERT_TRUE(trained);
  std::optional<lnsrt::Plan> other = makePlan(*trained);
  ASSERT_TRUE(other);
  std::optional<lnsrt::Session> own = makeSessionOf(*other);
  ASSERT_TRUE(own);
  for (int64_t i = 0; i < int64_t(targets.size()); i += 5)
    targets[i] = LNSRT_IGNORED_TARGET;
  auto loss = session->grads(getBatch());
  auto again = own->grads(getBatch());
  ASSERT_TRUE(loss && again);
  EXPECT_NEAR(*again / *loss, 1.0, 1e-5);
  auto evaluated = own->eval(getBatch());
  ASSERT_TRUE(evaluated);
  EXPECT_NEAR(*evaluated / *loss, 1.0, 1e-5);
  Sums sums;
  addGradients(*own, 1, sums);
  std::vector<std::vector<float>> gradients = readGradients();
  for (size_t i = 0; i < sums.size(); ++i) {
    double norm = 0;
    for (double x : sums[i])
      norm += x * x;
    if (std::sqrt(norm) > 1e-6)
      EXPECT_LE(distance(gradients[i], sums[i]), 1e-5)
          << plan->tensorInfo(i)->name;
  }
}
