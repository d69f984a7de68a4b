//===- training_rows.cpp - Rows of JSON for fine-tuning -------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/training_rows.h"

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/json_text.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/base/python_text.h"

#include <algorithm>
#include <fmt/format.h>

using nlohmann::json;

namespace lns::tool {

const char *roleName(Message::Role role) {
  switch (role) {
  case Message::Role::System:
    return "system";
  case Message::Role::User:
    return "user";
  case Message::Role::Assistant:
    break;
  }
  return "assistant";
}

//===----------------------------------------------------------------------===//
// One row
//===----------------------------------------------------------------------===//

namespace {
/// A form that rows have: its keys, of which all but those that may be absent
/// must be there.
struct Form {
  TrainingRow::Kind kind;
  std::vector<const char *> needed;
  std::vector<const char *> optional;
};
} // namespace

static const std::vector<Form> &forms() {
  using Kind = TrainingRow::Kind;
  static const std::vector<Form> all = {
      {Kind::Messages, {"messages"}, {}},
      {Kind::Instruction, {"instruction", "output"}, {"input"}},
      {Kind::Completion, {"prompt", "completion"}, {}},
      {Kind::Text, {"text"}, {}}};
  return all;
}

static constexpr const char *formNames =
    "'messages', 'instruction' and 'output', 'prompt' and 'completion', or "
    "'text'";

static std::string joinKeys(const std::vector<const char *> &keys) {
  std::string text;
  for (const char *key : keys)
    text += fmt::format("{}'{}'", text.empty() ? "" : " and ", key);
  return text;
}

/// The form whose keys are there; an error for none, a part of one, or two.
static Expected<const Form *> findForm(const json &row) {
  const Form *found = nullptr;
  std::string part;
  for (const Form &form : forms()) {
    std::vector<const char *> present, absent;
    for (const char *key : form.needed)
      (row.contains(key) ? present : absent).push_back(key);
    if (present.empty())
      continue;
    if (!absent.empty()) {
      part = fmt::format("has {} but no {}; add it", joinKeys(present),
                         joinKeys(absent));
      continue;
    }
    if (found)
      return Status::failure(fmt::format(
          "has {} and also {}, which are two forms of a row; remove one",
          joinKeys(found->needed), joinKeys(form.needed)));
    found = &form;
  }
  if (found)
    return found;
  return Status::failure(
      !part.empty()
          ? part
          : fmt::format("has none of the keys of a row: {}", formNames));
}

static Status readText(const json &object, const char *key,
                       const std::string &name, std::string &text) {
  const json &value = object[key];
  if (!value.is_string())
    return Status::failure(fmt::format(
        "{} is {}, expected a string", name,
        value.is_null() ? "null"
                        : std::string("of type ") + value.type_name()));
  text = value.get<std::string>();
  return Status::success();
}

static Status readMessage(const json &value, const std::string &name,
                          bool isFirst, Message &message) {
  if (!value.is_object())
    return Status::failure(fmt::format("{} is of type {}, expected an object "
                                       "with 'role' and 'content'",
                                       name, value.type_name()));
  for (const char *key : {"role", "content"})
    if (!value.contains(key))
      return Status::failure(fmt::format("{} has no '{}'; add it", name, key));
  for (const auto &[key, unused] : value.items())
    if (key != "role" && key != "content")
      return Status::failure(fmt::format(
          "{} has the key '{}', which no template here can show; remove it",
          name, printable(key, 40)));
  std::string role;
  LNS_RETURN_IF_ERROR(readText(value, "role", name + ".role", role));
  LNS_RETURN_IF_ERROR(
      readText(value, "content", name + ".content", message.content));
  using Role = Message::Role;
  for (Role known : {Role::System, Role::User, Role::Assistant})
    if (role == roleName(known)) {
      message.role = known;
      if (known == Role::System && !isFirst)
        return Status::failure(fmt::format(
            "{} is of the role 'system', which only the first message may have",
            name));
      return Status::success();
    }
  return Status::failure(
      fmt::format("{}.role is '{}'; roles are system, user and assistant", name,
                  printable(role, 40)));
}

static Status readMessages(const json &list, TrainingRow &row) {
  if (!list.is_array())
    return Status::failure(fmt::format(
        "'messages' is of type {}, expected a list", list.type_name()));
  bool isAnswered = false;
  for (size_t i = 0; i < list.size(); ++i) {
    Message message;
    std::string name = fmt::format("messages[{}]", i);
    LNS_RETURN_IF_ERROR(readMessage(list[i], name, i == 0, message));
    if (message.role == Message::Role::Assistant) {
      if (isBlank(message.content))
        return Status::failure(
            fmt::format("{}: the answer is empty; remove the row", name));
      isAnswered = true;
    }
    row.messages.push_back(std::move(message));
  }
  if (!isAnswered)
    return Status::failure("'messages' has no message of the assistant, so "
                           "there is nothing to learn; remove the row");
  return Status::success();
}

static Status readRow(const json &value, TrainingRow &row,
                      std::set<std::string> &unused) {
  if (!value.is_object())
    return Status::failure(
        fmt::format("is of type {}, expected an object with {}",
                    value.type_name(), formNames));
  Expected<const Form *> form = findForm(value);
  if (!form)
    return form.status();
  row.kind = (*form)->kind;
  std::vector<const char *> known = (*form)->needed;
  known.insert(known.end(), (*form)->optional.begin(), (*form)->optional.end());
  // Some thousand names say no more than these.
  for (const auto &[key, item] : value.items())
    if (std::find(known.begin(), known.end(), key) == known.end() &&
        unused.size() < 16)
      unused.insert(printable(key, 40));
  if (row.kind == TrainingRow::Kind::Messages)
    return readMessages(value["messages"], row);

  auto read = [&](const char *key, std::string &text) {
    return readText(value, key, fmt::format("'{}'", key), text);
  };
  const char *answer = (*form)->needed.back();
  LNS_RETURN_IF_ERROR(read(answer, row.answer));
  if (row.kind == TrainingRow::Kind::Instruction) {
    LNS_RETURN_IF_ERROR(read("instruction", row.prompt));
    if (value.contains("input"))
      LNS_RETURN_IF_ERROR(read("input", row.input));
  } else if (row.kind == TrainingRow::Kind::Completion) {
    LNS_RETURN_IF_ERROR(read("prompt", row.prompt));
  }
  if (isBlank(row.answer))
    return Status::failure(
        fmt::format("'{}' is empty; remove the row", answer));
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

namespace {
/// Takes the rows of one file as they come.
class RowReader {
public:
  RowReader(const std::string &name, TrainingRows &rows, FirstErrors &errors)
      : name(name), rows(rows), errors(errors) {}

  void add(std::string_view text, uint64_t line) {
    ++rows.seen;
    TrainingRow row;
    row.place = fmt::format("{}:{}", name, line);
    Expected<json> value = parseStrictJson(text);
    Status status = value ? readRow(*value, row, rows.unused) : value.status();
    if (status.ok())
      rows.rows.push_back(std::move(row));
    else
      errors.add(row.place + ": " + status.message());
  }

private:
  const std::string &name;
  TrainingRows &rows;
  FirstErrors &errors;
};
} // namespace

static bool isJsonSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Where the value that begins at `at` ends: behind its last bracket, or before
/// the next comma or bracket that is not its own. Strings may hold brackets.
static size_t findValueEnd(std::string_view text, size_t at) {
  size_t depth = 0;
  bool inString = false;
  for (; at < text.size(); ++at) {
    char c = text[at];
    if (inString) {
      if (c == '\\')
        ++at;
      else if (c == '"')
        inString = false;
      continue;
    }
    if (c == '"') {
      inString = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0)
        return at;
      if (--depth == 0)
        return at + 1;
    } else if (c == ',' && depth == 0) {
      return at;
    }
  }
  return text.size();
}

/// One array of rows, from its bracket on. Each element is parsed by itself, so
/// that it has a line, and no more than one of them is in memory as JSON.
static Status parseArray(std::string_view text, size_t at,
                         const std::string &name, RowReader &reader) {
  uint64_t line = 1 + static_cast<uint64_t>(
                          std::count(text.begin(), text.begin() + at, '\n'));
  auto skipSpaces = [&] {
    for (; at < text.size() && isJsonSpace(text[at]); ++at)
      line += text[at] == '\n';
  };
  auto broken = [&](const char *what) {
    return Status::failure(
        fmt::format("{}:{}: {}; is the file whole?", name, line, what));
  };
  ++at;
  skipSpaces();
  bool isEmpty = at < text.size() && text[at] == ']';
  while (!isEmpty) {
    size_t end = std::min(findValueEnd(text, at), text.size());
    std::string_view value = text.substr(at, end - at);
    if (end == text.size())
      return broken("the array of rows has no end");
    reader.add(value, line);
    line += static_cast<uint64_t>(std::count(value.begin(), value.end(), '\n'));
    at = end;
    skipSpaces();
    if (at < text.size() && text[at] == ']')
      break;
    if (at >= text.size() || text[at] != ',')
      return broken("expected a comma or the end of the array of rows");
    ++at;
    skipSpaces();
  }
  ++at;
  skipSpaces();
  if (at < text.size())
    return broken("something stands behind the array of rows");
  return Status::success();
}

Status parseTrainingRows(std::string_view text, const std::string &name,
                         TrainingRows &rows, FirstErrors &errors) {
  RowReader reader(name, rows, errors);
  uint64_t before = rows.seen;
  // A mark of byte order is no part of JSON, and some editors write it.
  if (text.starts_with("\xef\xbb\xbf"))
    text.remove_prefix(3);
  size_t begin = 0;
  while (begin < text.size() && isJsonSpace(text[begin]))
    ++begin;
  if (begin < text.size() && text[begin] == '[') {
    LNS_RETURN_IF_ERROR(parseArray(text, begin, name, reader));
  } else {
    uint64_t line = 0;
    while (!text.empty()) {
      size_t end = std::min(text.find('\n'), text.size());
      std::string_view one = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      ++line;
      if (!std::all_of(one.begin(), one.end(), isJsonSpace))
        reader.add(one, line);
    }
  }
  if (rows.seen == before)
    return Status::failure(fmt::format(
        "{}: holds no rows; give JSON objects, one a line or in one array",
        name));
  return Status::success();
}

Status readTrainingRows(const std::vector<std::string> &paths,
                        TrainingRows &rows, FirstErrors &errors) {
  for (const std::string &path : paths) {
    Expected<std::string> text = readTextStream(path, size_t{1} << 31);
    if (!text)
      return text.status();
    LNS_RETURN_IF_ERROR(parseTrainingRows(
        *text, path == "-" ? "standard input" : path, rows, errors));
  }
  return Status::success();
}

} // namespace lns::tool
