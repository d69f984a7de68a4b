//===- file_kind.cpp - What a file is that is none of ours ----------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/file_kind.h"

#include <algorithm>
#include <string_view>

namespace lns::tool {

using namespace std::string_view_literals;

namespace {
struct Kind {
  std::string_view start;
  const char *text;
};
} // namespace

static constexpr const char *pickle =
    "is a PyTorch pickle, which can run code and is not read; convert it in "
    "Python: safetensors.torch.save_file(torch.load(FILE, weights_only=True), "
    "'model.safetensors')";

static const Kind kinds[] = {
    {"version https://git-lfs.github.com/"sv,
     "is a git-lfs pointer, not the file; fetch it with 'git lfs pull'"},
    {"PK\3\4"sv, pickle},
    {"\x80\2"sv, pickle},
    {"\x80\3"sv, pickle},
    {"\x80\4"sv, pickle},
    {"\x80\5"sv, pickle},
    {"GGUF"sv, "is a GGUF file of llama.cpp; use the safetensors files that it "
               "was made from"},
    {"ggml"sv, "is a file of llama.cpp; use the safetensors files that it was "
               "made from"},
    {"\x1f\x8b"sv, "is compressed with gzip; decompress it first"},
    {"\x28\xb5\x2f\xfd"sv, "is compressed with zstd; decompress it first"},
    {"\xfd"
     "7zXZ"sv,
     "is compressed with xz; decompress it first"},
    {"\x93NUMPY"sv, "is a NumPy array; write its plain bytes with "
                    "numpy.ndarray.tofile, or tensors with safetensors.numpy"},
    {"\x89HDF"sv, "is an HDF5 file; convert it to safetensors"},
    {"\x7f"
     "ELF"sv,
     "is a program"},
};

std::string foreignKind(std::span<const std::byte> head) {
  std::string_view text(reinterpret_cast<const char *>(head.data()),
                        head.size());
  for (const Kind &kind : kinds)
    if (text.starts_with(kind.start))
      return kind.text;
  if (text.size() >= 262 && text.substr(257, 5) == "ustar"sv)
    return "is a tar archive; unpack it first";
  // A byte order mark and spaces may stand before either.
  if (text.starts_with("\xef\xbb\xbf"sv))
    text.remove_prefix(3);
  text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  std::string lower(text.substr(0, 16));
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  for (std::string_view start :
       {"<!doctype"sv, "<html"sv, "<head"sv, "<?xml"sv})
    if (lower.starts_with(start))
      return "is an HTML or XML page, perhaps the web site's answer in the "
             "place of the file; download the file itself";
  if (lower.starts_with('{') &&
      text.find_first_of("\"}") != std::string_view::npos)
    return "is a JSON text; give the tensors' file, a folder, or the index "
           "model.safetensors.index.json";
  return "";
}

} // namespace lns::tool
