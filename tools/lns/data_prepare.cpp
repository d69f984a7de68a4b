//===- data_prepare.cpp - Text to token shards ----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "data_prepare.h"

#include "bible_text.h"
#include "file_io.h"
#include "r_data.h"
#include "shard.h"

#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace lns::tool {

static Status requirePackageFile(const std::string &path,
                                 const std::string &package) {
  if (pathExists(path))
    return Status::success();
  return Status::failure(
      fmt::format("{}: not found; install the Debian package {} "
                  "(apt-get install {})",
                  path, package, package));
}

Expected<std::vector<Document>> loadClassicSet(const ClassicPaths &paths) {
  LNS_RETURN_IF_ERROR(requirePackageFile(paths.bible, "bible-kjv-text"));
  LNS_RETURN_IF_ERROR(
      requirePackageFile(paths.austen + ".rdx", "r-cran-janeaustenr"));
  LNS_RETURN_IF_ERROR(
      requirePackageFile(paths.austen + ".rdb", "r-cran-janeaustenr"));

  Expected<std::vector<std::byte>> bible =
      readWholeFile(paths.bible, size_t{1} << 30);
  if (!bible)
    return bible.status();
  Expected<std::string> text = decodeBibleData(paths.bible, *bible);
  if (!text)
    return text.status();
  Expected<std::vector<BibleBook>> books = splitBibleBooks(paths.bible, *text);
  if (!books)
    return books.status();
  // One document for the whole Bible: its books are too short to hold out a
  // tail of each.
  std::vector<Document> documents(1);
  documents[0].name = "bible";
  documents[0].source = "bible-kjv-text";
  for (const BibleBook &book : *books) {
    if (!documents[0].text.empty())
      documents[0].text += "\n\n";
    documents[0].text += book.text;
  }

  Expected<std::map<std::string, std::vector<std::string>>> novels =
      readLazyLoadStrings(paths.austen);
  if (!novels)
    return novels.status();
  for (const auto &[name, lines] : *novels) {
    Document document{name, "r-cran-janeaustenr", {}};
    for (const std::string &line : lines)
      document.text.append(line).push_back('\n');
    documents.push_back(std::move(document));
  }
  return documents;
}

Expected<std::vector<Document>>
loadTextFiles(const std::vector<std::string> &paths) {
  std::vector<Document> documents;
  for (const std::string &path : paths) {
    Expected<std::string> text = readTextFile(path, size_t{1} << 31);
    if (!text)
      return text.status();
    if (text->empty())
      return Status::failure(fmt::format("{}: the file is empty", path));
    std::string name = std::filesystem::path(path).filename().string();
    documents.push_back({name, name, std::move(*text)});
  }
  return documents;
}

static void appendBytes(std::vector<uint16_t> &tokens, std::string_view text) {
  for (char c : text)
    tokens.push_back(static_cast<unsigned char>(c));
}

Expected<PrepareSummary> writeDataset(const std::vector<Document> &documents,
                                      double heldOut,
                                      const std::string &setName,
                                      const std::string &folder) {
  std::vector<uint16_t> train, val;
  nlohmann::ordered_json sources = nlohmann::ordered_json::array();
  for (const Document &document : documents) {
    size_t size = document.text.size();
    size_t tail = static_cast<size_t>(static_cast<double>(size) * heldOut);
    std::string_view text = document.text;
    appendBytes(train, text.substr(0, size - tail));
    appendBytes(val, text.substr(size - tail));
    sources.push_back({{"name", document.name},
                       {"source", document.source},
                       {"bytes", size},
                       {"train_tokens", size - tail},
                       {"val_tokens", tail}});
  }
  nlohmann::ordered_json meta = {
      {"format", "llm.c"},        {"set", setName},
      {"tokenizer", "byte"},      {"vocabulary", 256},
      {"held_out", heldOut},      {"train_tokens", train.size()},
      {"val_tokens", val.size()}, {"sources", sources}};
  std::string metaText =
      meta.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";

  bool created = false;
  LNS_RETURN_IF_ERROR(makeFolder(folder, &created));
  std::string base = folder + "/";
  Status status = [&]() -> Status {
    Expected<AtomicFile> trainFile = AtomicFile::create(base + "train.bin");
    if (!trainFile)
      return trainFile.status();
    Expected<AtomicFile> valFile = AtomicFile::create(base + "val.bin");
    if (!valFile)
      return valFile.status();
    Expected<AtomicFile> metaFile = AtomicFile::create(base + "meta.json");
    if (!metaFile)
      return metaFile.status();
    LNS_RETURN_IF_ERROR(writeShard(*trainFile, base + "train.bin", train));
    LNS_RETURN_IF_ERROR(writeShard(*valFile, base + "val.bin", val));
    LNS_RETURN_IF_ERROR(metaFile->write(metaText));
    // meta.json last: a folder that has it is complete.
    LNS_RETURN_IF_ERROR(trainFile->commit());
    LNS_RETURN_IF_ERROR(valFile->commit());
    return metaFile->commit();
  }();
  if (!status.ok()) {
    if (created)
      ::rmdir(folder.c_str()); // Succeeds only while it is empty.
    return status;
  }
  return PrepareSummary{train.size(), val.size(), documents.size()};
}

} // namespace lns::tool
