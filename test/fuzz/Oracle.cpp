//===- Oracle.cpp - Is all well with this model? --------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Oracle.h"

#include "dialect/LnsOps.h"
#include "dialect/Register.h"
#include "test/fuzz/PlanRun.h"
#include "test/fuzz/Random.h"
#include "test/fuzz/Reference.h"
#include "tools/interpret/RandomInputs.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace lns;
using llvm::ArrayRef;
using llvm::SmallVector;
using llvm::StringRef;
using namespace lns::fuzz;

namespace {

/// How many times the noise an error may be. A bf16 plan rounds what the noise
/// rounds. In f32 sums have an order, and roundings of their own, that the
/// noise, which rounds what ops give, does not see.
constexpr double kSlack[] = {64, 8};
/// What an error may be beside it, relative to the tensor.
constexpr double kFloor[] = {2e-6, 1e-3};
/// Below the smallest normal number of f32 all may be lost.
constexpr double kTiny = 1e-36;
/// Samples of the noise, and how many there are behind a difference.
constexpr unsigned kSamples = 6, kManySamples = 40;
/// Data that a difference has to come again with.
constexpr uint64_t kOtherData[] = {11, 23, 37, 41};

struct Variant {
  const char *name;
  bool cuda, bf16, elimination;
};
constexpr Variant kVariants[] = {{"cpu f32", false, false, true},
                                 {"cpu bf16", false, true, true},
                                 {"cpu bf16 with norms", false, true, false},
                                 {"cuda f32", true, false, true},
                                 {"cuda bf16", true, true, true}};

/// What parameters and tokens make of a case.
struct Data {
  interpret::Environment environment;
  interpret::TensorRef tokens, targets;
  std::vector<int32_t> tokenList, targetList;
  Expectations expectations;
};

class Oracle {
public:
  Oracle(const Case &test, const Setup &setup)
      : test(test), setup(setup),
        context(mlir::MLIRContext::Threading::DISABLED), reference(context) {
    DialectRegistry registry;
    registerDialects(registry);
    context.appendDialectRegistry(registry);
  }

  Verdict run() {
    if (compileAll() && checkReference())
      for (Compiled &compiled : plans)
        if (!checkPlan(compiled))
          break;
    if (verdict.kind.empty())
      compareElimination();
    return std::move(verdict);
  }

private:
  struct Compiled {
    const Variant *variant;
    std::unique_ptr<PlanRun> run;
  };
  using DialectRegistry = mlir::DialectRegistry;

  bool fail(std::string kind, std::string detail) {
    verdict.kind = std::move(kind);
    verdict.detail = std::move(detail);
    return false;
  }

  //===--- Compiling ---===//

  /// Runs lnsc. True if it wrote a plan, or `refusal` is allowed and has what
  /// it said.
  bool compile(const Variant &variant, const std::string &path,
               ArrayRef<std::string> more, std::string *refusal = nullptr) {
    std::string input = setup.folder + "/model.mlir";
    std::vector<std::string> arguments = {setup.lnsc, input, "-o", path,
                                          "--threads=2"};
    arguments.push_back(variant.bf16 ? "--dtype=bf16" : "--dtype=f32");
    if (variant.cuda) {
      arguments.push_back("--target=cuda");
      if (!test.productFusion)
        arguments.push_back("--disable-product-fusion");
      if (!test.keptWeights)
        arguments.push_back("--disable-kept-weights");
    } else {
      arguments.push_back(test.native ? "--cpu=native" : "--cpu=x86-64-v3");
    }
    for (const std::string &option : test.options())
      arguments.push_back(option);
    if (!variant.elimination)
      arguments.push_back("--disable-norm-elimination");
    arguments.insert(arguments.end(), more.begin(), more.end());
    Outcome outcome = runProgram(arguments, Limits());
    if (outcome.exitCode == 0)
      return true;
    std::string name = std::string("lnsc, ") + variant.name + ": ";
    if (outcome.crashed() || outcome.timedOut || outcome.exitCode != 1)
      return fail(name + describe(outcome), outcome.output);
    if (!refusal)
      return fail(name + "refuses the model", outcome.output);
    *refusal = outcome.output;
    return true;
  }

  bool compileAll() {
    std::error_code code;
    llvm::raw_fd_ostream file(setup.folder + "/model.mlir", code);
    file << test.model;
    file.close();
    if (code)
      return fail("no temporary files", code.message());
    for (const Variant &variant : kVariants) {
      if ((variant.cuda && !test.cuda) ||
          (!variant.elimination && !(test.elimination && test.norms)))
        continue;
      auto run = std::make_unique<PlanRun>();
      std::string path =
          setup.folder + "/" + std::to_string(&variant - kVariants) + ".plan";
      // There are models that only the CPU has kernels for, and lnsc says so.
      std::string refusal;
      if (!compile(variant, path, {}, variant.cuda ? &refusal : nullptr))
        return false;
      if (StringRef(refusal).contains("compile for the CPU")) {
        verdict.refused = true;
        continue;
      }
      if (!refusal.empty())
        return fail(std::string("lnsc, ") + variant.name +
                        ": refuses the model",
                    refusal);
      if (!open(variant, *run, path))
        return false;
      if (test.budget && !compileWithBudget(variant, *run, path))
        return false;
      plans.push_back({&variant, std::move(run)});
      ++verdict.plans;
    }
    return true;
  }

  bool open(const Variant &variant, PlanRun &run, const std::string &path) {
    std::string error = run.open(path, variant.cuda);
    if (error.empty())
      return true;
    return fail(std::string("the runtime refuses the plan, ") + variant.name,
                error);
  }

  /// Makes `run` one of a plan with less memory, if there is one.
  bool compileWithBudget(const Variant &variant, PlanRun &run,
                         const std::string &path) {
    auto memory = run.getPlan().deviceMemory(variant.cuda ? "cuda" : "cpu", 2);
    if (!memory)
      return fail("no memory of a plan", memory.status().message());
    uint64_t budget = memory->total * uint64_t(test.budget) / 100;
    std::string refusal;
    if (!compile(variant, path, {"--memory-budget=" + std::to_string(budget)},
                 &refusal))
      return false;
    if (!refusal.empty()) {
      verdict.refused = true;
      if (StringRef(refusal).contains("budget"))
        return true;
      return fail(std::string("lnsc, ") + variant.name +
                      ": refuses the model with a budget",
                  refusal);
    }
    if (!open(variant, run, path))
      return false;
    memory = run.getPlan().deviceMemory(variant.cuda ? "cuda" : "cpu", 2);
    if (memory && memory->total <= budget)
      return true;
    return fail(std::string("over the memory budget, ") + variant.name,
                std::to_string(memory ? memory->total : 0) + " of " +
                    std::to_string(budget) + " bytes");
  }

  //===--- Data ---===//

  bool checkReference() {
    if (failed(reference.read(test)))
      return fail("the reference cannot be made", "see above");
    if (!makeData(first, test.data))
      return false;
    std::string wrong = reference.checkGradients(
        first.environment, first.tokens, first.targets, first.expectations);
    return wrong.empty() || fail("the reference's gradients", wrong);
  }

  bool makeData(Data &data, uint64_t seed, unsigned samples = kSamples) {
    data.environment = reference.declare();
    interpret::randomizeParameters(data.environment, seed, /*moments=*/false);
    for (auto &[name, state] : data.environment) {
      auto rounded = std::make_shared<interpret::Tensor>(*state.value);
      for (double &value : rounded->values)
        value = float(value);
      state.value = rounded;
    }
    if (test.initialized) {
      std::string error = plans.front().run->begin(1);
      if (error.empty())
        error = plans.front().run->initialize(data.environment, seed);
      if (!error.empty())
        return fail("no initial parameters", error);
    }
    SmallVector<int64_t> shape = {test.batch, test.sequence};
    for (bool isTarget : {false, true}) {
      interpret::TensorRef &tensor = isTarget ? data.targets : data.tokens;
      tensor = interpret::makeRandomTokens(shape, reference.vocabulary(), seed,
                                           isTarget);
      if (isTarget) {
        // The first counts: of no target there is no mean.
        Random random(seed);
        auto some = std::make_shared<interpret::Tensor>(*tensor);
        for (int64_t &target : llvm::drop_begin(some->tokens))
          if (random.percent(test.ignored))
            target = kIgnoredTarget;
        tensor = some;
      }
      (isTarget ? data.targetList : data.tokenList)
          .assign(tensor->tokens.begin(), tensor->tokens.end());
    }
    data.expectations.clear();
    if (failed(reference.compute(data.environment, data.tokens, data.targets,
                                 samples, data.expectations)))
      return fail("the reference cannot be run", "see above");
    return true;
  }

  //===--- Comparing ---===//

  bool execute(Compiled &compiled, const Data &data, unsigned threads,
               Results &results) {
    std::string error = compiled.run->begin(threads);
    if (error.empty())
      error = compiled.run->write(data.environment);
    if (error.empty())
      error = compiled.run->compute(data.tokenList, data.targetList, results);
    return error.empty() ||
           fail(std::string("the plan does not run, ") + compiled.variant->name,
                error);
  }

  static double normOf(ArrayRef<double> values) {
    double sum = 0;
    for (double value : values)
      sum += value * value;
    return std::sqrt(sum);
  }

  /// The norm of all gradients together.
  static double gradientNorm(const Expectations &expectations) {
    double sum = 0;
    for (const auto &[name, tensor] : expectations)
      if (StringRef(name).starts_with("d "))
        sum += std::pow(normOf(tensor.exact->values), 2);
    return std::sqrt(sum);
  }

  /// What errors of a tensor are held against: its norm, or that of all
  /// gradients where it is zero. A gain of nothing but zeros makes the
  /// reference's products exact zeros, with no noise, where a plan may take (0
  /// + b) - b, rounded; a LayerNorm of two columns makes of its gradient what
  /// float64 leaves of a zero.
  static double sizeOf(StringRef name, const Expectation &tensor,
                       const Expectations &expectations) {
    constexpr double kLost = 1e-13;
    double size = normOf(tensor.exact->values);
    double all = gradientNorm(expectations);
    bool isLost = name.starts_with("d ") && size <= kLost * all;
    return size == 0 || isLost ? all : size;
  }

  /// What an error of a tensor may be; infinite where nothing can be said.
  static Distance limitOf(StringRef name, const Expectation &tensor, bool bf16,
                          const Expectations &expectations) {
    ArrayRef<double> exact = tensor.exact->values;
    double size = sizeOf(name, tensor, expectations);
    if (!(size < 1e30))
      return {INFINITY, INFINITY};
    double largest = 0;
    for (double value : exact)
      largest = std::max(largest, std::abs(value));
    if (size != normOf(exact))
      largest = size;
    const Distance &noise = tensor.noise[bf16];
    return {kSlack[bf16] * noise.euclidean + kFloor[bf16] * size + kTiny,
            kSlack[bf16] * noise.largest + kFloor[bf16] * largest + kTiny};
  }

  /// The first tensor that differs, or "". `why` says how.
  std::string findDifference(const Results &results,
                             const Expectations &expectations, bool bf16,
                             bool counts, std::string &why) {
    for (const auto &[name, values] : results) {
      const Expectation &tensor =
          expectations.at(name == "loss of grads" ? "loss" : name);
      Distance limit = limitOf(name, tensor, bf16, expectations);
      double size = normOf(tensor.exact->values);
      Distance error = distance<float>(values, tensor.exact->values);
      bool isVague = !(limit.euclidean <= 0.5 * size + kTiny);
      if (counts) {
        ++verdict.compared;
        verdict.vague[bf16] += isVague;
      }
      if (!std::isfinite(limit.euclidean) ||
          (error.euclidean <= limit.euclidean &&
           error.largest <= limit.largest))
        continue;
      llvm::raw_string_ostream(why) << llvm::format(
          "'%s' of norm %.4g is %.4g away, its noise is %.4g; "
          "largest element %.4g, noise %.4g",
          name.c_str(), size, error.euclidean, tensor.noise[bf16].euclidean,
          error.largest, tensor.noise[bf16].largest);
      return name;
    }
    return "";
  }

  /// Gradients of "d x" are one kind, so that a case can shrink.
  static std::string kindOf(StringRef tensor) {
    return tensor.starts_with("d ") ? "a gradient" : ("the " + tensor).str();
  }

  bool checkPlan(Compiled &compiled) {
    const Variant &variant = *compiled.variant;
    Results results;
    if (!execute(compiled, first, 2, results))
      return false;
    std::string why, name = findDifference(results, first.expectations,
                                           variant.bf16, true, why);
    if (!name.empty() && staysDifferent(compiled, results, name))
      return fail(kindOf(name) + " differs, " + variant.name, why);
    if (!verdict.kind.empty() || !checkStep(compiled, results))
      return false;
    if (variant.cuda)
      return true;
    Results alone;
    if (!execute(compiled, first, 1, alone))
      return false;
    return sameBits(results, alone) ||
           fail(std::string("threads change bits, ") + variant.name, "");
  }

  static bool sameBits(const Results &a, const Results &b) {
    for (const auto &[name, values] : a) {
      auto other = b.find(name);
      if (other == b.end() || other->second.size() != values.size() ||
          std::memcmp(values.data(), other->second.data(),
                      values.size() * sizeof(float)) != 0)
        return false;
    }
    return true;
  }

  /// Whether a difference is one with many samples of the noise and with other
  /// data.
  bool staysDifferent(Compiled &compiled, const Results &results,
                      const std::string &name) {
    Data again;
    if (!makeData(again, test.data, kManySamples))
      return false;
    std::string why;
    if (findDifference(results, again.expectations, compiled.variant->bf16,
                       false, why)
            .empty())
      return false;
    for (uint64_t seed : kOtherData) {
      Results others;
      if (!makeData(again, test.data + seed, 2 * kSamples) ||
          !execute(compiled, again, 2, others))
        return false;
      if (!findDifference(others, again.expectations, compiled.variant->bf16,
                          false, why)
               .empty())
        return true;
    }
    ++verdict.once;
    return false;
  }

  //===--- A step ---===//

  bool checkStep(Compiled &compiled, const Results &results) {
    std::string where = std::string(", ") + compiled.variant->name;
    interpret::OptimizerValues values;
    lnsrt::OptimizerOptions options;
    options.lr = float(values.lr);
    options.weight_decay = float(values.weightDecay);
    options.clip = float(values.clip);
    options.step = kStepsDone + 1;
    Results stepped;
    std::string error = compiled.run->begin(2);
    if (error.empty())
      error = compiled.run->write(first.environment);
    if (error.empty())
      error = compiled.run->step(first.tokenList, first.targetList, options,
                                 stepped);
    if (!error.empty())
      return fail("no step" + where, error);

    interpret::Environment state = first.environment;
    for (auto &[name, parameter] : state) {
      const std::vector<float> &ours = results.at("d " + name);
      const std::vector<float> &theirs = stepped.at("d " + name);
      if (std::memcmp(ours.data(), theirs.data(),
                      ours.size() * sizeof(float)) != 0)
        return fail("a step has other gradients" + where, name);
      auto gradient = std::make_shared<interpret::Tensor>(*parameter.value);
      gradient->values.assign(ours.begin(), ours.end());
      for (double value : gradient->values)
        if (!std::isfinite(value) || std::abs(value) > 1e15)
          return true; // squares would overflow
      parameter.gradient = gradient;
    }
    double norm = 0;
    if (failed(reference.apply(
            state, interpret::makeOptimizer(values, kStepsDone + 1), norm)))
      return fail("the reference cannot be run", "see above");
    if (!(std::abs(stepped.at("norm")[0] - norm) <= 1e-5 * norm + 1e-30))
      return fail("the gradient's norm differs" + where,
                  std::to_string(stepped.at("norm")[0]) + ", expected " +
                      std::to_string(norm));
    for (auto &[name, parameter] : state)
      for (auto [prefix, tensor, scale] :
           {std::tuple("p ", parameter.value, values.lr),
            std::tuple("m ", parameter.expAvg, 0.0),
            std::tuple("v ", parameter.expAvgSq, 0.0)}) {
        const std::vector<float> &ours = stepped.at(prefix + name);
        for (size_t i = 0; i < ours.size(); ++i) {
          double exact = tensor->values[i];
          double limit = 2e-5 * scale + 1e-5 * std::abs(exact) + kTiny;
          if (!(std::abs(ours[i] - exact) <= limit))
            return fail("a step differs" + where,
                        prefix + name + "[" + std::to_string(i) + "] is " +
                            std::to_string(ours[i]) + ", expected " +
                            std::to_string(exact));
        }
      }
    return true;
  }

  //===--- Elimination ---===//

  Compiled *find(bool elimination) {
    for (Compiled &compiled : plans)
      if (!compiled.variant->cuda && compiled.variant->bf16 &&
          compiled.variant->elimination == elimination)
        return &compiled;
    return nullptr;
  }

  /// Adds the squares of both plans' errors to `sums`, by tensor; with the
  /// first, squares that the noise excuses.
  bool addErrors(Compiled &with, Compiled &without, const Data &data,
                 std::map<std::string, std::pair<double, double>> &sums) {
    Results ours, theirs;
    if (!execute(with, data, 2, ours) || !execute(without, data, 2, theirs))
      return false;
    for (const auto &[name, values] : ours) {
      const Expectation &tensor =
          data.expectations.at(name == "loss of grads" ? "loss" : name);
      ArrayRef<double> exact = tensor.exact->values;
      Distance limit = limitOf(name, tensor, /*bf16=*/true, data.expectations);
      if (!std::isfinite(limit.euclidean))
        continue;
      double size = sizeOf(name, tensor, data.expectations);
      double error = distance<float>(values, exact).euclidean;
      double other =
          std::max({distance<float>(theirs.at(name), exact).euclidean,
                    tensor.noise[1].euclidean, kFloor[1] * size, kTiny});
      sums[name].first += error * error;
      sums[name].second += other * other;
    }
    return true;
  }

  void compareElimination() {
    Compiled *with = find(true), *without = find(false);
    if (!with || !without)
      return;
    std::map<std::string, std::pair<double, double>> sums;
    if (!addErrors(*with, *without, first, sums))
      return;
    auto isWorse = [](const auto &entry) {
      return !(entry.second.first <= 4 * entry.second.second);
    };
    if (llvm::none_of(sums, isWorse))
      return;
    for (uint64_t seed : kOtherData) {
      Data more;
      if (!makeData(more, test.data + seed) ||
          !addErrors(*with, *without, more, sums))
        return;
    }
    for (const auto &entry : sums)
      if (isWorse(entry)) {
        std::string text;
        llvm::raw_string_ostream(text) << llvm::format(
            "'%s' is %.3g times as far from the reference as without",
            entry.first.c_str(),
            std::sqrt(entry.second.first / entry.second.second));
        fail("norms eliminated are worse in bf16", text);
        return;
      }
    ++verdict.once;
  }

  const Case &test;
  const Setup &setup;
  mlir::MLIRContext context;
  Reference reference;
  std::vector<Compiled> plans;
  Data first;
  Verdict verdict;
};

constexpr StringRef kMark = "\nlns-fuzz verdict: ";

/// In the child: prints the verdict behind all that is printed.
int printVerdict(const Case &test, const Setup &setup) {
  std::string library = setup.emulation + "/lib";
  setenv("LNSRT_CUDA_DRIVER", (library + "cuda-emu.so").c_str(), 1);
  setenv("LNSRT_NVRTC", (library + "nvrtc-emu.so").c_str(), 1);
  setenv("LNSRT_CUBLASLT", "none", 1);
  setenv("LNSRT_CACHE_DIR", setup.cache.c_str(), 1);
  Verdict verdict = Oracle(test, setup).run();
  llvm::outs() << kMark << verdict.compared << ' ' << verdict.vague[0] << ' '
               << verdict.vague[1] << ' ' << verdict.once << ' '
               << verdict.plans << ' ' << verdict.refused << '\n'
               << verdict.kind << '\n'
               << verdict.detail;
  llvm::outs().flush();
  return 0;
}

} // namespace

std::unique_ptr<Child> lns::fuzz::beginToJudge(const Case &test,
                                               const Setup &setup) {
  Limits limits;
  limits.cpuSeconds = 240;
  limits.wallSeconds = 1200;
  limits.memory = uint64_t(16) << 30;
  return std::make_unique<Child>([&] { return printVerdict(test, setup); },
                                 limits);
}

Verdict lns::fuzz::readVerdict(const Outcome &outcome) {
  Verdict verdict;
  size_t mark = outcome.output.rfind(kMark);
  if (outcome.exitCode != 0 || mark == std::string::npos) {
    verdict.kind = "the oracle ends: " + describe(outcome);
    verdict.detail = outcome.output;
    return verdict;
  }
  StringRef printed = StringRef(outcome.output).take_front(mark);
  auto [numbers, rest] =
      StringRef(outcome.output).drop_front(mark + kMark.size()).split('\n');
  llvm::SmallVector<StringRef> words;
  numbers.split(words, ' ');
  unsigned refused = 0;
  for (auto [word, number] : llvm::zip_first(
           words, std::array<unsigned *, 6>{
                      &verdict.compared, &verdict.vague[0], &verdict.vague[1],
                      &verdict.once, &verdict.plans, &refused}))
    word.getAsInteger(10, *number);
  verdict.refused = refused;
  auto [kind, detail] = rest.split('\n');
  verdict.kind = kind.str();
  verdict.detail = (printed.trim() + "\n" + detail).str();
  return verdict;
}

Verdict lns::fuzz::judge(const Case &test, const Setup &setup) {
  std::unique_ptr<Child> child = beginToJudge(test, setup);
  while (!child->poll(1000))
    ;
  return readVerdict(child->outcome);
}
