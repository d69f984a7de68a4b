//===- tokenizer.h - Text to tokens and back --------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOKENIZER_TOKENIZER_H
#define LNS_TOKENIZER_TOKENIZER_H

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/decoder.h"
#include "tokenizer/error.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/post_processor.h"
#include "tokenizer/pre_tokenizer.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tokenizer {

/// Bytes [begin, end) of a text.
struct Span {
  uint32_t begin = 0, end = 0;
  bool operator==(const Span &) const = default;
};

/// Tokens of a text. Spans are in the text as it was given, do not overlap and
/// do not fall. Where nothing is normalized or left out they tile the text, a
/// character that is cut included. A token inside of a replaced part (an NFC
/// composition, a blank that became a sign) begins where the part does; tokens
/// that stand for nothing in the text have empty spans.
struct Encoding {
  std::vector<uint32_t> ids;
  std::vector<Span> spans;
};

struct EncodeOptions {
  /// The template's tokens, before and behind the text.
  bool withTemplate = true;
  /// Special tokens that are spelt out in the text are these tokens; otherwise
  /// they are text like any other.
  bool specialInText = true;
  /// Parts of the text, in order, in which special tokens are text all the
  /// same: what somebody else wrote between those that are meant.
  std::span<const Span> literal = {};
};

/// A tokenizer.json of Hugging Face: byte-level BPE, or BPE on characters with
/// byte fallback or an unknown token. What the file says beyond that is refused
/// when it is read. Nothing changes a tokenizer afterwards: any number of
/// threads may use one at once.
class Tokenizer {
public:
  static Result<Tokenizer> load(const std::string &path);
  /// `name` is for messages.
  static Result<Tokenizer> parse(std::string_view bytes,
                                 const std::string &name);

  /// `text` is UTF-8 and shorter than 4 GiB. For many texts an Encoder is
  /// faster.
  Result<Encoding> encode(std::string_view text,
                          const EncodeOptions &options = {}) const;
  /// The text of some ids; an error if there is no such id.
  Result<std::string> decode(std::span<const uint32_t> ids,
                             bool skipSpecial = false) const;

  /// Every id is below it.
  uint32_t vocabularySize() const { return idLimit; }
  bool has(uint32_t id) const { return contentOf(id) != nullptr; }
  /// A token's string as the file has it; null if there is none.
  const std::string *contentOf(uint32_t id) const;
  std::optional<uint32_t> idOf(std::string_view content) const;
  bool isSpecial(uint32_t id) const;

  /// "byte-level BPE", ...
  std::string kind() const;
  const std::string &name() const { return file; }
  const Bpe &model() const { return bpe; }
  const std::vector<AddedToken> &addedTokens() const { return *added; }
  /// What the template puts around a text.
  const PostProcessor &around() const { return postProcessor; }
  /// What the file asks for that is not done.
  const std::vector<std::string> &notes() const { return remarks; }

  static constexpr size_t maxFileBytes = size_t{1} << 28;

private:
  friend class Encoder;
  friend class TokenStream;

  MaybeError readAdded(const Node &root);
  const AddedToken *addedWith(uint32_t id) const;

  std::string file;
  std::vector<std::string> remarks;
  // On the heap, because finders point to them.
  std::shared_ptr<const std::vector<AddedToken>> added;
  std::vector<const AddedToken *> addedById; ///< sorted by id
  TokenFinder rawFinder, normalizedFinder;
  Normalizer normalizer;
  PreTokenizer preTokenizer;
  Bpe bpe;
  PostProcessor postProcessor;
  Decoder decoder;
  uint32_t idLimit = 0;
};

/// Encodes one text after another, and remembers the tokens of words. Each
/// thread has its own; the tokenizer must outlive it.
class Encoder {
public:
  explicit Encoder(const Tokenizer &tokenizer) : tokenizer(tokenizer) {}

  /// Appends to `encoding`, whose spans are in this text.
  MaybeError encode(std::string_view text, const EncodeOptions &options,
                    Encoding &encoding);

private:
  MaybeError normalize(size_t step, SourceText &source);
  MaybeError findNormalized(SourceText &source);
  MaybeError addPieces(SourceText &source, size_t begin, size_t end);
  bool isLiteral(const AddedToken &token, size_t byte) const;

  const Tokenizer &tokenizer;
  MatchState matchState;
  BpeState bpeState;
  EncodeOptions chosen;
  Encoding *out = nullptr;
};

/// Turns ids, one after another, into text that can be shown at once: it holds
/// back a character that is not whole yet. All that it gave, and finish(), is
/// what decode() gives for all ids. The tokenizer must outlive it.
class TokenStream {
public:
  TokenStream(const Tokenizer &tokenizer, bool skipSpecial)
      : tokenizer(tokenizer), state(tokenizer.decoder),
        skipSpecial(skipSpecial) {}

  Result<std::string> push(uint32_t id);
  std::string finish() { return state.finish(); }

private:
  const Tokenizer &tokenizer;
  DecoderState state;
  bool skipSpecial;
};

} // namespace lns::tokenizer

#endif // LNS_TOKENIZER_TOKENIZER_H
