//===- bpe_reader.cpp - model of a file -----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/bpe.h"
#include "tokenizer/byte_symbols.h"
#include "tokenizer/unicode.h"

#include <algorithm>
#include <fmt/format.h>

namespace lns::tokenizer {

static std::string byteToken(unsigned byte) {
  return fmt::format("<0x{:02X}>", byte);
}

Result<Bpe> Bpe::read(const JsonFile &file, bool byteLevel) {
  Node model = Node(file).get("model");
  LNS_TOKENIZER_TRY(model.onlyKeys(
      {"type", "dropout", "unk_token", "continuing_subword_prefix",
       "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"}));
  Bpe bpe;
  bpe.byteLevel = byteLevel;
  LNS_TOKENIZER_TRY(bpe.readOptions(model));
  LNS_TOKENIZER_TRY(bpe.readVocab(file, model));
  if (!model.get("unk_token").isNull()) {
    Result<std::string> token = model.text("unk_token");
    if (!token)
      return token.error();
    std::optional<uint32_t> id = bpe.find(*token);
    if (!id)
      return model.get("unk_token")
          .fail(quote(*token) + " is not in the vocabulary");
    bpe.unknown = *id;
  }
  LNS_TOKENIZER_TRY(bpe.readAlphabet(model));
  LNS_TOKENIZER_TRY(bpe.readMerges(file, model));
  return bpe;
}

MaybeError Bpe::readOptions(const Node &model) {
  Node type = model.get("type");
  if (!type.isNull() && *type != "BPE")
    return type.fail(fmt::format(
        "the model {} is not supported, only BPE",
        type->is_string() ? quote(type->get<std::string>()) : type->dump()));
  Node dropout = model.get("dropout");
  if (!dropout.isNull() && !(dropout->is_number() && *dropout == 0))
    return dropout.fail("is not supported: tokens would differ from call to "
                        "call; set it to null");
  for (const char *key : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!model.get(key).isNull() && *model.get(key) != "")
      return model.get(key).fail("is not supported, only null or the empty "
                                 "text");
  for (auto [key, member] : {std::pair("fuse_unk", &Bpe::fuseUnknown),
                             std::pair("byte_fallback", &Bpe::byteFallback),
                             std::pair("ignore_merges", &Bpe::ignoreMerges)}) {
    Result<bool> flag = model.flag(key, false);
    if (!flag)
      return flag.error();
    this->*member = *flag;
  }
  return std::nullopt;
}

MaybeError Bpe::readVocab(const JsonFile &file, const Node &model) {
  Node place = model.get("vocab");
  if (!file.hasVocab)
    return place.fail("is missing");
  if (file.vocab.empty())
    return place.fail("is empty");
  // Ids are places in tables.
  uint32_t largest = 0;
  for (const auto &[text, id] : file.vocab)
    largest = std::max(largest, id);
  if (largest / 8 > file.vocab.size() + 128)
    return place.fail(fmt::format("has {} entries and the id {}; an id of more "
                                  "than 8 times their number is not supported",
                                  file.vocab.size(), largest));
  count = file.vocab.size();
  contents.resize(size_t{largest} + 1);
  present.resize(contents.size());
  for (const auto &[text, id] : file.vocab) {
    if (present[id])
      return place.fail(fmt::format("{} and {} have the same id, {}",
                                    quote(contents[id]), quote(text), id));
    if (std::optional<uint32_t> other = byContent.find(text))
      return place.fail(fmt::format("{} is there twice, with the ids {} and {}",
                                    quote(text), *other, id));
    present[id] = true;
    contents[id] = text;
    bool good = byContent.add(text, id);
    if (good && ignoreMerges && byteLevel) {
      if (std::optional<std::string> bytes = bytesOfSymbols(text))
        good = byText.add(*bytes, id);
    }
    if (!good)
      return place.fail("was made so that entries collide; it is not read");
  }
  return std::nullopt;
}

/// Every text has tokens: the library leaves out what it has no symbol for, and
/// then merges over the gap.
MaybeError Bpe::readAlphabet(const Node &model) {
  byteIds.fill(none);
  unsigned missing = 0;
  std::string first;
  for (unsigned byte = 256; byte-- > 0;) {
    std::string symbol;
    if (byteLevel)
      appendCharacter(symbol, symbolOfByte(static_cast<uint8_t>(byte)));
    else
      symbol = byteToken(byte);
    if (std::optional<uint32_t> id = find(symbol)) {
      byteIds[byte] = *id;
      continue;
    }
    // No UTF-8 has these, and published vocabularies leave them out.
    bool never = byte == 0xC0 || byte == 0xC1 || byte >= 0xF5;
    if (byteLevel && never)
      continue;
    ++missing;
    first = symbol;
  }
  if (missing == 0 && (byteLevel || byteFallback))
    return std::nullopt;
  if (byteFallback)
    return model.get("byte_fallback")
        .fail(fmt::format("{} of the 256 bytes are not in the vocabulary, the "
                          "first is {}; add them",
                          missing, quote(first)));
  if (unknown == none)
    return model.get("vocab").fail(
        byteLevel
            ? fmt::format("the symbols of {} bytes are missing, the first "
                          "is {}, and there is no unk_token; add one of these",
                          missing, quote(first))
            : std::string("not every text has tokens: there is neither "
                          "byte_fallback nor an unk_token; add one of these"));
  return std::nullopt;
}

MaybeError Bpe::readMerges(const JsonFile &file, const Node &model) {
  Node place = model.get("merges");
  if (!file.hasMerges)
    return place.fail("is missing");
  mergesRead = file.merges.size();
  merges = PairTable<Merge>(mergesRead);
  std::string joined;
  for (size_t i = 0; i < mergesRead; ++i) {
    const auto &[left, right] = file.merges[i];
    joined = left + right;
    std::optional<uint32_t> ids[3];
    const std::string *texts[3] = {&left, &right, &joined};
    for (int k = 0; k < 3; ++k) {
      ids[k] = find(*texts[k]);
      if (!ids[k])
        return place.fail(
            fmt::format("merge {} ({} and {}): {} is not in the vocabulary", i,
                        quote(left), quote(right), quote(*texts[k])));
    }
    // Of a pair that is there twice, the last place counts.
    if (!merges.set(*ids[0], *ids[1], {static_cast<uint32_t>(i), *ids[2]}))
      return place.fail("was made so that entries collide; it is not read");
  }
  if (!byteLevel)
    findCuts(file);
  return std::nullopt;
}

void Bpe::findCuts(const JsonFile &file) {
  // A run of unknown characters is one token, whoever stands beside it.
  if (!byteFallback && fuseUnknown)
    return;
  joints = PairTable<bool>(file.merges.size());
  for (const auto &[left, right] : file.merges) {
    // These symbols are not made of the characters in their names.
    for (const std::string &part : {left, right}) {
      uint32_t id = *find(part);
      if (part.empty() || id == unknown ||
          (byteFallback &&
           std::find(byteIds.begin(), byteIds.end(), id) != byteIds.end()))
        return;
    }
    if (!joints.set(decodeBefore(left, left.size()).code,
                    decodeCharacter(right, 0).code, true))
      return;
  }
  canCut = true;
}

} // namespace lns::tokenizer
