//===- decoder.cpp - Tokens to text ---------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/decoder.h"

#include "tokenizer/byte_symbols.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/unicode.h"

#include <fmt/format.h>
#include <utility>

namespace lns::tokenizer {

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

Result<Decoder> Decoder::read(const Node &node) {
  if (node.isNull())
    return node.fail("is missing; without one the library puts a space "
                     "between tokens");
  Decoder decoder;
  LNS_TOKENIZER_TRY(decoder.add(node, 0));
  return decoder;
}

MaybeError Decoder::add(const Node &node, size_t depth) {
  Result<std::string> type = node.type();
  if (!type)
    return type.error();
  auto notBehind = [&](const char *what) {
    return node.fail(
        fmt::format("{} behind {} is not supported", quote(*type), what));
  };
  if (bytes)
    return notBehind("ByteLevel");
  if (*type == "Sequence" && depth == 0) {
    Result<std::vector<Node>> parts = node.sequence("decoders", "decoders");
    if (!parts)
      return parts.error();
    if (parts->empty())
      return node.get("decoders").fail("is not a list of decoders");
    for (const Node &part : *parts)
      LNS_TOKENIZER_TRY(add(part, depth + 1));
    return std::nullopt;
  }
  if (*type == "Fuse") {
    LNS_TOKENIZER_TRY(node.onlyKeys({"type"}));
    fused = true;
    return std::nullopt;
  }
  if (*type == "Strip")
    return addStrip(node);
  if (*type == "ByteLevel") {
    LNS_TOKENIZER_TRY(node.onlyKeys(
        {"type", "add_prefix_space", "trim_offsets", "use_regex"}));
    if (!steps.empty() || fused)
      return node.fail("ByteLevel behind another decoder is not supported");
    bytes = true;
    return std::nullopt;
  }
  if (*type != "Replace" && *type != "ByteFallback" && *type != "Metaspace")
    return node.get("type").fail(
        fmt::format("the decoder {} is not supported{}, only ByteLevel, "
                    "Metaspace, Replace, ByteFallback, Fuse, Strip, and one "
                    "Sequence of these",
                    quote(*type), *type == "Sequence" ? " in a Sequence" : ""));
  if (fused)
    return notBehind("Fuse");
  if (*type == "ByteFallback") {
    LNS_TOKENIZER_TRY(node.onlyKeys({"type"}));
    for (const Step &step : steps)
      if (step.kind == Kind::ByteFallback)
        return notBehind("another one");
    steps.push_back({Kind::ByteFallback});
    return std::nullopt;
  }
  if (*type == "Replace") {
    LNS_TOKENIZER_TRY(node.onlyKeys({"type", "pattern", "content"}));
    Node pattern = node.get("pattern");
    LNS_TOKENIZER_TRY(pattern.onlyKeys({"String"}));
    Result<std::string> what = pattern.text("String");
    Result<std::string> with = node.text("content");
    if (!what || !with)
      return !what ? what.error() : with.error();
    if (what->empty())
      return pattern.fail("the empty String is everywhere; give another one");
    steps.push_back({Kind::Replace, *what, *with});
    return std::nullopt;
  }
  LNS_TOKENIZER_TRY(node.onlyKeys({"type", "replacement", "prepend_scheme",
                                   "split", "add_prefix_space", "str_rep"}));
  Result<std::string> sign = node.text("replacement");
  if (!sign)
    return sign.error();
  if (sign->empty() || decodeCharacter(*sign, 0).bytes != sign->size())
    return node.get("replacement").fail(quote(*sign) + " is not one character");
  steps.push_back({Kind::Metaspace, *sign, " "});
  const nlohmann::json &scheme = *node.get("prepend_scheme");
  const nlohmann::json &space = *node.get("add_prefix_space");
  steps.back().dropFirst =
      scheme.is_null() ? space.is_null() || space != false : scheme != "never";
  return std::nullopt;
}

MaybeError Decoder::addStrip(const Node &node) {
  LNS_TOKENIZER_TRY(node.onlyKeys({"type", "content", "start", "stop"}));
  Result<std::string> what = node.text("content");
  Result<uint64_t> start = node.number("start");
  Result<uint64_t> stop = node.number("stop");
  if (!what || !start || !stop)
    return !what ? what.error() : !start ? start.error() : stop.error();
  if (what->empty() || decodeCharacter(*what, 0).bytes != what->size())
    return node.get("content").fail(quote(*what) + " is not one character");
  // The end of a stream is not known before it is there.
  if (*stop != 0)
    return node.get("stop").fail(
        fmt::format("is {}, only 0 is supported", *stop));
  (fused ? ends : steps)
      .push_back({Kind::Strip, *what, "", static_cast<size_t>(*start)});
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

DecoderState::DecoderState(const Decoder &decoder)
    : decoder(decoder), seen(decoder.steps.size()) {
  for (const Decoder::Step &step : decoder.ends)
    toCut.push_back(step.start);
}

/// The byte of "<0xNN>".
static std::optional<char> byteOfToken(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token[5] != '>')
    return std::nullopt;
  int value = 0;
  for (char c : token.substr(3, 2)) {
    int digit = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                       : -1;
    if (digit < 0)
      return std::nullopt;
    value = value * 16 + digit;
  }
  return static_cast<char>(value);
}

/// Bytes of `text` without an unfinished character at its end.
static size_t wholeCharacters(std::string_view text) {
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    size_t at = text.size() - back;
    auto lead = static_cast<unsigned char>(text[at]);
    if (lead < 0x80)
      break;
    if (lead < 0xC0)
      continue;
    size_t bad = 0;
    if (lead >= 0xC2 && lead < 0xF5 && characterBytes(text, at, &bad) == 0 &&
        bad == back)
      return at;
    break;
  }
  return text.size();
}

std::string DecoderState::push(std::string_view token, bool added) {
  if (!decoder.bytes) {
    runStep(0, std::string(token));
    return std::exchange(out, {});
  }
  std::optional<std::string> bytes;
  if (!added)
    bytes = bytesOfSymbols(token);
  pending.append(bytes ? std::string_view(*bytes) : token);
  size_t whole = wholeCharacters(pending);
  std::string text = repairUtf8(std::string_view(pending).substr(0, whole));
  pending.erase(0, whole);
  return text;
}

std::string DecoderState::finish() {
  if (decoder.bytes)
    return repairUtf8(std::exchange(pending, {}));
  for (size_t i = 0; i < decoder.steps.size(); ++i)
    if (decoder.steps[i].kind == Decoder::Kind::ByteFallback)
      flushBytes(i);
  return std::exchange(out, {});
}

/// Bytes in a row are text if all of them are, and else one sign each.
void DecoderState::flushBytes(size_t step) {
  if (pending.empty())
    return;
  std::string bytes = std::exchange(pending, {});
  if (!findBrokenUtf8(bytes))
    return runStep(step + 1, std::move(bytes));
  for (size_t i = 0; i < bytes.size(); ++i)
    runStep(step + 1, std::string(replacementCharacter));
}

void DecoderState::runStep(size_t index, std::string token) {
  if (index == decoder.steps.size())
    return give(token);
  const Decoder::Step &step = decoder.steps[index];
  bool first = seen[index]++ == 0;
  switch (step.kind) {
  case Decoder::Kind::Replace:
    token = replaceAll(token, step.what, step.with);
    break;
  case Decoder::Kind::Metaspace:
    // The library takes every sign of the first token for the one before it.
    token = replaceAll(token, step.what,
                       first && step.dropFirst ? "" : std::string_view(" "));
    break;
  case Decoder::Kind::Strip: {
    size_t cut = 0;
    for (size_t i = 0;
         i < step.start &&
         std::string_view(token).substr(cut).starts_with(step.what);
         ++i)
      cut += step.what.size();
    token.erase(0, cut);
    break;
  }
  case Decoder::Kind::ByteFallback:
    if (std::optional<char> byte = byteOfToken(token)) {
      pending.push_back(*byte);
      return;
    }
    flushBytes(index);
    break;
  }
  runStep(index + 1, std::move(token));
}

void DecoderState::give(std::string_view text) {
  for (size_t i = 0; i < toCut.size(); ++i) {
    const std::string &what = decoder.ends[i].what;
    while (toCut[i] > 0 && text.starts_with(what)) {
      text.remove_prefix(what.size());
      --toCut[i];
    }
    // What follows is not at the beginning any more.
    if (!text.empty())
      toCut[i] = 0;
    if (text.empty())
      return;
  }
  out.append(text);
}

} // namespace lns::tokenizer
