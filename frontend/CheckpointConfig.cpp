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

/// Writes numbers as short as they can be read back, which LLVM's own printer
/// does not: 1e-06 becomes 9.9999999999999995e-07. What is real stays so, 3.0
/// too, since transformers refuses an integer in its place. What nests too deep
/// for recursion is no config.
void write(llvm::json::OStream &stream, const llvm::json::Value &value) {
  if (const llvm::json::Object *object = value.getAsObject()) {
    llvm::SmallVector<StringRef> keys;
    for (const auto &[key, member] : *object)
      keys.push_back(key);
    llvm::sort(keys);
    stream.object([&] {
      for (StringRef key : keys) {
        stream.attributeBegin(key);
        write(stream, *object->get(key));
        stream.attributeEnd();
      }
    });
    return;
  }
  if (const llvm::json::Array *array = value.getAsArray()) {
    stream.array([&] {
      for (const llvm::json::Value &element : *array)
        write(stream, element);
    });
    return;
  }
  std::optional<double> number = value.getAsNumber();
  std::optional<int64_t> integer = value.getAsInteger();
  // A real that is integral is an integer to the first, not to the second.
  if (!number || value.getAsUINT64() || (integer && *integer < 0))
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
  write(stream, std::move(result));
  os << "\n";
  return written;
}
