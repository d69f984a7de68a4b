//===- RowsTarget.cpp - Rows to fine-tune on, and their side files --------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The first byte chooses: rows of JSON with one of the templates, which become
// text with spans inside of it; or a file of documents or a mask beside a shard
// of ten tokens, from which rows are made.
//
//===----------------------------------------------------------------------===//

#include "MemoryFile.h"
#include "TinyStore.h"

#include "tools/lns/base/checksum.h"
#include "tools/lns/data/chat_template.h"
#include "tools/lns/data/document_rows.h"
#include "tools/lns/data/loss_spans.h"

#include <cstring>
#include <fstream>
#include <iterator>

using namespace lns;

namespace {
constexpr char documentsChoice = 4, maskChoice = 5;

/// A folder with a shard of ten tokens and what stands beside it.
struct Files {
  Files() {
    std::vector<uint16_t> tokens = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    fuzz::require(tool::writeShardFile(shard, tokens).ok());
    auto opened = tool::Shard::open(shard);
    fuzz::require(bool(opened));
    sum = *tool::sumTokens(*opened);
    const uint64_t starts[] = {0, 4, 5};
    auto documents = tool::AtomicFile::create(tool::documentsPath(shard));
    auto mask = tool::AtomicFile::create(tool::maskPath(shard));
    fuzz::require(tool::writeDocuments(*documents, sum, 10, starts).ok() &&
                  documents->commit().ok());
    fuzz::require(
        tool::writeMask(*mask, sum, std::vector<bool>(10, true)).ok() &&
        mask->commit().ok());
  }
  static std::string read(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  fuzz::ScratchFolder folder;
  std::string shard = folder.path() + "/x.bin";
  uint64_t sum = 0;
};

const Files &files() {
  static const Files made;
  return made;
}
} // namespace

static std::vector<std::string> seeds() {
  std::string conversation =
      R"({"messages": [{"role": "system", "content": "s"},)"
      R"( {"role": "user", "content": "u"},)"
      R"( {"role": "assistant", "content": " a\n"}]})";
  std::string others = R"({"instruction": "i", "input": "\u00e9", "output": )"
                       R"("o"})"
                       "\n"
                       R"({"prompt": "p", "completion": "c", "id": [1, {}]})"
                       "\n"
                       R"({"text": "t"})";
  std::vector<std::string> seeds;
  for (char which = 0; which < 4; ++which)
    seeds.push_back(which + conversation + "\n" + others);
  seeds.push_back(std::string(1, '\0') + "[" + conversation + ",\n{}]");
  seeds.push_back(documentsChoice +
                  Files::read(tool::documentsPath(files().shard)));
  seeds.push_back(maskChoice + Files::read(tool::maskPath(files().shard)));
  return seeds;
}

/// Spans are in order, apart and within the text.
static void requireSpans(const std::vector<tool::ByteSpan> &spans,
                         size_t size) {
  uint32_t at = 0;
  for (tool::ByteSpan span : spans) {
    fuzz::require(at <= span.begin && span.begin < span.end &&
                  span.end <= size);
    at = span.end;
  }
}

static void runRows(const std::string &templateName, std::string_view text) {
  tool::TrainingRows rows;
  tool::FirstErrors errors;
  tool::Status status = tool::parseTrainingRows(text, "rows", rows, errors);
  if (!status.ok())
    fuzz::requireError(status);
  for (const std::string &message : errors.told())
    fuzz::requireError(tool::Status::failure(message));
  fuzz::require(rows.rows.size() + errors.count() == rows.seen);
  tool::RenderOptions options;
  options.messages = options.instructions =
      tool::ChatTemplate::builtIn(templateName);
  options.end = std::string(1, '\0');
  for (const tool::TrainingRow &row : rows.rows) {
    auto rendered = tool::renderRow(row, options);
    if (!rendered) {
      fuzz::requireError(rendered.status());
      continue;
    }
    fuzz::require(!rendered->answers.empty());
    requireSpans(rendered->answers, rendered->text.size());
    requireSpans(rendered->contents, rendered->text.size());
    std::vector<tool::ByteSpan> bytes;
    for (uint32_t i = 0; i < rendered->text.size(); ++i)
      bytes.push_back({i, i + 1});
    tool::TokenMask mask = tool::maskTokens(bytes, rendered->answers);
    fuzz::require(mask.count > 0 && mask.straddling == 0);
  }
}

/// The checksum is made right, so that mutations get behind it.
static void runSide(bool isMask, std::string bytes) {
  static fuzz::MemoryFile file;
  if (bytes.size() >= 40) {
    std::memset(bytes.data() + 32, 0, 8);
    tool::Checksum sum;
    sum.add(bytes.data(), bytes.size());
    uint64_t value = sum.value();
    std::memcpy(bytes.data() + 32, &value, 8);
  }
  file.write(bytes);
  auto shard = tool::Shard::open(files().shard);
  fuzz::require(bool(shard));
  std::vector<tool::DocumentShard> shards;
  if (isMask) {
    auto mask = tool::MaskFile::open(file.path(), *shard, files().sum);
    if (!mask)
      return fuzz::requireError(mask.status());
    auto documents = tool::DocumentFile::open(
        tool::documentsPath(files().shard), *shard, files().sum);
    fuzz::require(bool(documents));
    shards.push_back(
        {std::move(*shard), std::move(*documents), std::move(*mask)});
  } else {
    auto documents = tool::DocumentFile::open(file.path(), *shard, files().sum);
    if (!documents)
      return fuzz::requireError(documents.status());
    shards.push_back({std::move(*shard), std::move(*documents), {}});
  }
  tool::DocumentLayout layout;
  layout.packed = true;
  auto rows = tool::DocumentRows::create(std::move(shards), 4, 11, layout);
  if (!rows)
    return fuzz::requireError(rows.status());
  tool::Batch batch(2, 4);
  for (uint64_t step = 0; step < 4; ++step) {
    fuzz::require(rows->fill(1, step, batch).ok());
    for (size_t i = 0; i < batch.tokens.size(); ++i) {
      auto time = static_cast<int32_t>(i % 4);
      int32_t before = time == 0 ? 0 : batch.starts[i - 1];
      fuzz::require(batch.tokens[i] >= 0 && batch.tokens[i] < 11 &&
                    (batch.starts[i] == before || batch.starts[i] == time));
    }
    fuzz::require(batch.targetCount >= 2);
  }
}

static void run(std::string_view bytes) {
  if (bytes.empty())
    return;
  std::string_view rest = bytes.substr(1);
  if (bytes[0] == documentsChoice || bytes[0] == maskChoice)
    return runSide(bytes[0] == maskChoice, std::string(rest));
  runRows(tool::ChatTemplate::names()[bytes[0] & 3], rest);
}

static const fuzz::RegisterTarget registered({"rows", seeds, run});
