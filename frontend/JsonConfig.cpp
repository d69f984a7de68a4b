//===- JsonConfig.cpp - Strict reading of a JSON object ---------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/JsonConfig.h"

#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace mlir;
using namespace lns;

namespace {

constexpr size_t kMaxBytes = size_t(1) << 20;
/// The parser recurses, so what nests deeper must not reach it.
constexpr unsigned kMaxNesting = 32;
constexpr size_t kMaxQuotedValue = 60;
/// Of a file that is no config at all, some are enough.
constexpr size_t kMaxUnknownKeys = 20;

/// Walks over text that need not be JSON, string by string.
class Scanner {
public:
  explicit Scanner(llvm::StringRef text) : text(text) {}

  /// The next character outside of strings, or the whole of a string with its
  /// quotes; empty at the end.
  llvm::StringRef next() {
    while (offset < text.size() && llvm::isSpace(text[offset]))
      advance();
    tokenLine = line;
    tokenColumn = column;
    size_t begin = offset;
    if (offset == text.size())
      return {};
    bool isString = text[offset] == '"';
    advance();
    while (isString && offset < text.size()) {
      char c = text[offset];
      advance();
      if (c == '"')
        break;
      if (c == '\\' && offset < text.size())
        advance();
    }
    return text.slice(begin, offset);
  }

  unsigned tokenLine = 1, tokenColumn = 1;

private:
  void advance() {
    if (text[offset++] == '\n') {
      ++line;
      column = 1;
    } else {
      ++column;
    }
  }

  llvm::StringRef text;
  size_t offset = 0;
  unsigned line = 1, column = 1;
};

/// "[3:5, byte=40]: Expected , or ]" to its parts.
void splitParseError(llvm::StringRef message, unsigned &line, unsigned &column,
                     llvm::StringRef &reason) {
  reason = message;
  llvm::StringRef rest = message;
  unsigned l = 0, c = 0;
  if (!rest.consume_front("[") || rest.consumeInteger(10, l) ||
      !rest.consume_front(":") || rest.consumeInteger(10, c))
    return;
  auto [place, text] = rest.split("]: ");
  if (text.empty())
    return;
  line = l;
  column = c;
  reason = text;
}

std::string quoteValue(const llvm::json::Value &value) {
  std::string text;
  llvm::raw_string_ostream(text) << value;
  if (text.size() > kMaxQuotedValue)
    text = text.substr(0, kMaxQuotedValue) + "...";
  return text;
}

} // namespace

LogicalResult JsonConfig::parse(llvm::StringRef text) {
  auto fail = [&](unsigned line, unsigned column, const llvm::Twine &message) {
    failed = true;
    return emitError(FileLineColLoc::get(context, path, line, column))
           << message;
  };
  if (text.size() > kMaxBytes)
    return fail(1, 1,
                "the file has " + llvm::Twine(text.size()) +
                    " bytes, but a config.json has at most " +
                    llvm::Twine(kMaxBytes) + "; give a model's config.json");
  Scanner scanner(text);
  unsigned nesting = 0;
  for (llvm::StringRef token = scanner.next(); !token.empty();
       token = scanner.next()) {
    if (token == "{" || token == "[") {
      if (++nesting > kMaxNesting)
        return fail(scanner.tokenLine, scanner.tokenColumn,
                    "values nest more than " + llvm::Twine(kMaxNesting) +
                        " deep; give a model's config.json");
    } else if ((token == "}" || token == "]") && nesting > 0) {
      --nesting;
    }
  }
  llvm::Expected<llvm::json::Value> parsed = llvm::json::parse(text);
  if (!parsed) {
    std::string message = llvm::toString(parsed.takeError());
    unsigned line = 1, column = 1;
    llvm::StringRef reason;
    splitParseError(message, line, column, reason);
    return fail(line, column,
                "the file is not JSON: " + reason.substr(0, 1).lower() +
                    reason.substr(1));
  }
  value = std::move(*parsed);
  if (!value.getAsObject())
    return fail(1, 1,
                "the file is " + quoteValue(value) +
                    ", but a config.json is an object with keys such as "
                    "\"hidden_size\"");
  if (llvm::failed(indexKeys(text)))
    return failure();
  return checkNumbers(value, "");
}

/// The parser makes an infinity of a number that is too large, which no file
/// could be written with again. `key` is where `value` stands, or the list that
/// it is in.
LogicalResult JsonConfig::checkNumbers(const llvm::json::Value &value,
                                       const std::string &key) {
  if (const llvm::json::Object *object = value.getAsObject()) {
    // In the order of the alphabet: the object has none that is stable.
    SmallVector<llvm::StringRef> names;
    for (const auto &[name, member] : *object)
      names.push_back(name);
    llvm::sort(names);
    for (llvm::StringRef name : names) {
      std::string path = key.empty() ? name.str() : key + "." + name.str();
      if (llvm::failed(checkNumbers(*object->get(name),
                                    positions.contains(path) ? path : key)))
        return failure();
    }
  } else if (const llvm::json::Array *array = value.getAsArray()) {
    for (const llvm::json::Value &element : *array)
      if (llvm::failed(checkNumbers(element, key)))
        return failure();
  } else if (std::optional<double> number = value.getAsNumber();
             number && !std::isfinite(*number)) {
    return error(key) << key << " is " << (*number < 0 ? "-inf" : "inf")
                      << ", but must be a finite number; write one, or remove "
                         "the key";
  }
  return success();
}

/// Notes where each key stands. `text` is known to be JSON. Objects in lists
/// have no path of their own and are left out.
LogicalResult JsonConfig::indexKeys(llvm::StringRef text) {
  struct Frame {
    bool isObject;
    std::string prefix;
  };
  SmallVector<Frame> frames;
  unsigned lists = 0;
  bool keyIsNext = false;
  std::string key;
  Scanner scanner(text);
  for (llvm::StringRef token = scanner.next(); !token.empty();
       token = scanner.next()) {
    switch (token.front()) {
    case '{':
      frames.push_back({true, frames.empty() ? "" : key + "."});
      keyIsNext = true;
      break;
    case '[':
      frames.push_back({false, ""});
      ++lists;
      keyIsNext = false;
      break;
    case '}':
    case ']':
      lists -= !frames.back().isObject;
      frames.pop_back();
      keyIsNext = false;
      break;
    case ',':
      keyIsNext = frames.back().isObject;
      break;
    case '"': {
      if (!keyIsNext)
        break;
      keyIsNext = false;
      llvm::Expected<llvm::json::Value> name = llvm::json::parse(token);
      if (!name) {
        llvm::consumeError(name.takeError());
        break;
      }
      if (lists)
        break;
      key = frames.back().prefix + name->getAsString()->str();
      Position position{scanner.tokenLine, scanner.tokenColumn};
      auto [it, isNew] = positions.try_emplace(key, position);
      if (!isNew) {
        failed = true;
        InFlightDiagnostic diagnostic =
            emitError(FileLineColLoc::get(context, path, position.line,
                                          position.column))
            << "key '" << key << "' is there twice, first in line "
            << it->second.line << "; remove one of them";
        return diagnostic;
      }
      break;
    }
    default:
      break;
    }
  }
  return success();
}

JsonSection JsonConfig::getRoot() {
  return JsonSection(*this, value.getAsObject(), "");
}

Location JsonConfig::locate(llvm::StringRef key) const {
  auto it = positions.find(key);
  Position position = it == positions.end() ? Position() : it->second;
  return FileLineColLoc::get(context, path, position.line, position.column);
}

InFlightDiagnostic JsonConfig::error(llvm::StringRef key) {
  failed = true;
  return emitError(locate(key));
}

const llvm::json::Value *JsonSection::find(llvm::StringRef key) const {
  const llvm::json::Value *value = object ? object->get(key) : nullptr;
  return value && value->kind() != llvm::json::Value::Null ? value : nullptr;
}

bool JsonSection::isNull(llvm::StringRef key) const {
  return object && object->get(key) && !find(key);
}

const llvm::json::Value *JsonSection::read(llvm::StringRef key) {
  known.insert(key);
  return find(key);
}

InFlightDiagnostic JsonSection::mismatch(llvm::StringRef key) {
  std::string name = getPath(key);
  InFlightDiagnostic diagnostic = config.error(name);
  diagnostic << name << " is " << quote(key) << ", but ";
  return diagnostic;
}

InFlightDiagnostic JsonSection::warn(llvm::StringRef key) {
  InFlightDiagnostic diagnostic = emitWarning(config.locate(getPath(key)));
  diagnostic << getPath(key) << " is " << quote(key) << ", but ";
  return diagnostic;
}

std::string JsonSection::quote(llvm::StringRef key) const {
  return quoteValue(*find(key));
}

InFlightDiagnostic JsonSection::missing(llvm::StringRef key) {
  // At the section, because the key has no place.
  InFlightDiagnostic diagnostic =
      config.error(llvm::StringRef(prefix).drop_back(prefix.empty() ? 0 : 1));
  diagnostic << "key '" << getPath(key) << "' is missing";
  return diagnostic;
}

std::optional<int64_t> JsonSection::getInteger(llvm::StringRef key, int64_t min,
                                               int64_t max) {
  const llvm::json::Value *value = read(key);
  if (!value)
    return std::nullopt;
  std::optional<int64_t> integer = value->getAsInteger();
  if (integer && *integer >= min && *integer <= max)
    return integer;
  mismatch(key) << "must be an integer from " << min << " to " << max;
  return std::nullopt;
}

std::optional<int64_t> JsonSection::requireInteger(llvm::StringRef key,
                                                   int64_t min, int64_t max) {
  if (!has(key)) {
    known.insert(key);
    missing(key) << "; add it, an integer from " << min << " to " << max;
    return std::nullopt;
  }
  return getInteger(key, min, max);
}

std::optional<double> JsonSection::getNumber(llvm::StringRef key) {
  const llvm::json::Value *value = read(key);
  if (!value)
    return std::nullopt;
  std::optional<double> number = value->getAsNumber();
  if (number && std::isfinite(*number))
    return number;
  mismatch(key) << "must be a finite number";
  return std::nullopt;
}

std::optional<bool> JsonSection::getBool(llvm::StringRef key) {
  const llvm::json::Value *value = read(key);
  if (!value)
    return std::nullopt;
  std::optional<bool> flag = value->getAsBoolean();
  if (!flag)
    mismatch(key) << "must be true or false";
  return flag;
}

std::optional<llvm::StringRef> JsonSection::getString(llvm::StringRef key) {
  const llvm::json::Value *value = read(key);
  if (!value)
    return std::nullopt;
  std::optional<llvm::StringRef> text = value->getAsString();
  if (!text)
    mismatch(key) << "must be a string";
  return text;
}

std::optional<SmallVector<llvm::StringRef>>
JsonSection::getStrings(llvm::StringRef key) {
  const llvm::json::Value *value = read(key);
  if (!value)
    return std::nullopt;
  SmallVector<llvm::StringRef> strings;
  if (const llvm::json::Array *array = value->getAsArray())
    for (const llvm::json::Value &element : *array)
      if (std::optional<llvm::StringRef> text = element.getAsString())
        strings.push_back(*text);
  if (value->getAsArray() && strings.size() == value->getAsArray()->size())
    return strings;
  mismatch(key) << "must be a list of strings";
  return std::nullopt;
}

std::optional<SmallVector<int64_t>>
JsonSection::getIntegers(llvm::StringRef key, int64_t min, int64_t max) {
  const llvm::json::Value *value = read(key);
  if (!value)
    return std::nullopt;
  SmallVector<int64_t> integers;
  if (const llvm::json::Array *array = value->getAsArray())
    for (const llvm::json::Value &element : *array)
      if (std::optional<int64_t> integer = element.getAsInteger();
          integer && *integer >= min && *integer <= max)
        integers.push_back(*integer);
  if (value->getAsArray() && integers.size() == value->getAsArray()->size())
    return integers;
  mismatch(key) << "must be a list of integers from " << min << " to " << max;
  return std::nullopt;
}

bool JsonSection::isSet(llvm::StringRef key) {
  const llvm::json::Value *value = read(key);
  if (!value)
    return false;
  if (const llvm::json::Object *object = value->getAsObject())
    return !object->empty();
  if (const llvm::json::Array *array = value->getAsArray())
    return !array->empty();
  return value->getAsBoolean().value_or(true);
}

JsonSection JsonSection::getSection(llvm::StringRef key) {
  const llvm::json::Value *value = read(key);
  if (value && !value->getAsObject())
    mismatch(key) << "must be an object or null";
  return JsonSection(config, value ? value->getAsObject() : nullptr,
                     getPath(key) + ".");
}

void JsonSection::ignore(ArrayRef<llvm::StringRef> keys) {
  known.insert_range(keys);
}

void JsonSection::rejectUnknownKeys() {
  if (!object)
    return;
  // In the order of the alphabet: the object has none that is stable.
  SmallVector<llvm::StringRef> unknown;
  for (const auto &[key, value] : *object)
    if (!known.contains(key) && value.kind() != llvm::json::Value::Null)
      unknown.push_back(key);
  llvm::sort(unknown);
  for (llvm::StringRef key :
       ArrayRef(unknown).take_front(std::min(unknown.size(), kMaxUnknownKeys)))
    if (config.allowUnknownKeys)
      warn(key) << "no such key is known: what it may change is not compiled";
    else
      mismatch(key) << "no such key is known, so it may change what the model "
                       "computes; remove it if it does not, or give "
                       "--allow-unknown-keys";
  if (unknown.size() <= kMaxUnknownKeys)
    return;
  size_t more = unknown.size() - kMaxUnknownKeys;
  if (config.allowUnknownKeys)
    emitWarning(config.locate("")) << more << " more keys are not known";
  else
    config.error("") << more << " more keys are not known";
}
