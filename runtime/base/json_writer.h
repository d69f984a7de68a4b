//===- json_writer.h - JSON, a field at a time -------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_BASE_JSON_WRITER_H
#define LNS_RUNTIME_BASE_JSON_WRITER_H

#include "runtime/base/error.h"

#include <string>
#include <string_view>

namespace lns {

/// Length of the well-formed UTF-8 sequence at the start of `text`, or 0.
inline size_t utf8Length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char lead = byte(0);
  size_t length = lead < 0x80   ? 1
                  : lead < 0xc2 ? 0
                  : lead < 0xe0 ? 2
                  : lead < 0xf0 ? 3
                  : lead < 0xf5 ? 4
                                : 0;
  if (length == 0 || length > text.size())
    return 0;
  for (size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80)
      return 0;
  // Overlong forms, surrogates and values beyond U+10FFFF.
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f) ||
      (lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f))
    return 0;
  return length;
}

/// Writes JSON with a comma wherever one is due.
class JsonWriter {
public:
  std::string text;

  void open(char bracket) {
    comma();
    text += bracket;
    fresh = true;
  }
  void close(char bracket) {
    text += bracket;
    fresh = false;
  }
  void key(std::string_view name) {
    string(name);
    text += ':';
    fresh = true;
  }
  void string(std::string_view value) {
    comma();
    text += '"';
    while (!value.empty()) {
      size_t length = utf8Length(value);
      auto first = static_cast<unsigned char>(value[0]);
      if (length == 0) {
        text += "\\ufffd";
        length = 1;
      } else if (first == '"' || first == '\\') {
        text += '\\';
        text += value[0];
      } else if (first < 0x20) {
        constexpr char kDigits[] = "0123456789abcdef";
        text += "\\u00";
        text += kDigits[first >> 4];
        text += kDigits[first & 15];
      } else {
        text += value.substr(0, length);
      }
      value.remove_prefix(length);
    }
    text += '"';
  }
  template <typename T> void number(T value) {
    comma();
    detail::append(text, value);
  }
  /// Text that is JSON already.
  void raw(std::string_view value) {
    comma();
    text += value;
  }
  void boolean(bool value) {
    comma();
    text += value ? "true" : "false";
  }
  template <typename T> void field(std::string_view name, T value) {
    key(name);
    if constexpr (std::same_as<T, bool>)
      boolean(value);
    else if constexpr (std::is_arithmetic_v<T>)
      number(value);
    else
      string(value);
  }

private:
  void comma() {
    if (!fresh)
      text += ',';
    fresh = false;
  }
  bool fresh = true;
};

} // namespace lns

#endif // LNS_RUNTIME_BASE_JSON_WRITER_H
