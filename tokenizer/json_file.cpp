//===- json_file.cpp - tokenizer.json as it stands ------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tokenizer/json_file.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

using nlohmann::json;

namespace lns::tokenizer {

/// The deepest value of a published file is at 7.
static constexpr size_t maxDepth = 32;
/// Beside vocabulary and merges: most are of added tokens, of which published
/// files have up to 7,000, with 8 values each.
static constexpr size_t maxValues = size_t{1} << 20;

static constexpr std::array topKeys = {
    "version",       "truncation",     "padding", "added_tokens", "normalizer",
    "pre_tokenizer", "post_processor", "decoder", "model"};

namespace {
/// Every event returns whether the parser shall go on; `error` says why not.
class Reader : public json::json_sax_t {
public:
  explicit Reader(JsonFile &file) : file(file) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override {
    if (kind() != Kind::Vocab)
      return add(value);
    if (value > INT32_MAX)
      return fail(fmt::format("the id {} does not fit into 31 bits", value));
    file.vocab.emplace_back(frames.back().key, static_cast<uint32_t>(value));
    return true;
  }
  bool number_float(number_float_t value, const string_t &) override {
    return add(value);
  }
  bool binary(binary_t &) override { return fail("binary data"); }

  bool string(string_t &value) override {
    if (kind() == Kind::Merges)
      return addMerge(value);
    if (kind() == Kind::Merge) {
      Frame &merge = frames.back();
      if (merge.count >= 2)
        return fail("a merge of more than two parts");
      (merge.count++ == 0 ? file.merges.back().first
                          : file.merges.back().second) = std::move(value);
      return true;
    }
    return add(std::move(value));
  }

  bool start_object(size_t) override {
    if (atModelKey("vocab")) {
      file.hasVocab = true;
      return push({Kind::Vocab, nullptr});
    }
    return open(json::object(), Kind::Object);
  }
  bool key(string_t &value) override {
    Frame &frame = frames.back();
    frame.key = std::move(value);
    if (frame.kind == Kind::Vocab)
      return true;
    if (frames.size() == 1 &&
        std::find(topKeys.begin(), topKeys.end(), frame.key) == topKeys.end())
      return fail("this key is not known; a tokenizer has " +
                  fmt::format("{}", fmt::join(topKeys, ", ")));
    bool again = frame.value->contains(frame.key) ||
                 (frames.size() == 2 && file.hasVocab && frame.key == "vocab" &&
                  frames[0].key == "model") ||
                 (frames.size() == 2 && file.hasMerges &&
                  frame.key == "merges" && frames[0].key == "model");
    return again ? fail("the key is there twice; remove one of them") : true;
  }
  bool end_object() override { return pop(); }

  bool start_array(size_t) override {
    if (atModelKey("merges")) {
      file.hasMerges = true;
      return push({Kind::Merges, nullptr});
    }
    if (kind() == Kind::Merges) {
      if (strings)
        return fail("a pair among merges that are strings; write all in one "
                    "form");
      pairs = true;
      file.merges.emplace_back();
      return push({Kind::Merge, nullptr});
    }
    return open(json::array(), Kind::Array);
  }
  bool end_array() override {
    if (kind() == Kind::Merge && frames.back().count != 2)
      return fail(
          fmt::format("a merge of {} parts, expected 2", frames.back().count));
    return pop();
  }

  bool parse_error(size_t position, const std::string &,
                   const nlohmann::detail::exception &) override {
    return fail(fmt::format("no JSON at byte {}; is the file whole?", position),
                /*withPath=*/false);
  }

  std::optional<Error> error;

private:
  enum class Kind { None, Object, Array, Vocab, Merges, Merge };
  struct Frame {
    Kind kind = Kind::None;
    json *value = nullptr; ///< of an object or array
    std::string key = {};
    size_t count = 0; ///< elements so far
  };

  Kind kind() const { return frames.empty() ? Kind::None : frames.back().kind; }
  bool atModelKey(std::string_view key) const {
    return frames.size() == 2 && frames[0].key == "model" &&
           frames[1].kind == Kind::Object && frames[1].key == key;
  }

  /// Where the parser is: "model.merges[3]".
  std::string path() const {
    std::string text;
    for (const Frame &frame : frames) {
      if (frame.kind == Kind::Merges)
        text += fmt::format("[{}]", file.merges.size() - (pairs ? 1 : 0));
      else if (frame.kind == Kind::Array)
        text += fmt::format("[{}]", frame.count);
      else if (frame.kind == Kind::Vocab)
        text += "[" + quote(frame.key) + "]";
      else if (frame.kind == Kind::Object && !frame.key.empty())
        text += (text.empty() ? "" : ".") + quotedKey(frame.key);
    }
    return text;
  }
  static std::string quotedKey(const std::string &key) {
    std::string text = quote(key);
    return text.substr(1, text.size() - 2);
  }
  bool fail(const std::string &what, bool withPath = true) {
    std::string place = withPath ? path() : "";
    error = Error{fmt::format("{}: {}{}{}", file.name, place,
                              place.empty() ? "" : ": ", what)};
    return false;
  }

  bool addMerge(const std::string &text) {
    if (pairs)
      return fail("a string among merges that are pairs; write all in one "
                  "form");
    size_t space = text.find(' ');
    if (space == std::string::npos ||
        text.find(' ', space + 1) != std::string::npos)
      return fail(fmt::format("the merge {} does not have exactly one space; "
                              "write merges as pairs",
                              quote(text)));
    strings = true;
    file.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
    return true;
  }

  /// Puts a value where the parser is.
  bool add(json value, json **placed = nullptr) {
    switch (kind()) {
    case Kind::Vocab:
      return fail("not an id, a number from 0 on");
    case Kind::Merges:
    case Kind::Merge:
      return fail("not a merge, which is a string or a pair of strings");
    default:
      break;
    }
    if (++values > maxValues)
      return fail(fmt::format("more than {} values; no tokenizer has so many",
                              maxValues));
    if (frames.empty()) {
      if (!value.is_object())
        return fail("not a JSON object, which a tokenizer is");
      file.root = std::move(value);
      if (placed)
        *placed = &file.root;
      return true;
    }
    Frame &frame = frames.back();
    json &slot = frame.kind == Kind::Object ? (*frame.value)[frame.key]
                                            : frame.value->emplace_back();
    slot = std::move(value);
    if (placed)
      *placed = &slot;
    else if (frame.kind == Kind::Array)
      ++frame.count;
    return true;
  }
  bool open(json empty, Kind kind) {
    json *placed = nullptr;
    return add(std::move(empty), &placed) && push({kind, placed});
  }
  bool push(Frame frame) {
    if (frames.size() == maxDepth)
      return fail(fmt::format("nested deeper than {}", maxDepth));
    frames.push_back(std::move(frame));
    return true;
  }
  bool pop() {
    frames.pop_back();
    if (!frames.empty() && frames.back().kind == Kind::Array)
      ++frames.back().count;
    return true;
  }

  JsonFile &file;
  std::vector<Frame> frames;
  size_t values = 0;
  bool strings = false, pairs = false; ///< how merges are written
};
} // namespace

Result<JsonFile> parseJsonFile(std::string_view bytes,
                               const std::string &name) {
  JsonFile file;
  file.name = name;
  Reader reader(file);
  bool whole = json::sax_parse(bytes.begin(), bytes.end(), &reader);
  if (reader.error)
    return *reader.error;
  if (!whole)
    return Error{name + ": no JSON; is the file whole?"};
  return file;
}

//===----------------------------------------------------------------------===//
// Node
//===----------------------------------------------------------------------===//

Error Node::fail(std::string_view what) const {
  return {
      fmt::format("{}: {}{}{}", *file, path, path.empty() ? "" : ": ", what)};
}

Node Node::get(const char *key) const {
  static const json none;
  auto found = value->is_object() ? value->find(key) : value->end();
  return {value->is_object() && found != value->end() ? &*found : &none, file,
          path.empty() ? key : path + "." + key};
}

Node Node::at(size_t index) const {
  return {&(*value)[index], file, fmt::format("{}[{}]", path, index)};
}

MaybeError Node::onlyKeys(std::initializer_list<const char *> known) const {
  if (!value->is_object())
    return fail(fmt::format("is {}, expected an object", value->type_name()));
  for (const auto &[key, unused] : value->items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      return fail(fmt::format("the key {} is not known, only {}", quote(key),
                              fmt::join(known, ", ")));
  return std::nullopt;
}

Result<std::vector<Node>> Node::sequence(const char *key,
                                         const char *what) const {
  constexpr size_t most = 16;
  if (MaybeError error = onlyKeys({"type", key}))
    return *std::move(error);
  Node list = get(key);
  if (!list->is_array())
    return list.fail(fmt::format("is not a list of {}", what));
  if (list->size() > most)
    return list.fail(fmt::format("holds {} {}, at most {} are supported",
                                 list->size(), what, most));
  std::vector<Node> nodes;
  for (size_t i = 0; i < list->size(); ++i)
    nodes.push_back(list.at(i));
  return nodes;
}

Result<std::string> Node::type() const {
  if (!value->is_object())
    return fail(fmt::format("is {}, expected an object", value->type_name()));
  return text("type");
}

Result<std::string> Node::text(const char *key) const {
  Node member = get(key);
  if (!member->is_string())
    return member.fail(
        fmt::format("is {}, expected a string", member->type_name()));
  return member->get<std::string>();
}

Result<bool> Node::flag(const char *key, bool absent) const {
  Node member = get(key);
  if (member.isNull())
    return absent;
  if (!member->is_boolean())
    return member.fail(
        fmt::format("is {}, expected true or false", member->type_name()));
  return member->get<bool>();
}

Result<uint64_t> Node::number(const char *key) const {
  Node member = get(key);
  if (!member->is_number_unsigned())
    return member.fail("is not a number from 0 on");
  return member->get<uint64_t>();
}

} // namespace lns::tokenizer
