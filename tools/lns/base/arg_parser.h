//===- arg_parser.h - Command lines -----------------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_BASE_ARG_PARSER_H
#define LNS_TOOLS_LNS_BASE_ARG_PARSER_H

#include "tools/lns/base/status.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace lns::tool {

/// Parses one subcommand's arguments into the caller's variables. Accepts
/// `--name VALUE`, `--name=VALUE` and flags; anything unknown is an error that
/// proposes the nearest name. A default shown by --help is the variable's value
/// when the option was declared.
class ArgParser {
public:
  ArgParser(std::string command, std::string summary);

  /// Positional arguments come in this order and are required.
  void positional(const std::string &name, std::string *value,
                  const std::string &help);
  void option(const std::string &name, const std::string &valueName,
              std::string *value, const std::string &help);
  void option(const std::string &name, const std::string &valueName,
              uint64_t *value, const std::string &help,
              uint64_t max = std::numeric_limits<int64_t>::max());
  void option(const std::string &name, const std::string &valueName,
              double *value, const std::string &help, double min, double max);
  void choice(const std::string &name, std::string *value,
              const std::vector<std::string> &choices, const std::string &help);
  /// One or more values, up to the next option; may be repeated.
  void list(const std::string &name, const std::string &valueName,
            std::vector<std::string> *values, const std::string &help);
  void flag(const std::string &name, bool *value, const std::string &help);
  /// The last declared option must be given.
  void required();

  Status parse(std::span<const std::string> arguments);

  /// --help or -h was among the arguments; print help() and stop.
  bool helpRequested() const { return wantsHelp; }
  std::string help() const;
  bool given(const std::string &name) const;

private:
  struct Option {
    std::string name;
    std::string valueName; ///< empty for a flag
    std::string help;
    std::string defaultText;
    bool many = false;
    bool needed = false;
    bool given = false;
    std::function<Status(const std::string &)> store;
  };

  Option &declare(const std::string &name, const std::string &valueName,
                  const std::string &help);
  Option *find(const std::string &name);

  std::string command;
  std::string summary;
  std::vector<Option> positionals;
  std::vector<Option> options;
  bool wantsHelp = false;
};

/// The candidate that `word` was probably meant to be, or "".
std::string nearestName(const std::string &word,
                        const std::vector<std::string> &candidates);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_BASE_ARG_PARSER_H
