//===- arg_parser.cpp - Command lines -------------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace lns::tool {

static size_t editDistance(const std::string &a, const std::string &b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1,
                         diagonal + (a[i - 1] != b[j - 1] ? 1 : 0)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string nearestName(const std::string &word,
                        const std::vector<std::string> &candidates) {
  std::string best;
  size_t bestDistance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string &candidate : candidates) {
    size_t distance = editDistance(word, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

ArgParser::ArgParser(std::string command, std::string summary)
    : command(std::move(command)), summary(std::move(summary)) {}

ArgParser::Option &ArgParser::declare(const std::string &name,
                                      const std::string &valueName,
                                      const std::string &help) {
  Option option;
  option.name = name;
  option.valueName = valueName;
  option.help = help;
  options.push_back(std::move(option));
  return options.back();
}

ArgParser::Option *ArgParser::find(const std::string &name) {
  for (Option &option : options)
    if (option.name == name)
      return &option;
  return nullptr;
}

bool ArgParser::given(const std::string &name) const {
  for (const Option &option : options)
    if (option.name == name)
      return option.given;
  return false;
}

void ArgParser::positional(const std::string &name, std::string *value,
                           const std::string &help) {
  Option option;
  option.name = name;
  option.help = help;
  option.store = [value](const std::string &text) {
    *value = text;
    return Status::success();
  };
  positionals.push_back(std::move(option));
}

void ArgParser::option(const std::string &name, const std::string &valueName,
                       std::string *value, const std::string &help) {
  Option &option = declare(name, valueName, help);
  option.defaultText = *value;
  option.store = [value](const std::string &text) {
    *value = text;
    return Status::success();
  };
}

void ArgParser::option(const std::string &name, const std::string &valueName,
                       uint64_t *value, const std::string &help, uint64_t max) {
  Option &option = declare(name, valueName, help);
  option.defaultText = std::to_string(*value);
  option.store = [=](const std::string &text) {
    uint64_t number = 0;
    const char *end = text.data() + text.size();
    auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || stop != end || number > max)
      return Status::usage(fmt::format(
          "{}: '{}' is not a whole number from 0 to {}", name, text, max));
    *value = number;
    return Status::success();
  };
}

void ArgParser::option(const std::string &name, const std::string &valueName,
                       double *value, const std::string &help, double min,
                       double max) {
  Option &option = declare(name, valueName, help);
  option.defaultText = fmt::format("{}", *value);
  option.store = [=](const std::string &text) {
    double number = 0;
    const char *end = text.data() + text.size();
    auto [stop, error] = std::from_chars(text.data(), end, number);
    // The comparison is false for NaN, which is refused with the rest.
    if (error != std::errc() || stop != end ||
        !(number >= min && number <= max))
      return Status::usage(fmt::format("{}: '{}' is not a number from {} to {}",
                                       name, text, min, max));
    *value = number;
    return Status::success();
  };
}

void ArgParser::choice(const std::string &name, std::string *value,
                       const std::vector<std::string> &choices,
                       const std::string &help) {
  Option &option =
      declare(name, fmt::format("{}", fmt::join(choices, "|")), help);
  option.defaultText = *value;
  option.store = [=](const std::string &text) {
    if (std::find(choices.begin(), choices.end(), text) == choices.end())
      return Status::usage(fmt::format("{}: '{}' is not one of {}", name, text,
                                       fmt::join(choices, ", ")));
    *value = text;
    return Status::success();
  };
}

void ArgParser::list(const std::string &name, const std::string &valueName,
                     std::vector<std::string> *values,
                     const std::string &help) {
  Option &option = declare(name, valueName, help);
  option.many = true;
  option.store = [values](const std::string &text) {
    values->push_back(text);
    return Status::success();
  };
}

void ArgParser::flag(const std::string &name, bool *value,
                     const std::string &help) {
  Option &option = declare(name, "", help);
  option.store = [value](const std::string &) {
    *value = true;
    return Status::success();
  };
}

void ArgParser::required() { options.back().needed = true; }

Status ArgParser::parse(std::span<const std::string> arguments) {
  for (const std::string &argument : arguments)
    if (argument == "--help" || argument == "-h")
      wantsHelp = true;
  if (wantsHelp)
    return Status::success();

  size_t nextPositional = 0;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string &argument = arguments[i];
    if (argument.size() < 2 || argument[0] != '-') {
      if (nextPositional == positionals.size())
        return Status::usage(fmt::format(
            "unexpected argument '{}'; see '{} --help'", argument, command));
      LNS_RETURN_IF_ERROR(positionals[nextPositional++].store(argument));
      continue;
    }
    size_t equals = argument.find('=');
    std::string name = argument.substr(0, equals);
    Option *option = find(name);
    if (!option) {
      std::vector<std::string> names;
      for (const Option &known : options)
        names.push_back(known.name);
      std::string near = nearestName(name, names);
      return Status::usage(
          near.empty() ? fmt::format("unknown option '{}'; see '{} --help'",
                                     name, command)
                       : fmt::format("unknown option '{}'; did you mean '{}'?",
                                     name, near));
    }
    if (option->valueName.empty()) {
      if (equals != std::string::npos)
        return Status::usage(fmt::format("{}: takes no value", name));
      option->given = true;
      LNS_RETURN_IF_ERROR(option->store(""));
      continue;
    }
    if (option->given && !option->many)
      return Status::usage(fmt::format("{}: given twice", name));
    option->given = true;
    if (equals != std::string::npos) {
      LNS_RETURN_IF_ERROR(option->store(argument.substr(equals + 1)));
      continue;
    }
    if (i + 1 == arguments.size())
      return Status::usage(
          fmt::format("{}: needs a value ({})", name, option->valueName));
    LNS_RETURN_IF_ERROR(option->store(arguments[++i]));
    // A single '-' is a value: the standard input.
    while (option->many && i + 1 < arguments.size() &&
           (arguments[i + 1] == "-" || !arguments[i + 1].starts_with('-')))
      LNS_RETURN_IF_ERROR(option->store(arguments[++i]));
  }
  if (nextPositional < positionals.size())
    return Status::usage(fmt::format("{} is missing; see '{} --help'",
                                     positionals[nextPositional].name,
                                     command));
  for (const Option &option : options)
    if (option.needed && !option.given)
      return Status::usage(
          fmt::format("{} is missing; see '{} --help'", option.name, command));
  return Status::success();
}

std::string ArgParser::help() const {
  std::string text = "usage: " + command;
  for (const Option &option : positionals)
    text += " " + option.name;
  for (const Option &option : options)
    if (option.needed)
      text += " " + option.name + " " + option.valueName;
  text += options.empty() ? "\n\n" : " [options]\n\n";
  text += summary + "\n\n";
  auto row = [&](const std::string &left, const std::string &right) {
    if (left.size() > 24)
      text += fmt::format("  {}\n  {:24}  {}\n", left, "", right);
    else
      text += fmt::format("  {:24}  {}\n", left, right);
  };
  for (const Option &option : positionals)
    row(option.name, option.help);
  for (const Option &option : options) {
    std::string left = option.name;
    if (!option.valueName.empty())
      left += " " + option.valueName + (option.many ? "..." : "");
    row(left,
        option.defaultText.empty()
            ? option.help
            : fmt::format("{} (default: {})", option.help, option.defaultText));
  }
  row("--help", "print this");
  return text;
}

} // namespace lns::tool
