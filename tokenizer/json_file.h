//===- json_file.h - tokenizer.json as it stands ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOKENIZER_JSON_FILE_H
#define LNS_TOKENIZER_JSON_FILE_H

#include "tokenizer/error.h"

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lns::tokenizer {

/// A parsed file. What there is a lot of, vocabulary and merges, is no JSON
/// value, of which each takes ten times its text.
struct JsonFile {
  std::string name;
  /// An object; without `vocab` and `merges` of its `model`.
  nlohmann::json root;
  bool hasVocab = false, hasMerges = false;
  std::vector<std::pair<std::string, uint32_t>> vocab;
  std::vector<std::pair<std::string, std::string>> merges;
};

/// Refuses what is no JSON object, nests deeper than a tokenizer does, has a
/// key twice anywhere (JSON leaves open which one counts; vocabulary entries
/// are compared later), unknown keys at the top, or more values than any
/// tokenizer. `name` is for messages.
Result<JsonFile> parseJsonFile(std::string_view bytes, const std::string &name);

/// A value of the file and the way to it, for messages.
class Node {
public:
  Node(const JsonFile &file) : value(&file.root), file(&file.name) {}

  const nlohmann::json &operator*() const { return *value; }
  const nlohmann::json *operator->() const { return value; }

  /// An error at this place: "FILE: model.type: WHAT".
  Error fail(std::string_view what) const;

  /// A member of an object; a null value where there is none.
  Node get(const char *key) const;
  /// An element of an array.
  Node at(size_t index) const;
  bool isNull() const { return value->is_null(); }
  /// The objects keys are among these.
  MaybeError onlyKeys(std::initializer_list<const char *> known) const;

  /// Of an object that has but a type beside it: what a list holds under `key`,
  /// at most 16 things; `what` they are is for messages.
  Result<std::vector<Node>> sequence(const char *key, const char *what) const;

  /// The string `type`.
  Result<std::string> type() const;
  /// Members that must have a type if they are there.
  Result<std::string> text(const char *key) const;
  Result<bool> flag(const char *key, bool absent) const;
  Result<uint64_t> number(const char *key) const;

private:
  Node(const nlohmann::json *value, const std::string *file, std::string path)
      : value(value), file(file), path(std::move(path)) {}

  const nlohmann::json *value;
  const std::string *file;
  std::string path;
};

} // namespace lns::tokenizer

/// Leaves the enclosing function when `expr` is an error.
#define LNS_TOKENIZER_TRY(expr)                                                \
  do {                                                                         \
    if (::lns::tokenizer::MaybeError lnsError = (expr))                        \
      return *std::move(lnsError);                                             \
  } while (false)

#endif // LNS_TOKENIZER_JSON_FILE_H
