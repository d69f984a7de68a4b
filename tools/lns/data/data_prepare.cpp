//===- data_prepare.cpp - Text to token shards ----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/data_prepare.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/data/bible_text.h"
#include "tools/lns/data/dataset_files.h"
#include "tools/lns/data/r_data.h"

#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

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
    Expected<std::string> text = readTextStream(path, size_t{1} << 31);
    if (!text)
      return text.status();
    std::string name = path == "-"
                           ? "standard input"
                           : std::filesystem::path(path).filename().string();
    if (text->empty())
      return Status::failure(
          fmt::format("{}: holds no text", path == "-" ? name : path));
    documents.push_back({name, name, std::move(*text)});
  }
  return documents;
}

namespace {
/// Tokens as they are written, and what meta.json says of their sources.
template <typename Token> struct Parts {
  std::vector<Token> train, val;
  nlohmann::ordered_json sources = nlohmann::ordered_json::array();
  uint64_t documents = 0;

  /// Adds a document whose tokens are `get(0)`, `get(1)`, ...
  template <typename Get>
  void add(const std::string &name, const std::string &source,
           const char *sizeName, size_t size, double heldOut, Get &&get) {
    size_t tail = static_cast<size_t>(static_cast<double>(size) * heldOut);
    for (size_t i = 0; i < size; ++i)
      (i < size - tail ? train : val).push_back(get(i));
    sources.push_back({{"name", name},
                       {"source", source},
                       {sizeName, size},
                       {"train_tokens", size - tail},
                       {"val_tokens", tail}});
    ++documents;
  }
};
} // namespace

/// Puts the three files into the folder; `tokenizer`: what meta.json says of
/// the tokens.
template <typename Token>
static Expected<PrepareSummary>
writeParts(const Parts<Token> &parts, const std::string &setName,
           const nlohmann::ordered_json &tokenizer, uint64_t vocabulary,
           const PrepareOptions &options) {
  nlohmann::ordered_json meta = {{"format", "llm.c"}, {"set", setName}};
  meta.update(tokenizer);
  meta.update({{"vocabulary", vocabulary},
               {"held_out", options.heldOut},
               {"train_tokens", parts.train.size()},
               {"val_tokens", parts.val.size()},
               {"sources", parts.sources}});
  std::string metaText =
      meta.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  auto shard = [](const std::vector<Token> &tokens) {
    return [&tokens](AtomicFile &file, const std::string &path) {
      return writeShard(file, path, std::span<const Token>(tokens));
    };
  };
  LNS_RETURN_IF_ERROR(writeDatasetFiles(
      options.folder, options.replace,
      {{"train.bin", shard(parts.train)},
       {"val.bin", shard(parts.val)},
       {"meta.json", [&](AtomicFile &file, const std::string &) {
          return file.write(metaText);
        }}}));
  return PrepareSummary{parts.train.size(), parts.val.size(), parts.documents};
}

Expected<PrepareSummary> writeDataset(const std::vector<Document> &documents,
                                      const std::string &setName,
                                      const PrepareOptions &options) {
  Parts<uint16_t> parts;
  for (const Document &document : documents)
    parts.add(document.name, document.source, "bytes", document.text.size(),
              options.heldOut, [&](size_t i) {
                return static_cast<unsigned char>(document.text[i]);
              });
  return writeParts(parts, setName, {{"tokenizer", "byte"}}, 256, options);
}

template <typename Token>
static Expected<PrepareSummary>
writeTokenized(const std::vector<Document> &documents,
               const std::string &setName, const TokenizerFile &file,
               const PrepareOptions &options) {
  Parts<Token> parts;
  tokenizer::Encoder encoder(file.tokenizer);
  uint64_t heldOutBytes = 0;
  for (const Document &document : documents) {
    tokenizer::Encoding encoding;
    if (tokenizer::MaybeError error =
            encoder.encode(document.text, {}, encoding))
      return Status::failure(document.name + ": " + error->message);
    size_t heldOutBefore = parts.val.size();
    parts.add(document.name, document.source, "tokens", encoding.ids.size(),
              options.heldOut,
              [&](size_t i) { return static_cast<Token>(encoding.ids[i]); });
    // By which a loss per token becomes one per byte.
    size_t tail = parts.val.size() - heldOutBefore;
    uint64_t bytes = tail == 0
                         ? 0
                         : document.text.size() -
                               encoding.spans[encoding.ids.size() - tail].begin;
    parts.sources.back()["bytes"] = document.text.size();
    parts.sources.back()["val_bytes"] = bytes;
    heldOutBytes += bytes;
  }
  return writeParts(
      parts, setName,
      {{"tokenizer", file.tokenizer.kind()},
       {"tokenizer_file", std::filesystem::path(file.path).filename().string()},
       {"tokenizer_xxh64", checksumText(file.checksum)},
       {"val_bytes", heldOutBytes}},
      file.tokenizer.vocabularySize(), options);
}

Expected<PrepareSummary>
writeTokenizedDataset(const std::vector<Document> &documents,
                      const std::string &setName, const TokenizerFile &file,
                      const PrepareOptions &options) {
  return file.tokenizer.vocabularySize() > 65536
             ? writeTokenized<uint32_t>(documents, setName, file, options)
             : writeTokenized<uint16_t>(documents, setName, file, options);
}

template <typename Token>
static Expected<PrepareSummary> writeTokens(const TokenFiles &files,
                                            const PrepareOptions &options) {
  Parts<Token> parts;
  for (const std::string &path : files.paths) {
    Expected<Shard> shard = Shard::open(path, files.type);
    if (!shard)
      return shard.status();
    std::vector<uint32_t> tokens(shard->size());
    LNS_RETURN_IF_ERROR(shard->read(0, tokens));
    for (size_t i = 0; i < tokens.size(); ++i)
      if (tokens[i] >= files.vocabulary)
        return Status::failure(fmt::format(
            "{}: token {} at position {} is beyond the --vocabulary of {}; is "
            "--token-type right?",
            path, tokens[i], i, files.vocabulary));
    std::string name = std::filesystem::path(path).filename().string();
    parts.add(name, name, "tokens", tokens.size(), options.heldOut,
              [&](size_t i) { return static_cast<Token>(tokens[i]); });
  }
  return writeParts(parts, "tokens", {{"tokenizer", "other"}}, files.vocabulary,
                    options);
}

Expected<PrepareSummary> writeTokenDataset(const TokenFiles &files,
                                           const PrepareOptions &options) {
  return files.vocabulary > 65536 ? writeTokens<uint32_t>(files, options)
                                  : writeTokens<uint16_t>(files, options);
}

} // namespace lns::tool
