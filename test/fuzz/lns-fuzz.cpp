//===- lns-fuzz.cpp - Random models and broken inputs for lnsc ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// docs/fuzzing.md says how campaigns are run.
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Campaigns.h"
#include "tools/lns/base/arg_parser.h"

#include "llvm/Support/raw_ostream.h"

using namespace lns;
using namespace lns::fuzz;

static int usage(const std::string &message) {
  llvm::errs() << "lns-fuzz: error: " << message << "\n";
  return 2;
}

int main(int argc, char **argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  Campaign campaign;
  campaign.setup.lnsc = LNS_BIN_DIR "/lnsc";
  campaign.setup.emulation = LNS_EMULATION_DIR;
  campaign.setup.cache = LNS_EMULATION_CACHE;
  std::string command = arguments.empty() ? "" : arguments.front();
  std::string file;
  tool::ArgParser parser(
      command,
      "Random models and broken inputs for lnsc: models and inputs are "
      "campaigns, run repeats a case that one has printed.");
  if (command == "run") {
    parser.positional("CASE", &file, "a model, with or without its options");
  } else if (command == "models" || command == "inputs" || command == "print") {
    parser.option("--seed", "N", &campaign.seed, "the first seed");
    parser.option("--count", "N", &campaign.count, "how many");
    parser.option("--jobs", "N", &campaign.jobs, "at work at a time", 256);
    parser.option("--time", "SECONDS", &campaign.seconds,
                  "start nothing after this time; 0: no limit");
    parser.option("--cuda", "PERCENT", &campaign.cudaPercent,
                  "share of models that are compiled for CUDA, too", 100);
  } else {
    return usage("the commands are 'models', 'inputs', 'print' and 'run', got "
                 "'" +
                 command + "'");
  }
  parser.option("--lnsc", "FILE", &campaign.setup.lnsc, "the compiler");
  parser.option("--shrink", "TRIALS", &campaign.trials,
                "how often a failure may be run again to make it smaller");
  arguments.erase(arguments.begin());
  if (tool::Status status = parser.parse(arguments); !status.ok())
    return usage(status.message());
  if (parser.helpRequested()) {
    llvm::outs() << parser.help();
    return 0;
  }
  if (command == "print")
    return printModels(campaign);
  if (command == "run")
    return runCase(campaign, file);
  return command == "models" ? fuzzModels(campaign) : fuzzInputs(campaign);
}
