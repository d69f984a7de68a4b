//===- CheckpointConfig.cpp - The config.json of checkpoints ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/CheckpointConfig.h"

#include "llvm/Support/raw_ostream.h"
#include <charconv>

using namespace lns;
using llvm::StringRef;

namespace {

/// JSON without the signs of its numbers. A value does not say whether it was
/// written as a real, but for integers that are not negative.
std::string dropSigns(StringRef text) {
  std::string result;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (inString && c == '\\' && i + 1 < text.size()) {
      result += c;
      c = text[++i];
    } else if (c == '"') {
      inString = !inString;
    }
    bool ofExponent = i > 0 && (text[i - 1] == 'e' || text[i - 1] == 'E');
    if (inString || c != '-' || ofExponent)
      result += c;
  }
  return result;
}

/// Writes numbers as short as they can be read back, which LLVM's own printer
/// does not: 1e-06 becomes 9.9999999999999995e-07. What is real stays so, 3.0
/// too, since transformers refuses an integer in its place; `unsignedValue` is
/// the same of dropSigns(), null for what is not in the text. What nests too
/// deep for recursion is no config.
void write(llvm::json::OStream &stream, const llvm::json::Value &value,
           const llvm::json::Value *unsignedValue) {
  if (const llvm::json::Object *object = value.getAsObject()) {
    llvm::SmallVector<StringRef> keys;
    for (const auto &[key, member] : *object)
      keys.push_back(key);
    llvm::sort(keys);
    stream.object([&] {
      for (StringRef key : keys) {
        stream.attributeBegin(key);
        const llvm::json::Object *other =
            unsignedValue ? unsignedValue->getAsObject() : nullptr;
        write(stream, *object->get(key), other ? other->get(key) : nullptr);
        stream.attributeEnd();
      }
    });
    return;
  }
  if (const llvm::json::Array *array = value.getAsArray()) {
    stream.array([&] {
      const llvm::json::Array *other =
          unsignedValue ? unsignedValue->getAsArray() : nullptr;
      for (size_t i = 0; i < array->size(); ++i)
        write(stream, (*array)[i],
              other && i < other->size() ? &(*other)[i] : nullptr);
    });
    return;
  }
  std::optional<double> number = value.getAsNumber();
  // A real that is integral has none.
  if (!number || value.getAsUINT64() ||
      (unsignedValue && unsignedValue->getAsUINT64()))
    return stream.value(value);
  char digits[32];
  auto [end, code] = std::to_chars(digits, std::end(digits), *number);
  std::string text(digits, end);
  if (text.find_first_of(".e") == text.npos)
    text += ".0";
  stream.rawValue(text);
}

} // namespace

std::string lns::getArchitecture(const Family &family, bool isOurs) {
  return (isOurs ? "Lns" : "") + family.architecture.str();
}

std::string lns::getCheckpointConfig(const llvm::json::Object &object,
                                     StringRef text,
                                     const DecoderConfig &decoder,
                                     const NormChoice &norm) {
  // Parameters of a checkpoint are not folded.
  if (norm == decoder.own.value_or(decoder.family->norm) && !decoder.isFolded &&
      object.getInteger("vocab_size") == decoder.vocabulary)
    return text.str();
  NormChoice lnsAlone;
  lnsAlone.scheme = NormScheme::Lns;
  bool isOurs = norm != decoder.family->norm;
  llvm::json::Object result = object;
  std::string prefix = isOurs ? kLnsPrefix.str() : "";
  StringRef key = decoder.family->activationKey;
  StringRef absent = decoder.family->activation == Activation::gelu_tanh
                         ? "gelu_pytorch_tanh"
                         : "silu";
  StringRef activation = object.getString(key).value_or(absent);
  activation.consume_front(kLnsPrefix);
  result[key.str()] = prefix + activation.str();
  result["model_type"] = prefix + decoder.family->modelType.str();
  result["architectures"] =
      llvm::json::Array{getArchitecture(*decoder.family, isOurs)};
  result["vocab_size"] = decoder.vocabulary;
  result.erase("lnsc");
  if (isOurs && norm != lnsAlone)
    result["lnsc"] = llvm::json::Object{{"norm", formatNormChoice(norm)}};
  std::string written;
  llvm::raw_string_ostream os(written);
  llvm::json::OStream stream(os, /*IndentSize=*/2);
  llvm::Expected<llvm::json::Value> unsignedValue =
      llvm::json::parse(dropSigns(text));
  if (!unsignedValue)
    llvm::consumeError(unsignedValue.takeError());
  write(stream, std::move(result), unsignedValue ? &*unsignedValue : nullptr);
  os << "\n";
  return written;
}
