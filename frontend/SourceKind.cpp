//===- SourceKind.cpp - What an input file is -------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/SourceKind.h"

#include "llvm/ADT/StringExtras.h"

using namespace lns;
using llvm::StringRef;

namespace {
struct Signature {
  StringRef bytes;
  StringRef description;
};
} // namespace

/// Files that people hand over for a model.
static constexpr Signature kOthers[] = {
    {"LNSPLAN", "a plan, which lnsc has made already"},
    {"GGUF", "a GGUF file"},
    {"PK\x03\x04", "a zip archive or a PyTorch checkpoint"},
    {"\x80\x02", "a Python pickle"},
    {"\x1f\x8b", "compressed by gzip"},
    {"\x7f"
     "ELF",
     "a program"},
    {"version https://git-lfs", "a pointer of git-lfs, not the file itself"},
    {"<!DOCTYPE", "a web page"},
    {"<!doctype", "a web page"},
    {"<html", "a web page"},
    {"\xff\xfe", "UTF-16 text; save it as UTF-8"},
    {"\xfe\xff", "UTF-16 text; save it as UTF-8"}};

/// A header's length, then the header, a JSON object.
static bool isSafetensors(StringRef bytes) {
  if (bytes.size() < 10 || bytes[8] != '{')
    return false;
  // As text it would be eight characters before a brace: a length of at most
  // 2^40 has zeros.
  return bytes.slice(5, 8) == StringRef("\0\0\0", 3);
}

StringRef lns::dropByteOrderMark(StringRef bytes) {
  bytes.consume_front("\xef\xbb\xbf");
  return bytes;
}

std::optional<SourceKind> lns::getSourceKind(StringRef bytes, StringRef name,
                                             std::string &problem) {
  auto fail = [&](StringRef what) -> std::optional<SourceKind> {
    problem = ("is " + what +
               (what.contains(';')
                    ? ""
                    : "; give a model (.mlir) or a Hugging Face config.json"))
                  .str();
    return std::nullopt;
  };
  if (bytes.starts_with("ML\xefR"))
    return SourceKind::Bytecode;
  StringRef text = dropByteOrderMark(bytes).ltrim();
  for (const Signature &other : kOthers)
    if (text.starts_with(other.bytes))
      return fail(other.description);
  if (isSafetensors(bytes))
    return fail("a safetensors file");
  // MLIR text may begin with "{-#", its section of resources.
  bool isObject = text.starts_with("{") && !text.starts_with("{-#");
  if (isObject || name.ends_with_insensitive(".json"))
    return SourceKind::Config;
  if (text.empty())
    return fail("empty");
  if (text.contains('\0'))
    return fail("no text");
  return SourceKind::Text;
}
