//===- error.h - Why something was refused ----------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOKENIZER_ERROR_H
#define LNS_TOKENIZER_ERROR_H

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace lns::tokenizer {

/// One line, lower case: the place, both sides of a mismatch, the remedy. What
/// it quotes of a file is bounded in length but may hold control characters:
/// whoever prints it escapes them.
struct Error {
  std::string message;
};

/// Nothing, or the error that stopped something.
using MaybeError = std::optional<Error>;

/// A value, or the error that kept it from being made.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : held(std::move(value)) {}
  Result(Error error) : held(std::move(error)) {}

  explicit operator bool() const { return held.index() == 0; }
  T &operator*() { return std::get<0>(held); }
  const T &operator*() const { return std::get<0>(held); }
  T *operator->() { return &std::get<0>(held); }
  const T *operator->() const { return &std::get<0>(held); }
  const Error &error() const { return std::get<1>(held); }

private:
  std::variant<T, Error> held;
};

/// 'text' as a message may repeat it, with "..." for what is too long.
inline std::string quote(std::string_view text) {
  constexpr size_t most = 80;
  if (text.size() <= most)
    return "'" + std::string(text) + "'";
  size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;
  return "'" + std::string(text.substr(0, end)) + "...'";
}

} // namespace lns::tokenizer

#endif // LNS_TOKENIZER_ERROR_H
