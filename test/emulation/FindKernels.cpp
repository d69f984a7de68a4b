//===- FindKernels.cpp - Names of the kernels in a text ----------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/emulation/Compile.h"

#include <cctype>

using namespace lns::emulation;

namespace {

/// The text with comments, strings and preprocessor lines blanked.
std::string blankUnread(const std::string &text) {
  std::string result = text;
  auto blank = [&](size_t begin, size_t end) {
    for (size_t i = begin; i < std::min(end, text.size()); ++i)
      if (text[i] != '\n')
        result[i] = ' ';
  };
  bool atLineStart = true;
  for (size_t i = 0; i < text.size();) {
    size_t end = i + 1;
    if (text.compare(i, 2, "//") == 0 || (atLineStart && text[i] == '#')) {
      end = i;
      // A line that ends with a backslash goes on.
      while (end < text.size() && (text[end] != '\n' || text[end - 1] == '\\'))
        ++end;
      blank(i, end);
    } else if (text.compare(i, 2, "/*") == 0) {
      end = text.find("*/", i + 2);
      end = end == std::string::npos ? text.size() : end + 2;
      blank(i, end);
    } else if (text[i] == '"') {
      while (end < text.size() && text[end] != '"')
        end += text[end] == '\\' ? 2 : 1;
      end = std::min(end + 1, text.size());
      blank(i + 1, end - 1);
    }
    if (text[i] == '\n')
      atLineStart = true;
    else if (!std::isspace(static_cast<unsigned char>(text[i])))
      atLineStart = false;
    i = end;
  }
  return result;
}

bool isWord(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

/// Past the parenthesis that closes the one at `open`.
size_t skipParentheses(const std::string &text, size_t open) {
  int depth = 0;
  for (size_t i = open; i < text.size(); ++i) {
    depth += text[i] == '(' ? 1 : text[i] == ')' ? -1 : 0;
    if (depth == 0)
      return i + 1;
  }
  return text.size();
}

} // namespace

std::vector<KernelDeclaration>
lns::emulation::findKernels(const std::string &whole) {
  static const std::string kGlobal = "__global__";
  std::string text = blankUnread(whole);
  std::vector<KernelDeclaration> kernels;
  for (size_t at = text.find(kGlobal); at != std::string::npos;
       at = text.find(kGlobal, at)) {
    at += kGlobal.size();
    KernelDeclaration kernel;
    std::string word;
    // The name is the word before the first parenthesis that is not of an
    // attribute.
    while (at < text.size()) {
      if (isWord(text[at])) {
        size_t end = at;
        while (end < text.size() && isWord(text[end]))
          ++end;
        word = text.substr(at, end - at);
        at = end;
      } else if (text[at] == '(') {
        size_t end = skipParentheses(text, at);
        if (word == "__launch_bounds__") {
          kernel.launchBounds = text.substr(at + 1, end - at - 2);
        } else {
          kernel.name = word;
          break;
        }
        at = end;
      } else {
        ++at;
      }
    }
    // A declaration and its definition are one kernel.
    bool isKnown = kernel.name.empty();
    for (const KernelDeclaration &other : kernels)
      isKnown |= other.name == kernel.name;
    if (!isKnown)
      kernels.push_back(std::move(kernel));
  }
  return kernels;
}
