//===- InputCampaign.cpp - Inputs that must end in an error ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// lnsc gets a model's text, bytecode or a config.json with a few changes, or a
// good model with options that nobody meant. It must end by itself, with 0 or
// with 1 and a message of no more than kLongestMessage bytes; a plan that it
// writes must open.
//
// A change can make a legal model deep: 2048 layers, the most that there may
// be, take minutes. So one that needs more than Limits::cpuSeconds is run once
// more with kPatience, counted as slow if that is enough, and a failure if not.
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Campaigns.h"
#include "test/fuzz/Mutate.h"

#include "dialect/Register.h"
#include "runtime/lnsrt.hpp"

#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <chrono>
#include <deque>
#include <map>
#include <unistd.h>

using namespace lns::fuzz;
using llvm::StringRef;

namespace {

constexpr uint64_t kLongestMessage = 32 << 10;
/// Processor seconds for what is slow.
constexpr unsigned kPatience = 600;

enum class Kind { Text, Bytecode, Config, Options };

struct Input {
  Kind kind = Kind::Text;
  std::string bytes;
  std::vector<std::string> options;

  const char *extension() const {
    return kind == Kind::Config     ? ".json"
           : kind == Kind::Bytecode ? ".mlirbc"
                                    : ".mlir";
  }
};

/// What inputs are made of.
class Corpus {
public:
  Corpus() {
    read({LNS_TEST_DIR "/Models/gpt2.mlir",
          LNS_TEST_DIR "/Models/layernorm-scaling.mlir",
          LNS_TEST_DIR "/Models/post-norm.mlir",
          LNS_TEST_DIR "/Models/qk-norm.mlir",
          LNS_TEST_DIR "/Models/shared.mlir",
          LNS_TEST_DIR "/Models/tanh-norm.mlir", LNS_EXAMPLES_DIR "/demo.mlir"},
         models);
    read({LNS_TEST_DIR "/golden/tied-lns/config.json",
          LNS_TEST_DIR "/golden/untied-pre/config.json",
          LNS_EXAMPLES_DIR "/configs/llama-9m.json"},
         configs);
    mlir::DialectRegistry registry;
    lns::registerDialects(registry);
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    for (const std::string &model : models) {
      auto module = mlir::parseSourceString<mlir::ModuleOp>(model, &context);
      if (!module)
        continue;
      std::string bytes;
      llvm::raw_string_ostream stream(bytes);
      if (succeeded(mlir::writeBytecodeToFile(*module, stream)))
        bytecodes.push_back(bytes);
    }
  }

  Input make(uint64_t seed) const {
    Random random(seed ^ 0x5bd1e995u);
    Input input;
    int64_t kind = random.below(100);
    input.kind = kind < 60   ? Kind::Text
                 : kind < 75 ? Kind::Bytecode
                 : kind < 92 ? Kind::Config
                             : Kind::Options;
    input.options = {"--batch=2", "--seq=4", "--cpu=x86-64-v3"};
    // Machine code takes most of the time.
    if (random.percent(85))
      input.options.push_back(
          std::string("--emit=") +
          random.pick({"model", "graph", "train", "fused", "plan"}));
    if (random.percent(30))
      input.options.push_back("--dtype=bf16");
    if (random.percent(20)) {
      input.options[2] = "--target=cuda";
    }
    switch (input.kind) {
    case Kind::Text: {
      input.bytes = random.percent(50) ? generateCase(seed).model
                                       : random.pick<std::string>(models);
      int64_t changes = 1 + random.below(4);
      for (int64_t i = 0; i < changes; ++i)
        if (random.percent(75))
          mutateWords(input.bytes, modelDictionary(), random);
        else
          mutateBytes(input.bytes, random);
      break;
    }
    case Kind::Bytecode:
      input.bytes = random.pick<std::string>(bytecodes);
      for (int64_t i = 1 + random.below(4); i > 0; --i)
        mutateBytes(input.bytes, random);
      break;
    case Kind::Config:
      input.bytes = random.pick<std::string>(configs);
      input.options.push_back("--norm=lns");
      for (int64_t i = 1 + random.below(4); i > 0; --i)
        if (random.percent(75))
          mutateWords(input.bytes, configDictionary(), random);
        else
          mutateBytes(input.bytes, random);
      break;
    case Kind::Options:
      input.bytes = models.front();
      input.options = makeOptions(random);
      break;
    }
    return input;
  }

private:
  static void read(std::initializer_list<const char *> names,
                   std::vector<std::string> &into) {
    for (const char *name : names) {
      auto buffer = llvm::MemoryBuffer::getFile(name);
      if (!buffer) {
        llvm::errs() << "lns-fuzz: error: " << name << ": "
                     << buffer.getError().message() << "\n";
        std::exit(2);
      }
      into.push_back((*buffer)->getBuffer().str());
    }
  }

  std::vector<std::string> models, configs, bytecodes;
};

/// lnsc at work on one input.
class Run {
public:
  Run(const Input &input, const Setup &setup, const std::string &folder,
      bool isPatient = false)
      : plan(folder + "/out.plan") {
    // With --emit, text is written there.
    writesPlan = llvm::none_of(input.options, [](StringRef option) {
      return option.starts_with("--emit");
    });
    std::string file = folder + "/input" + input.extension();
    std::error_code code;
    llvm::raw_fd_ostream stream(file, code);
    stream << input.bytes;
    stream.close();
    llvm::sys::fs::remove(plan);
    std::vector<std::string> arguments = {setup.lnsc, file, "-o", plan};
    arguments.insert(arguments.end(), input.options.begin(),
                     input.options.end());
    llvm::SmallVector<char *> argv;
    for (std::string &argument : arguments)
      argv.push_back(argument.data());
    argv.push_back(nullptr);
    Limits limits;
    if (isPatient) {
      limits.cpuSeconds = kPatience;
      limits.wallSeconds = 4 * kPatience;
    }
    child = std::make_unique<Child>(
        [&]() -> int {
          // Relative names of outputs stay in the folder.
          if (chdir(folder.c_str()) == 0)
            execv(argv[0], argv.data());
          return 127;
        },
        limits);
  }

  bool poll(int milliseconds) { return child->poll(milliseconds); }

  /// What is wrong, or "".
  std::string finish() const {
    const Outcome &outcome = child->outcome;
    if (outcome.signal || outcome.timedOut ||
        (outcome.exitCode != 0 && outcome.exitCode != 1))
      return "lnsc ends: " + describe(outcome);
    if (outcome.exitCode == 1 && outcome.outputBytes > kLongestMessage)
      return "a message has more than 32 KiB";
    if (outcome.exitCode == 1 && outcome.outputBytes == 0)
      return "lnsc fails without a word";
    if (outcome.exitCode == 0 && writesPlan && llvm::sys::fs::exists(plan)) {
      auto opened = lnsrt::Plan::open(plan.c_str());
      if (!opened)
        return "the runtime refuses the plan";
    }
    return "";
  }

  const Outcome &outcome() const { return child->outcome; }

private:
  std::string plan;
  bool writesPlan;
  std::unique_ptr<Child> child;
};

std::string runToEnd(const Input &input, const Setup &setup,
                     const std::string &folder) {
  Run run(input, setup, folder);
  while (!run.poll(1000))
    ;
  return run.finish();
}

/// Without all parts that are not needed for the failure.
void shrinkInput(Input &input, const std::string &kind, const Setup &setup,
                 const std::string &folder, uint64_t trials) {
  for (size_t i = input.options.size(); i-- > 0 && trials > 0;) {
    Input fewer = input;
    fewer.options.erase(fewer.options.begin() + long(i));
    --trials;
    if (runToEnd(fewer, setup, folder) == kind)
      input = fewer;
  }
  for (size_t size = input.bytes.size() / 2; size > 0; size /= 2)
    for (size_t begin = 0; begin < input.bytes.size() && trials > 0;) {
      Input shorter = input;
      shorter.bytes.erase(begin, size);
      --trials;
      if (runToEnd(shorter, setup, folder) == kind)
        input = shorter;
      else
        begin += size;
    }
}

/// A slot for runs, with a folder.
struct Slot {
  llvm::SmallString<128> folder;
  uint64_t seed = 0;
  bool isPatient = false;
  std::unique_ptr<Run> run;

  Slot() { llvm::sys::fs::createUniqueDirectory("lns-fuzz", folder); }
  ~Slot() { llvm::sys::fs::remove_directories(folder); }
};

/// What a message quotes may be any bytes.
std::string printable(StringRef text) {
  std::string result = text.str();
  for (char &c : result)
    if (!llvm::isPrint(c) && c != '\n')
      c = '?';
  return result;
}

void report(const Corpus &corpus, uint64_t seed, const std::string &kind,
            const Outcome &outcome, const Campaign &campaign) {
  llvm::outs() << "FAIL seed " << seed << ": " << kind << "\n"
               << printable(StringRef(outcome.output).take_front(600)) << "\n";
  llvm::outs().flush();
  Slot slot;
  Input input = corpus.make(seed);
  // Every trial could take all of the time that is given to what is slow.
  if (!outcome.timedOut)
    shrinkInput(input, kind, campaign.setup, std::string(slot.folder),
                campaign.trials);
  llvm::outs() << "repeat with 'lns-fuzz inputs --seed " << seed
               << " --count 1'; with options";
  for (const std::string &option : input.options)
    llvm::outs() << ' ' << option;
  llvm::outs() << " this is enough, as " << input.extension() << ":\n";
  llvm::printEscapedString(StringRef(input.bytes).take_front(1500),
                           llvm::outs());
  llvm::outs() << "\n(" << input.bytes.size() << " bytes)\n";
  llvm::outs().flush();
}

} // namespace

int lns::fuzz::fuzzInputs(const Campaign &campaign) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point start = Clock::now();
  auto elapsed = [&] {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  Corpus corpus;
  std::map<std::string, std::vector<uint64_t>> failures;
  std::vector<uint64_t> slow;
  uint64_t done = 0, compiled = 0, next = 0;
  std::deque<std::unique_ptr<Slot>> working, idle;
  for (uint64_t i = 0; i < campaign.jobs; ++i)
    idle.push_back(std::make_unique<Slot>());
  while (true) {
    bool mayStart = next < campaign.count &&
                    (!campaign.seconds || elapsed() < double(campaign.seconds));
    if (mayStart && !idle.empty()) {
      std::unique_ptr<Slot> slot = std::move(idle.front());
      idle.pop_front();
      slot->seed = campaign.seed + next++;
      slot->isPatient = false;
      slot->run = std::make_unique<Run>(corpus.make(slot->seed), campaign.setup,
                                        std::string(slot->folder));
      working.push_back(std::move(slot));
      continue;
    }
    if (working.empty())
      break;
    std::unique_ptr<Slot> slot = std::move(working.front());
    working.pop_front();
    if (!slot->run->poll(working.empty() ? 1000 : 1)) {
      working.push_back(std::move(slot));
      continue;
    }
    if (slot->run->outcome().timedOut && !slot->isPatient) {
      slow.push_back(slot->seed);
      slot->isPatient = true;
      slot->run.reset();
      slot->run = std::make_unique<Run>(corpus.make(slot->seed), campaign.setup,
                                        std::string(slot->folder), true);
      working.push_back(std::move(slot));
      continue;
    }
    std::string kind = slot->run->finish();
    ++done;
    compiled += slot->run->outcome().exitCode == 0;
    if (!kind.empty()) {
      std::vector<uint64_t> &seeds = failures[kind];
      seeds.push_back(slot->seed);
      if (seeds.size() <= 3)
        report(corpus, slot->seed, kind, slot->run->outcome(), campaign);
    }
    slot->run.reset();
    idle.push_back(std::move(slot));
  }
  llvm::outs() << done << " inputs, seeds " << campaign.seed << " to "
               << campaign.seed + next - 1 << "; " << compiled
               << " of them compile\n";
  if (!slow.empty()) {
    llvm::outs() << slow.size() << " took more than " << Limits().cpuSeconds
                 << " seconds: seeds";
    for (uint64_t seed : slow)
      llvm::outs() << ' ' << seed;
    llvm::outs() << '\n';
  }
  for (const auto &[kind, seeds] : failures) {
    llvm::outs() << seeds.size() << " FAILED: " << kind << ": seeds";
    for (uint64_t seed : seeds)
      llvm::outs() << ' ' << seed;
    llvm::outs() << '\n';
  }
  if (failures.empty())
    llvm::outs() << "0 failures\n";
  return !failures.empty();
}
