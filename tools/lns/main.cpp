//===- main.cpp - The command line tool lns -------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/commands/commands.h"

#include <csignal>
#include <cstdio>
#include <exception>
#include <fmt/format.h>
#include <new>

using namespace lns::tool;

namespace {
struct Command {
  const char *name; ///< one or two words
  const char *summary;
  Status (*run)(Arguments);
};

constexpr Command commands[] = {
    {"train", "train a plan on token shards", runTrain},
    {"eval", "loss, answers or perplexity of a checkpoint", runEval},
    {"sample", "let a checkpoint continue a text", runSample},
    {"grads", "loss and all gradients for one batch", runGrads},
    {"diagnose", "what each block of a checkpoint does", runDiagnose},
    {"bench", "time of a step, by group, and its floor", runBench},
    {"devices", "what plans can run on here", runDevices},
    {"plan info", "what a plan holds", runPlanInfo},
    {"ckpt info", "what a checkpoint holds", runCkptInfo},
    {"ckpt verify", "whether a checkpoint is whole", runCkptVerify},
    {"ckpt diff", "in what two checkpoints differ", runCkptDiff},
    {"ckpt export-hf", "write a checkpoint for Hugging Face", runExportHf},
    {"ckpt import-hf", "make a run of Hugging Face's files", runImportHf},
    {"ckpt export-lora", "write adapters for PEFT", runExportLora},
    {"ckpt import-lora", "make a run of a base and PEFT's adapter",
     runImportLora},
    {"ckpt merge", "make one model of a base and an adapter", runMerge},
    {"data prepare", "turn text into token shards", runDataPrepare},
    {"data info", "what token shards hold", runDataInfo},
    {"tokens encode", "turn text into a tokenizer's tokens", runTokensEncode},
    {"tokens decode", "turn tokens into text", runTokensDecode},
    {"tokens info", "what a tokenizer is", runTokensInfo},
};
} // namespace

static std::string usage() {
  std::string text = "usage: lns COMMAND [options]\n\n"
                     "Trains and inspects plans that lnsc compiled.\n\n";
  for (const Command &command : commands)
    text += fmt::format("  {:15} {}\n", command.name, command.summary);
  return text +
         "\n'lns COMMAND --help' tells more.\n\n"
         "Exit codes:\n"
         "   0  done\n"
         "   1  error\n"
         "   2  mistake on the command line\n"
         "   3  train: the loss or the gradients were not finite too often\n"
         "   4  train: ended by an error; what was trained is saved\n"
         "   5  train: what was trained since the last checkpoint is lost\n"
         "  75  train: interrupted, saved; start it again with --resume auto\n";
}

/// "data", "plan": a first word of commands of two.
static bool isGroup(const std::string &word) {
  for (const Command &command : commands)
    if (std::string(command.name).starts_with(word + " "))
      return true;
  return false;
}

static Status dispatch(std::span<const std::string> arguments) {
  if (arguments.empty())
    return Status::usage("no command; see 'lns --help'");
  if (arguments[0] == "--help" || arguments[0] == "-h" ||
      arguments[0] == "help") {
    std::fputs(usage().c_str(), stdout);
    return Status::success();
  }
  if (arguments[0] == "--version") {
    std::puts("lns " LNS_VERSION);
    return Status::success();
  }
  if (isGroup(arguments[0]) && arguments.size() > 1 &&
      (arguments[1] == "--help" || arguments[1] == "-h")) {
    std::fputs(usage().c_str(), stdout);
    return Status::success();
  }
  std::string two = arguments[0];
  if (arguments.size() > 1)
    two += " " + arguments[1];
  for (const Command &command : commands) {
    if (arguments[0] == command.name)
      return command.run(arguments.subspan(1));
    if (two == command.name)
      return command.run(arguments.subspan(2));
  }
  std::vector<std::string> names;
  for (const Command &command : commands)
    names.push_back(command.name);
  bool group = isGroup(arguments[0]);
  std::string near = nearestName(group ? two : arguments[0], names);
  return Status::usage(
      fmt::format("unknown command '{}'; {}", group ? two : arguments[0],
                  near.empty() ? "see 'lns --help'"
                               : fmt::format("did you mean '{}'?", near)));
}

int main(int argc, char **argv) {
  // A file size limit shall be an error of write(2), not the end.
  std::signal(SIGXFSZ, SIG_IGN);
  Status status;
  try {
    std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
    status = dispatch(arguments);
  } catch (const std::bad_alloc &) {
    status = Status::failure("out of memory; use a smaller plan");
  } catch (const std::exception &error) {
    status = Status::failure(error.what());
  }
  if (status.ok() && (std::fflush(stdout) != 0 || std::ferror(stdout)))
    status = Status::failure("stdout: cannot write; is the disk full?");
  if (status.ok())
    return 0;
  std::fflush(stdout);
  std::fprintf(stderr, "lns: error: %s\n",
               boundedMessage(status.message()).c_str());
  return status.exitCode();
}
