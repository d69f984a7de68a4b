//===- choices_file.cpp - Questions with answers to choose from -----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/eval/choices_file.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/file_kind.h"
#include "tools/lns/base/json_text.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/eval/line_errors.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <span>
#include <string_view>

namespace lns::tool {

static constexpr size_t maxFileBytes = size_t{1} << 31;
static constexpr size_t maxAnswers = 1024;

bool ChoiceQuestion::isGold(size_t answer) const {
  return std::binary_search(gold.begin(), gold.end(), answer);
}

/// One line as an object; otherwise `error` says what is wrong.
static nlohmann::json parseLine(std::string_view line, std::string &error) {
  Expected<nlohmann::json> json = parseStrictJson(line);
  if (!json)
    error = json.status().message();
  else if (!json->is_object())
    error = fmt::format("a JSON {}, not an object", json->type_name());
  return json ? std::move(*json) : nlohmann::json();
}

namespace {
/// Reads the fields of a line into a question; the first error stays.
class LineReader {
public:
  LineReader(const nlohmann::json &json, ChoiceQuestion &question)
      : json(json), question(question) {}

  std::string read();

private:
  const nlohmann::json *find(const char *key) {
    auto found = json.find(key);
    return found == json.end() ? nullptr : &*found;
  }
  void fail(std::string what) {
    if (error.empty())
      error = std::move(what);
  }
  void checkKeys();
  void readText(const char *key, std::string &text);
  void readTexts(const char *key, std::vector<std::string> &texts);
  void readId();
  void readGold();

  const nlohmann::json &json;
  ChoiceQuestion &question;
  std::string error;
};
} // namespace

void LineReader::checkKeys() {
  static constexpr const char *known[] = {
      "choices",   "context", "contexts", "continuation",
      "delimiter", "gold",    "id",       "task"};
  for (const auto &[key, value] : json.items())
    if (std::find(std::begin(known), std::end(known), key) == std::end(known))
      fail(fmt::format("unknown key '{}'", printable(key, 20)));
  bool byChoices = json.contains("choices") || json.contains("context");
  bool byContexts = json.contains("contexts") || json.contains("continuation");
  if (byChoices && byContexts)
    fail("keys of both forms");
  else if (!byContexts &&
           !(json.contains("choices") && json.contains("context")))
    fail("no 'context' with 'choices'");
  else if (byContexts &&
           !(json.contains("contexts") && json.contains("continuation")))
    fail("no 'contexts' with 'continuation'");
}

void LineReader::readText(const char *key, std::string &text) {
  const nlohmann::json *value = find(key);
  if (!value)
    return;
  if (value->is_string())
    text = value->get<std::string>();
  else
    fail(fmt::format("'{}' is not a string", key));
}

void LineReader::readTexts(const char *key, std::vector<std::string> &texts) {
  const nlohmann::json *value = find(key);
  if (!value)
    return;
  if (!value->is_array())
    return fail(fmt::format("'{}' is not a list", key));
  if (value->size() < 2 || value->size() > maxAnswers)
    return fail(fmt::format("{} {}, 2 to {} are possible", value->size(), key,
                            maxAnswers));
  for (const nlohmann::json &text : *value) {
    if (!text.is_string())
      return fail(fmt::format("'{}' holds what is not a string", key));
    texts.push_back(text.get<std::string>());
  }
}

void LineReader::readId() {
  const nlohmann::json *value = find("id");
  if (value && value->is_string())
    question.id = value->get<std::string>();
  else if (value && value->is_number_integer())
    question.id = value->dump();
  else if (value)
    fail("'id' is neither a string nor a whole number");
  else
    question.id = std::to_string(question.line);
}

void LineReader::readGold() {
  const nlohmann::json *value = find("gold");
  if (!value)
    return fail("no 'gold'");
  nlohmann::json list = *value;
  if (!list.is_array())
    list = nlohmann::json::array({list});
  if (list.empty())
    return fail("'gold' is empty");
  for (const nlohmann::json &number : list) {
    if (!number.is_number_unsigned() ||
        number.get<uint64_t>() >= question.answers())
      return fail(fmt::format("gold {}, answers are 0 to {}",
                              printable(number.dump(), 12),
                              question.answers() - 1));
    question.gold.push_back(number.get<uint32_t>());
  }
  std::sort(question.gold.begin(), question.gold.end());
  question.gold.erase(std::unique(question.gold.begin(), question.gold.end()),
                      question.gold.end());
}

std::string LineReader::read() {
  checkKeys();
  if (!error.empty())
    return error;
  if (json.contains("choices")) {
    question.contexts.resize(1);
    readText("context", question.contexts[0]);
    readTexts("choices", question.continuations);
  } else {
    question.continuations.resize(1);
    readTexts("contexts", question.contexts);
    readText("continuation", question.continuations[0]);
  }
  for (size_t i = 0; i < question.continuations.size(); ++i)
    if (question.continuations[i].empty())
      fail(question.hasChoices() ? fmt::format("choice {} is empty", i)
                                 : "'continuation' is empty");
  readText("task", question.task);
  readText("delimiter", question.delimiter);
  readId();
  if (error.empty())
    readGold();
  return error;
}

Expected<std::vector<ChoiceQuestion>>
parseChoices(const std::string &text, const std::string &path,
             const std::string &defaultTask) {
  std::vector<ChoiceQuestion> questions;
  LineErrors errors;
  std::string_view rest = text;
  for (uint64_t number = 1; !rest.empty(); ++number) {
    size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos)
      continue;
    ChoiceQuestion question;
    question.line = number;
    question.task = defaultTask;
    std::string error;
    nlohmann::json json = parseLine(line, error);
    if (error.empty())
      error = LineReader(json, question).read();
    if (!error.empty())
      errors.add(number, error);
    else if (errors.empty())
      questions.push_back(std::move(question));
  }
  LNS_RETURN_IF_ERROR(errors.status(
      path, "mend it (docs/evaluation.md says what a line holds)"));
  if (questions.empty())
    return Status::failure(
        path + ": holds no question; a line is a JSON object with 'context', "
               "'choices' and 'gold'");
  return questions;
}

Expected<std::vector<ChoiceQuestion>> readChoices(const std::string &path) {
  Expected<std::string> text = readTextStream(path, maxFileBytes);
  if (!text)
    return text.status();
  // JSON is what is expected here, behind empty lines, too.
  std::span<const std::byte> bytes =
      std::as_bytes(std::span(text->data(), text->size()));
  std::string kind =
      foreignKind(bytes.first(std::min(bytes.size(), kindBytes)));
  size_t first = text->find_first_not_of(" \t\r\n\xef\xbb\xbf");
  if (!kind.empty() && (first == std::string::npos || (*text)[first] != '{'))
    return Status::failure(
        fmt::format("{}: not a file of questions: {}", path, kind));
  bool isStream = path == "-";
  return parseChoices(*text, isStream ? "standard input" : path,
                      isStream ? "choices"
                               : std::filesystem::path(path).stem().string());
}

} // namespace lns::tool
