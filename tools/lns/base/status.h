//===- status.h - Errors as values ------------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_BASE_STATUS_H
#define LNS_TOOLS_LNS_BASE_STATUS_H

#include <cassert>
#include <optional>
#include <string>
#include <utility>

namespace lns::tool {

/// Success, or an error: one line, lower case, that names the file or option,
/// both sides of a mismatch and the remedy. Nothing in this tool throws on
/// input; every fallible function returns a Status or an Expected.
class [[nodiscard]] Status {
public:
  /// What became of the command. The number is the process's exit code, which
  /// docs/lns.md promises.
  enum class Kind {
    Success = 0,
    Failure = 1,
    Usage = 2,      ///< a mistake on the command line
    Diverged = 3,   ///< a run's numbers are not finite any more
    Stopped = 4,    ///< an error ended a run that had trained; it is saved
    NotSaved = 5,   ///< so it did, and saving failed as well
    Resumable = 75, ///< interrupted; EX_TEMPFAIL: start me again
  };

  Status() = default;
  static Status success() { return Status(); }
  static Status failure(std::string message) {
    return Status(Kind::Failure, std::move(message));
  }
  static Status usage(std::string message) {
    return Status(Kind::Usage, std::move(message));
  }
  /// One of the ends of a run; not Success.
  static Status ended(Kind kind, std::string message) {
    assert(kind != Kind::Success);
    return Status(kind, std::move(message));
  }

  bool ok() const { return kind == Kind::Success; }
  Kind getKind() const { return kind; }
  int exitCode() const { return static_cast<int>(kind); }
  const std::string &message() const { return text; }

private:
  Status(Kind kind, std::string message)
      : kind(kind), text(std::move(message)) {}

  Kind kind = Kind::Success;
  std::string text;
};

/// A value or the error that kept it from being made.
template <typename T> class [[nodiscard]] Expected {
public:
  Expected(T value) : held(std::move(value)) {}
  Expected(Status error) : error(std::move(error)) {
    assert(!this->error.ok());
  }

  explicit operator bool() const { return held.has_value(); }
  T &operator*() { return *held; }
  const T &operator*() const { return *held; }
  T *operator->() { return &*held; }
  const T *operator->() const { return &*held; }
  const Status &status() const { return error; }

private:
  std::optional<T> held;
  Status error;
};

} // namespace lns::tool

/// Leaves the enclosing function when `expr` is an error.
#define LNS_RETURN_IF_ERROR(expr)                                              \
  do {                                                                         \
    if (::lns::tool::Status lnsStatus = (expr); !lnsStatus.ok())               \
      return lnsStatus;                                                        \
  } while (false)

#endif // LNS_TOOLS_LNS_BASE_STATUS_H
