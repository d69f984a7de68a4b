//===- error.h - Errors of the runtime ---------------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// `Error` is a nullable owner: null is success. Messages are one line, lower
// case, without a full stop; they name both sides of a mismatch and a remedy.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_BASE_ERROR_H
#define LNS_RUNTIME_BASE_ERROR_H

#include "runtime/lnsrt.h"

#include <charconv>
#include <concepts>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>

struct lnsrt_error {
  lnsrt_error_code code;
  std::string message;
  std::string place;
};

namespace lns {

struct ErrorDeleter {
  void operator()(lnsrt_error *error) const { lnsrt_error_free(error); }
};
using Error = std::unique_ptr<lnsrt_error, ErrorDeleter>;

/// The error for a failed allocation. It exists from the start of the program,
/// because making one could fail for the same reason.
lnsrt_error *outOfMemoryError();

namespace detail {
inline void append(std::string &out, std::string_view part) { out += part; }
inline void append(std::string &out, char part) { out += part; }
template <typename T>
  requires(std::integral<T> || std::floating_point<T>)
void append(std::string &out, T part) {
  char digits[40];
  out.append(digits, std::to_chars(digits, digits + sizeof(digits), part).ptr);
}
} // namespace detail

/// Concatenates strings and numbers.
template <typename... Parts> std::string concat(const Parts &...parts) {
  std::string out;
  (detail::append(out, parts), ...);
  return out;
}

template <typename... Parts>
Error makeError(lnsrt_error_code code, std::string_view place,
                const Parts &...parts) {
  return Error(new lnsrt_error{code, concat(parts...), std::string(place)});
}

/// Runs `body` (which returns an Error) at the C boundary: no exception leaves.
template <typename Body> lnsrt_error *guarded(Body body) noexcept {
  try {
    return body().release();
  } catch (const std::bad_alloc &) {
    return outOfMemoryError();
  } catch (const std::exception &exception) {
    try {
      return makeError(LNSRT_INTERNAL, "lnsrt", exception.what()).release();
    } catch (...) {
      return outOfMemoryError();
    }
  } catch (...) {
    return outOfMemoryError();
  }
}

} // namespace lns

#endif // LNS_RUNTIME_BASE_ERROR_H
