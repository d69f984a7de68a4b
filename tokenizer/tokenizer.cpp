//===- tokenizer.cpp - A tokenizer and its file ---------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/tokenizer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <fstream>
#include <iterator>

namespace lns::tokenizer {

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

Result<Tokenizer> Tokenizer::load(const std::string &path) {
  std::ifstream stream(path, std::ios::binary | std::ios::ate);
  if (!stream)
    return Error{
        fmt::format("{}: cannot open: {}", path, std::strerror(errno))};
  std::streamoff size = stream.tellg();
  if (size < 0 || static_cast<uint64_t>(size) > maxFileBytes)
    return Error{fmt::format("{}: has {} bytes, at most {} are read", path,
                             static_cast<int64_t>(size), maxFileBytes)};
  std::string bytes(static_cast<size_t>(size), '\0');
  stream.seekg(0);
  if (!stream.read(bytes.data(), size))
    return Error{path + ": cannot read"};
  return parse(bytes, path);
}

Result<Tokenizer> Tokenizer::parse(std::string_view bytes,
                                   const std::string &name) {
  if (bytes.size() > maxFileBytes)
    return Error{fmt::format("{}: has {} bytes, at most {} are read", name,
                             bytes.size(), maxFileBytes)};
  Result<JsonFile> file = parseJsonFile(bytes, name);
  if (!file)
    return file.error();
  Node root(*file);
  Tokenizer made;
  made.file = name;
  Node version = root.get("version");
  if (!version.isNull() && *version != "1.0")
    return version.fail(fmt::format("is {}, only \"1.0\" is supported",
                                    version->dump().substr(0, 40)));
  for (const char *key : {"truncation", "padding"})
    if (!root.get(key).isNull())
      made.remarks.push_back(
          fmt::format("{}: {} is left out of account", name, key));

  Result<Normalizer> normalizer = Normalizer::read(root.get("normalizer"));
  if (!normalizer)
    return normalizer.error();
  made.normalizer = std::move(*normalizer);
  Result<PreTokenizer> pre = PreTokenizer::read(root.get("pre_tokenizer"));
  if (!pre)
    return pre.error();
  made.preTokenizer = std::move(*pre);
  if (!root->contains("model"))
    return root.get("model").fail("is missing; is this a tokenizer.json?");
  Result<Bpe> bpe = Bpe::read(*file, made.preTokenizer.byteLevel());
  if (!bpe)
    return bpe.error();
  made.bpe = std::move(*bpe);
  if (MaybeError error = made.readAdded(root))
    return *error;
  Result<PostProcessor> post = PostProcessor::read(
      root.get("post_processor"),
      [&](std::string_view text) { return made.idOf(text); });
  if (!post)
    return post.error();
  made.postProcessor = std::move(*post);
  Result<Decoder> decoder = Decoder::read(root.get("decoder"));
  if (!decoder)
    return decoder.error();
  made.decoder = std::move(*decoder);
  return made;
}

/// The library takes no id of an added token from the file: it looks the string
/// up in the vocabulary, or counts on from the vocabulary's size.
MaybeError Tokenizer::readAdded(const Node &root) {
  Node list = root.get("added_tokens");
  Result<std::vector<AddedToken>> tokens = readAddedTokens(list);
  if (!tokens)
    return tokens.error();
  StringTable seen;
  uint64_t next = bpe.size();
  idLimit = bpe.idLimit();
  for (size_t i = 0; i < tokens->size(); ++i) {
    const AddedToken &token = (*tokens)[i];
    Node place = list.at(i);
    if (seen.find(token.content))
      return place.get("content").fail(quote(token.content) +
                                       " is there twice; remove one of them");
    if (!seen.add(token.content, token.id))
      return list.fail("was made so that entries collide; it is not read");
    std::optional<uint32_t> known = bpe.find(token.content);
    if (known && *known != token.id)
      return place.get("id").fail(
          fmt::format("{} has the id {} here and {} in model.vocab; make them "
                      "the same",
                      quote(token.content), token.id, *known));
    if (!known && token.id != next)
      return place.get("id").fail(fmt::format(
          "{} has the id {}, and the next one behind the vocabulary is {}; put "
          "it into model.vocab, or give it this id",
          quote(token.content), token.id, next));
    if (!known && bpe.content(token.id))
      return place.get("id").fail(fmt::format(
          "{} and {} of model.vocab have the same id, {}", quote(token.content),
          quote(*bpe.content(token.id)), token.id));
    next = std::max(next, uint64_t{token.id} + 1);
    idLimit = std::max(idLimit, token.id + 1);
  }
  added = std::make_shared<const std::vector<AddedToken>>(std::move(*tokens));

  for (const AddedToken &token : *added)
    addedById.push_back(&token);
  std::sort(
      addedById.begin(), addedById.end(),
      [](const AddedToken *a, const AddedToken *b) { return a->id < b->id; });
  // Special ones go first where two of them become the same text.
  for (bool normalized : {false, true}) {
    std::vector<std::string> patterns;
    std::vector<const AddedToken *> found;
    for (bool special : {true, false})
      for (const AddedToken &token : *added)
        if (token.normalized == normalized && token.special == special) {
          patterns.push_back(normalized ? normalizer.normalize(token.content)
                                        : token.content);
          found.push_back(&token);
        }
    (normalized ? normalizedFinder : rawFinder) =
        TokenFinder(std::move(patterns), std::move(found));
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Facts
//===----------------------------------------------------------------------===//

const AddedToken *Tokenizer::addedWith(uint32_t id) const {
  auto found = std::lower_bound(addedById.begin(), addedById.end(), id,
                                [](const AddedToken *token, uint32_t wanted) {
                                  return token->id < wanted;
                                });
  return found != addedById.end() && (*found)->id == id ? *found : nullptr;
}

const std::string *Tokenizer::contentOf(uint32_t id) const {
  const AddedToken *token = addedWith(id);
  return token ? &token->content : bpe.content(id);
}

std::optional<uint32_t> Tokenizer::idOf(std::string_view content) const {
  if (std::optional<uint32_t> id = bpe.find(content))
    return id;
  for (const AddedToken &token : *added)
    if (token.content == content)
      return token.id;
  return std::nullopt;
}

bool Tokenizer::isSpecial(uint32_t id) const {
  const AddedToken *token = addedWith(id);
  return token && token->special;
}

std::string Tokenizer::kind() const {
  return preTokenizer.byteLevel() ? "byte-level BPE"
         : bpe.hasByteFallback()  ? "BPE with byte fallback"
                                  : "BPE with an unknown token";
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

Result<std::string> TokenStream::push(uint32_t id) {
  const AddedToken *token = tokenizer.addedWith(id);
  const std::string *content =
      token ? &token->content : tokenizer.bpe.content(id);
  if (!content)
    return Error{fmt::format("{}: there is no token {}, ids are below {}",
                             tokenizer.file, id, tokenizer.idLimit)};
  if (token && token->special && skipSpecial)
    return std::string();
  return state.push(*content, token != nullptr);
}

Result<std::string> Tokenizer::decode(std::span<const uint32_t> ids,
                                      bool skipSpecial) const {
  TokenStream stream(*this, skipSpecial);
  std::string text;
  for (uint32_t id : ids) {
    Result<std::string> part = stream.push(id);
    if (!part)
      return part.error();
    text += *part;
  }
  return text + stream.finish();
}

} // namespace lns::tokenizer
