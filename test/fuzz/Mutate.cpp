//===- Mutate.cpp - Inputs that nobody meant ------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Mutate.h"

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace lns::fuzz;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::StringRef;

/// A random part of the text: begin and length, more often short.
static std::pair<size_t, size_t> pickRange(const std::string &text,
                                           Random &random) {
  size_t begin = size_t(random.below(int64_t(text.size()) + 1));
  size_t rest = text.size() - begin;
  size_t longest = random.percent(80) ? std::min<size_t>(rest, 16) : rest;
  return {begin, size_t(random.below(int64_t(longest) + 1))};
}

void lns::fuzz::mutateBytes(std::string &text, Random &random) {
  auto [begin, length] = pickRange(text, random);
  switch (random.below(6)) {
  case 0:
  case 1:
    if (begin < text.size())
      text[begin] ^= char(1 << random.below(8));
    return;
  case 2:
    text.erase(begin, length);
    return;
  case 3:
    text.insert(begin, text.substr(begin, length));
    return;
  case 4: {
    std::string bytes;
    for (int64_t i = 1 + random.below(8); i > 0; --i)
      bytes += char(random.percent(50) ? random.pick({0, 255, 128, 127, 1})
                                       : random.below(256));
    text.insert(begin, bytes);
    return;
  }
  default:
    if (random.percent(30))
      text.resize(begin);
    else if (begin < text.size())
      text[begin] = char(random.below(256));
    return;
  }
}

/// Words, numbers and single signs; white space belongs to what is before it.
static std::vector<std::string> split(StringRef text) {
  std::vector<std::string> words;
  size_t i = 0;
  auto isWord = [](char c) { return llvm::isAlnum(c) || c == '_' || c == '.'; };
  while (i < text.size()) {
    size_t begin = i++;
    if (isWord(text[begin]))
      while (i < text.size() && isWord(text[i]))
        ++i;
    while (i < text.size() && llvm::isSpace(text[i]))
      ++i;
    words.push_back(text.slice(begin, i).str());
  }
  return words;
}

static std::string extremeNumber(Random &random) {
  static const char *const kNumbers[] = {"0",
                                         "-1",
                                         "1",
                                         "2",
                                         "3",
                                         "7",
                                         "-0.0",
                                         "1e308",
                                         "1e-320",
                                         "1e999",
                                         "nan",
                                         "inf",
                                         "0x7FC00000",
                                         "0xFFFFFFFFFFFFFFFF",
                                         "4294967296",
                                         "2147483647",
                                         "-2147483648",
                                         "9223372036854775807",
                                         "-9223372036854775808",
                                         "18446744073709551615",
                                         "99999999999999999999999",
                                         "1000000",
                                         "10000",
                                         "0.1",
                                         "?",
                                         "\"1\"",
                                         "true",
                                         "null",
                                         "[]",
                                         "{}",
                                         "1.5",
                                         "65536"};
  return kNumbers[random.below(std::size(kNumbers))];
}

/// Nests deep enough to end any recursion that nobody has bounded.
static std::string nestedText(Random &random) {
  static const std::pair<const char *, const char *> kPairs[] = {
      {"(", ")"},
      {"[", "]"},
      {"{", "}"},
      {"{\"a\":", "}"},
      {"tensor<", ">"},
      {"module {", "}"},
      {"tuple<", ">"},
      {"loc(", ")"},
      {"[[", "]]"},
      {"{a = ", "}"},
      {"() -> (", ")"},
      {"memref<2x", ">"},
      {"complex<", ">"},
      {"fused[", "]"},
      {"loc(\"a\"(", "))"},
      {"lns.layers(%h = %x) depth(1) : tensor<?x?x4xf32> {", "}"},
      {"loc(callsite(\"a\" at ", "))"}};
  const auto &[open, close] = kPairs[random.below(std::size(kPairs))];
  int64_t depth = random.pick({3, 20, 300, 5000, 100000});
  std::string text;
  for (int64_t i = 0; i < depth; ++i)
    text += open;
  if (random.percent(70))
    for (int64_t i = 0; i < depth; ++i)
      text += close;
  return text;
}

void lns::fuzz::mutateWords(std::string &text, ArrayRef<std::string> dictionary,
                            Random &random) {
  std::vector<std::string> words = split(text);
  if (words.empty())
    return;
  auto anyIndex = [&] { return size_t(random.below(int64_t(words.size()))); };
  size_t at = anyIndex();
  switch (random.below(10)) {
  case 0:
  case 1:
  case 2: {
    // The next number.
    for (size_t i = 0; i < words.size(); ++i) {
      size_t index = (at + i) % words.size();
      size_t digit = words[index].find_first_of("0123456789");
      if (digit == std::string::npos)
        continue;
      size_t end = words[index].find_first_not_of("0123456789.e-", digit);
      end = std::min(end, words[index].size());
      words[index].replace(digit, end - digit, extremeNumber(random));
      break;
    }
    break;
  }
  case 3:
    words[at] = words[anyIndex()];
    break;
  case 4:
    words[at] = random.pick(dictionary) + " ";
    break;
  case 5:
    std::swap(words[at], words[anyIndex()]);
    break;
  case 6:
    words.erase(words.begin() + long(at));
    break;
  case 7:
    words.insert(words.begin() + long(at), random.pick(dictionary) + " ");
    break;
  case 8: {
    SmallVector<StringRef> lines;
    StringRef(text).split(lines, '\n');
    size_t i = size_t(random.below(int64_t(lines.size())));
    size_t j = size_t(random.below(int64_t(lines.size())));
    if (random.percent(50))
      std::swap(lines[i], lines[j]);
    else if (random.percent(50))
      lines.insert(lines.begin() + long(j), StringRef(lines[i]));
    else
      lines.erase(lines.begin() + long(i));
    text = llvm::join(lines, "\n");
    return;
  }
  default:
    if (random.percent(10))
      words[at] = nestedText(random);
    else
      words[at] += words[at];
    break;
  }
  text = llvm::join(words, "");
}

ArrayRef<std::string> lns::fuzz::modelDictionary() {
  static const std::vector<std::string> dictionary = {
      "lns.model",
      "lns.param",
      "lns.layers",
      "lns.yield",
      "lns.output",
      "lns.embedding",
      "lns.norm",
      "lns.linear",
      "lns.rope",
      "lns.reshape",
      "lns.attention",
      "lns.activation",
      "lns.gated_activation",
      "lns.residual",
      "lns.add_positions",
      "lns.cross_entropy",
      "lns.mean",
      "lns.cast",
      "lns.matmul",
      "lns.row_dot",
      "lns.row_rstd",
      "lns.row_scale",
      "lns.add",
      "lns.scale",
      "lns.constant",
      "lns.get",
      "lns.set",
      "lns.parameter",
      "lns.cluster",
      "lns.repeat",
      "lns.adamw",
      "lns.project",
      "lns.column_dot",
      "lns.compute_weight",
      "func.func",
      "func.call",
      "return",
      "module",
      "arith.constant",
      "builtin.unrealized_conversion_cast",
      "rms",
      "layer",
      "eps",
      "bias",
      "gain",
      "scale",
      "depth_scale",
      "inv_sqrt_depth",
      "none",
      "depth",
      "init",
      "normal",
      "ones",
      "zeros",
      "constant",
      "matrix",
      "embedding",
      "decay",
      "project",
      "rows",
      "columns",
      "lr_factor",
      "eps_factor",
      "decay_factor",
      "heads",
      "kv_heads",
      "causal",
      "head_dim",
      "inverse",
      "softmax_scale",
      "frequencies",
      "base",
      "alpha",
      "shift",
      "erf",
      "steps",
      "per_layer",
      "skip_scale",
      "branch_scale",
      "gelu_tanh",
      "gelu",
      "tanh",
      "silu",
      "relu",
      "relu2",
      "sigmoid",
      "abs",
      "config",
      "attributes",
      "tensor<?x?x4xf32>",
      "tensor<4x4xf32>",
      "tensor<f32>",
      "tensor<*xf32>",
      "tensor<4xf32>",
      "tensor<0xf32>",
      "tensor<?xf32>",
      "tensor<?x?xi32>",
      "tensor<?x?xi64>",
      "tensor<2x2xi32>",
      "tensor<?x?x4xbf16>",
      "tensor<?x?x4xf64>",
      "tensor<?x?x4xf16>",
      "tensor<?x?x4xi8>",
      "tensor<?x?x4xcomplex<f32>>",
      "tensor<?x?x4xf32, \"a\">",
      "memref<4xf32>",
      "vector<4xf32>",
      "index",
      "!lns.x",
      "#lns<norm_kind rms>",
      "#lns.role<gain>",
      "f32",
      "bf16",
      "f64",
      "i32",
      "i1",
      "()",
      "->",
      "%0",
      "%tokens",
      "@m",
      "^bb0:",
      "loc(unknown)",
      "loc(\"a\":1:2)",
      "{layer}",
      "\"{layer}\"",
      "array<f64: 1.0>",
      "dense<1.0> : tensor<4xf32>",
      "dense<[1,2]> : tensor<2xi32>",
      "\"lns.norm\"",
      "\"lns.model\"() ({",
      "}) :",
      "<{",
      "}>",
      "#a = 1",
      "!t = f32",
      "!t",
      "//",
      "\"\\00\"",
      "\"",
      "'",
      "0x",
      "{-#",
      "#-}",
      "dense_resource<a> : tensor<4xf32>",
      "affine_map<(d0) -> (d0)>",
      "distinct[0]<42>",
      "unit",
      "@m::@n",
      "opaque<\"a\", \"b\">"};
  return dictionary;
}

ArrayRef<std::string> lns::fuzz::configDictionary() {
  static const std::vector<std::string> dictionary = {
      "\"model_type\"",
      "\"llama\"",
      "\"vocab_size\"",
      "\"hidden_size\"",
      "\"intermediate_size\"",
      "\"num_hidden_layers\"",
      "\"num_attention_heads\"",
      "\"num_key_value_heads\"",
      "\"head_dim\"",
      "\"tie_word_embeddings\"",
      "\"rms_norm_eps\"",
      "\"rope_theta\"",
      "\"rope_scaling\"",
      "\"rope_parameters\"",
      "\"hidden_act\"",
      "\"attention_bias\"",
      "\"mlp_bias\"",
      "\"max_position_embeddings\"",
      "\"initializer_range\"",
      "\"quantization_config\"",
      "\"architectures\"",
      "\"torch_dtype\"",
      "\"rope_type\"",
      "\"factor\"",
      "\"silu\"",
      "\"gelu\"",
      "\"\"",
      "\"\\ud800\"",
      "\"\\u0000\"",
      "null",
      "true",
      "false",
      "[]",
      "{}",
      "[1, 2]",
      "{\"a\": 1}",
      "0",
      "-1",
      "1e400",
      "1.5",
      ",",
      ":",
      "NaN",
      "Infinity",
      "/* */",
      "//",
      "\xef\xbb\xbf",
      "\xff",
      "\""};
  return dictionary;
}

std::vector<std::string> lns::fuzz::makeOptions(Random &random) {
  static const char *const kNames[] = {"--batch",
                                       "--seq",
                                       "--micro-batch",
                                       "--threads",
                                       "--memory-budget",
                                       "--norm",
                                       "--dtype",
                                       "--cpu",
                                       "--target",
                                       "--cuda-arch",
                                       "--emit",
                                       "--disable-norm-elimination",
                                       "--disable-padding",
                                       "--vocab-size",
                                       "--disable-product-fusion",
                                       "--disable-kept-weights",
                                       "--help",
                                       "--version",
                                       "--allow-unknown-keys",
                                       "--mlir-timing",
                                       "--mlir-print-ir-after-all",
                                       "--mlir-elide-elementsattrs-if-larger",
                                       "--verify-each",
                                       "--mlir-disable-threading",
                                       "-o",
                                       "-",
                                       "--nonsense",
                                       "--mlir-print-debuginfo",
                                       "--mlir-print-op-generic",
                                       "--batch=2"};
  static const char *const kValues[] = {"",
                                        "0",
                                        "1",
                                        "2",
                                        "8",
                                        "-1",
                                        "3",
                                        "7",
                                        "4096",
                                        "2147483647",
                                        "2147483648",
                                        "4294967295",
                                        "9223372036854775807",
                                        "18446744073709551616",
                                        "1e9",
                                        "0x10",
                                        "1.5",
                                        "1.5G",
                                        "40MB",
                                        "40MiB",
                                        "1K",
                                        "-1M",
                                        "999999999G",
                                        "lns",
                                        "pre",
                                        "f32",
                                        "bf16",
                                        "f16",
                                        "cpu",
                                        "cuda",
                                        "cpu,cuda",
                                        "cpu,cpu",
                                        ",",
                                        "native",
                                        "x86-64-v2",
                                        "x86-64-v3",
                                        "x86-64-v4",
                                        "x86-64-v9",
                                        "native,native",
                                        "sm_80",
                                        "sm_90a",
                                        "sm_0",
                                        "sm_",
                                        "model",
                                        "graph",
                                        "train",
                                        "fused",
                                        "plan",
                                        "llvm",
                                        "resources",
                                        "true",
                                        "false",
                                        "\xff",
                                        "/nonexistent/x",
                                        "/",
                                        "."};
  std::vector<std::string> options;
  for (int64_t i = 1 + random.below(4); i > 0; --i) {
    std::string option = kNames[random.below(std::size(kNames))];
    if (random.percent(75))
      option += std::string("=") + kValues[random.below(std::size(kValues))];
    options.push_back(option);
  }
  return options;
}
