//===- conformance.cpp - Does a plan do what its model means? -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/unit/conformance/conformance.h"

#include "dialect/Register.h"
#include "passes/Passes.h"
#include "passes/Pipelines.h"
#include "tools/interpret/EntryPoint.h"

#include "mlir/IR/TypeUtilities.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include <algorithm>
#include <cstdlib>
#include <deque>

using namespace mlir;
using namespace lns;

static bool isCuda(const Case &test) {
  return llvm::StringRef(test.level) == "cuda";
}

std::vector<Case> lns::withAllSchemes(llvm::ArrayRef<Case> cases,
                                      const char *level) {
  std::vector<Case> all = cases.vec();
  if (!std::getenv("LNS_ALL_SCHEMES"))
    return all;
  static std::deque<std::string> names;
  for (NormScheme scheme : getNormSchemes())
    for (bool bf16 : {false, true}) {
      std::string &name = names.emplace_back("All_");
      for (char c : getName(scheme))
        name += c == '-' ? '_' : c;
      name += bf16 ? "_bf16" : "_f32";
      // A quarter of the blocks is another kind; branches open while it runs.
      bool isMix = scheme == NormScheme::Mix;
      bool opens = scheme == NormScheme::ProRes;
      all.push_back({name.c_str(), scheme, isMix ? kDeep : kGrouped, 2, 9,
                     level, bf16, true, 1, false,
                     opens ? "prores,T=4" : nullptr});
    }
  return all;
}

void Conformance::SetUp() {
  if (std::string(GetParam().level) == "x86-64-v3" &&
      !__builtin_cpu_supports("avx2"))
    GTEST_SKIP() << "this processor has no AVX2";
  DialectRegistry registry;
  registerDialects(registry);
  context.appendDialectRegistry(registry);
  training = makeTraining(GetParam().batch, GetParam().sequence,
                          GetParam().parts, GetParam().documents);
  ASSERT_TRUE(training);
  ASSERT_NO_FATAL_FAILURE(openPlan());
  ASSERT_NO_FATAL_FAILURE(setParameters());
}

OwningOpRef<ModuleOp> Conformance::makeTraining(int64_t batch, int64_t sequence,
                                                int64_t parts, bool documents) {
  OwningOpRef<ModuleOp> made = readModel();
  if (!made)
    return nullptr;
  PassManager manager(&context);
  InstantiateOptions options;
  options.batch = batch / parts;
  options.seq = sequence;
  options.documents = documents;
  options.diagnostics = hasDiagnostics();
  options.decode = decodes() ? batch : 0;
  buildGraphPipeline(manager, options);
  buildEliminationPipeline(manager, /*eliminate=*/true, GetParam().bf16);
  if (GetParam().bf16)
    buildMixedPrecisionPipeline(manager);
  buildTrainPipeline(manager, parts);
  if (failed(manager.run(*made)))
    return nullptr;
  return made;
}

OwningOpRef<ModuleOp> Conformance::readModel() {
  llvm::StringRef model = GetParam().model;
  if (model.ends_with(".mlir"))
    return parseSourceFile<ModuleOp>((LNS_TEST_MODELS "/" + model).str(),
                                     &context);
  HuggingFaceOptions options;
  options.norm.emplace().scheme = GetParam().norm;
  std::string error;
  if (GetParam().choice)
    options.norm = parseNormChoice(GetParam().choice, error);
  EXPECT_TRUE(options.norm) << error;
  return importHuggingFaceConfig(model, "test.json", options, &context);
}

/// Compiles a copy.
void Conformance::compile(ModuleOp trained, Plan &compiled) {
  OwningOpRef<ModuleOp> fused = trained.clone();
  PassManager manager(&context);
  if (isCuda(GetParam())) {
    buildCudaPreparePipeline(manager, /*keepWeights=*/true);
    buildCudaFusePipeline(manager, GetParam().fuseProducts);
  } else {
    buildFusePipeline(manager);
  }
  buildMemoryPipeline(manager);
  ASSERT_TRUE(succeeded(manager.run(*fused)));
  if (isCuda(GetParam())) {
    cuda::KernelLowering kernels(&context);
    ASSERT_TRUE(succeeded(buildCudaPlan(*fused, kernels, compiled)));
    return;
  }
  cpu::KernelLowering kernels(&context);
  ASSERT_TRUE(succeeded(buildPlan(*fused, kernels, compiled)));
  cpu::CodeLevel level;
  std::string error;
  ASSERT_TRUE(cpu::parseCodeLevel(GetParam().level, level, error)) << error;
  std::vector<std::vector<char>> objects;
  ASSERT_TRUE(
      succeeded(cpu::compileKernels(kernels.getModule(), level, objects)));
  compiled.code.push_back({level, std::move(objects[0])});
}

std::optional<lnsrt::Plan> Conformance::makePlan(ModuleOp trained) {
  Plan compiled;
  compile(trained, compiled);
  if (HasFatalFailure())
    return std::nullopt;
  std::vector<char> bytes;
  std::string error;
  EXPECT_TRUE(serializePlan(compiled, bytes, error)) << error;
  auto opened = lnsrt::Plan::openMemory(bytes.data(), bytes.size());
  EXPECT_TRUE(opened) << opened.status().message();
  if (!opened)
    return std::nullopt;
  return std::move(*opened);
}

void Conformance::openPlan() {
  plan = makePlan(*training);
  ASSERT_TRUE(plan);
  EXPECT_EQ(plan->info().documents, GetParam().documents);
  ASSERT_NO_FATAL_FAILURE(makeSession(2));
}

std::optional<lnsrt::Session>
Conformance::makeSessionOf(const lnsrt::Plan &other) {
  lnsrt::SessionOptions options;
  options.threads = 2;
  options.device = isCuda(GetParam()) ? "cuda" : "cpu";
  auto created = lnsrt::Session::create(other, options);
  EXPECT_TRUE(created) << created.status().message();
  if (!created || !created->setStepsDone(getStepsDone()))
    return std::nullopt;
  for (size_t i = 0; i < other.tensorCount(); ++i) {
    const interpret::Tensor &value =
        *environment[other.tensorInfo(i)->name].value;
    std::vector<float> data(value.values.begin(), value.values.end());
    EXPECT_TRUE(created->write(LNSRT_PARAMETER, i, data.data(), data.size()));
  }
  return std::move(*created);
}

void Conformance::makeSession(unsigned threads) {
  lnsrt::SessionOptions options;
  options.threads = threads;
  options.device = isCuda(GetParam()) ? "cuda" : "cpu";
  auto created = lnsrt::Session::create(*plan, options);
  ASSERT_TRUE(created) << created.status().message();
  session.emplace(std::move(*created));
  ASSERT_TRUE(session->setStepsDone(getStepsDone()));
}

uint64_t Conformance::getStepsDone() {
  return GetParam().choice &&
                 llvm::StringRef(GetParam().choice).contains("prores")
             ? 5
             : 0;
}

/// The same random parameters on both sides: gains around one, matrices of a
/// size that keeps activations near one.
void Conformance::setParameters() {
  ASSERT_TRUE(succeeded(interpret::declareParameters(*training, environment)));
  environment.stepsDone = double(getStepsDone());
  ASSERT_EQ(plan->tensorCount(), environment.size());
  for (size_t i = 0; i < plan->tensorCount(); ++i) {
    lnsrt::TensorInfo info = *plan->tensorInfo(i);
    auto normal = interpret::makeNormal(llvm::ArrayRef(info.shape, info.rank),
                                        /*seed=*/3, /*stream=*/i);
    bool isGain = std::string(info.role) == "gain";
    // Vectors of nGPT stand for 1 where they are what they start from: with
    // larger ones its scores would be so far apart that one token has them all.
    double mean = isGain ? 1 : 0;
    if (isGain && GetParam().norm == NormScheme::NGpt)
      if (auto start =
              training->lookupSymbol<ParameterOp>(info.name).getInitValue())
        mean = start->convertToDouble();
    // A number that is added to all elements must leave them their say.
    double deviation = isGain || info.elements == 1
                           ? 0.2
                           : 0.7 / std::sqrt(double(info.shape[info.rank - 1]));
    std::vector<float> data;
    auto value = std::make_shared<interpret::Tensor>(*normal);
    for (double &x : value->values) {
      data.push_back(
          float(isGain ? mean * (1 + deviation * x) : deviation * x));
      x = data.back();
    }
    ASSERT_TRUE(session->write(LNSRT_PARAMETER, i, data.data(), data.size()));
    environment[info.name].value = value;
  }
  int64_t count = GetParam().batch * GetParam().sequence;
  auto text =
      interpret::makeRandomTokens({count + 1}, plan->info().vocabulary, 5, 0);
  auto slice = [&](int64_t from, std::vector<int32_t> &out) {
    auto tensor =
        interpret::makeTokens({GetParam().batch, GetParam().sequence});
    for (int64_t i = 0; i < count; ++i) {
      tensor->tokens[i] = text->tokens[from + i];
      out.push_back(static_cast<int32_t>(tensor->tokens[i]));
    }
    return tensor;
  };
  tokenTensor = slice(0, tokens);
  targetTensor = slice(1, targets);
  if (GetParam().documents)
    setStarts();
  if (GetParam().ignores)
    ignore([](int64_t i) { return i < GetParam().sequence || i % 3 == 0; });
  atFirst = rounded = environment;
}

void Conformance::reset() {
  environment = rounded = atFirst;
  undecided.clear();
  ASSERT_NO_FATAL_FAILURE(makeSession(2));
  restoreParameters();
}

/// Of one token and of several tiles, and others in each row.
void Conformance::setStarts() {
  constexpr int64_t kLengths[] = {3, 1, 5, 1, 1, 29, 2, 16};
  auto tensor = interpret::makeTokens({GetParam().batch, GetParam().sequence});
  size_t next = 0;
  for (int64_t row = 0; row < GetParam().batch; ++row)
    for (int64_t time = 0, start = 0, end = 0; time < GetParam().sequence;
         ++time) {
      if (time == end) {
        start = time;
        end += kLengths[next++ % std::size(kLengths)];
      }
      tensor->tokens[row * GetParam().sequence + time] = start;
      starts.push_back(static_cast<int32_t>(start));
    }
  startsTensor = tensor;
}

void Conformance::ignore(llvm::function_ref<bool(int64_t)> isIgnored) {
  auto tensor = std::make_shared<interpret::Tensor>(*targetTensor);
  for (int64_t i = 0; i < tensor->size(); ++i)
    if (isIgnored(i))
      tensor->tokens[i] = targets[i] = LNSRT_IGNORED_TARGET;
  targetTensor = tensor;
}

void Conformance::restoreParameters() {
  for (size_t i = 0; i < plan->tensorCount(); ++i) {
    const interpret::Tensor &value =
        *environment[plan->tensorInfo(i)->name].value;
    std::vector<float> data(value.values.begin(), value.values.end());
    ASSERT_TRUE(session->write(LNSRT_PARAMETER, i, data.data(), data.size()));
  }
}

Conformance::Reference
Conformance::interpretEntry(llvm::StringRef name,
                            llvm::ArrayRef<interpret::TensorRef> arguments) {
  auto function = training->lookupSymbol<func::FuncOp>(name);
  auto run = [&](interpret::Environment &state, interpret::Rounding rounding) {
    llvm::SmallVector<interpret::TensorRef> results;
    if (!function || failed(interpret::Interpreter(state, rounding)
                                .run(function, arguments, results)))
      return interpret::TensorRef();
    return results.front();
  };
  Reference result;
  result.exact = run(environment, interpret::Rounding::None);
  result.rounded = result.exact;
  if (GetParam().bf16)
    result.rounded = run(rounded, interpret::Rounding::Bf16);
  if (!result.rounded)
    result.exact = nullptr;
  return result;
}

void Conformance::expectNear(const std::vector<float> &ours,
                             const Reference &reference, double tolerance,
                             llvm::StringRef what, double slack,
                             bool isConditioned) {
  const std::vector<double> &exact = reference.exact->values;
  ASSERT_EQ(ours.size(), exact.size());
  double rounding = distance(reference.rounded->values, exact);
  EXPECT_LE(distance(ours, exact), slack * rounding + tolerance)
      << what.str() << ", rounding alone gives " << rounding;
  if (GetParam().bf16 && isConditioned)
    EXPECT_LE(distance(ours, exact), 2 * std::sqrt(countRoundings()) * kUnit)
        << what.str();
}

/// R: the bf16 tensors of @grads, or of what it repeats.
double Conformance::countRoundings() {
  unsigned count = 0;
  for (StringRef name : {"grads", "micro_grads"})
    if (auto function = training->lookupSymbol<func::FuncOp>(name))
      function.walk([&](Operation *op) {
        for (Type type : op->getResultTypes())
          count += getElementTypeOrSelf(type).isBF16();
      });
  return count;
}

void Conformance::expectLoss(double loss, const Reference &reference) {
  // One number: rounding may move it by chance by much less than it could.
  double exact = reference.exact->values[0];
  EXPECT_NEAR(loss / exact, 1.0, GetParam().bf16 ? kUnit : 1e-5);
}

bool Conformance::isUnseen(llvm::StringRef name) {
  constexpr double kNoise = 1e-10;
  const std::vector<double> &exact = environment[name.str()].gradient->values;
  double norm = 0;
  for (double x : exact)
    norm += x * x;
  return std::sqrt(norm) <= kNoise;
}

void Conformance::noteUndecided() {
  for (auto &[name, state] : environment) {
    const std::vector<double> &exact = state.gradient->values;
    const std::vector<double> &near = rounded[name].gradient->values;
    double noise = 0;
    for (size_t i = 0; i < exact.size(); ++i)
      noise += (exact[i] - near[i]) * (exact[i] - near[i]);
    noise = std::sqrt(noise / double(exact.size()));
    std::vector<bool> &marks = undecided[name];
    marks.resize(exact.size());
    for (size_t i = 0; i < exact.size(); ++i)
      if (std::abs(exact[i]) <= kSlack * noise)
        marks[i] = true;
  }
}

void Conformance::expectTensors(
    lnsrt_tensor_kind kind,
    interpret::TensorRef interpret::ParameterState::*member, double tolerance,
    double slack) {
  std::vector<double> ratios;
  // Rounded, a tensor of one element is compared with all others of its kind: a
  // sum over all tokens and columns is nearly zero now and then, and its error
  // is not. What cancels in it has no condition of about one, so that the
  // rounded result alone says how far it may be.
  std::vector<float> numbers;
  auto exactNumbers = interpret::makeTensor({0}),
       roundedNumbers = interpret::makeTensor({0});
  for (size_t i = 0; i < plan->tensorCount(); ++i) {
    lnsrt::TensorInfo info = *plan->tensorInfo(i);
    std::vector<float> ours(info.elements);
    ASSERT_TRUE(session->read(kind, i, ours.data(), ours.size()));
    Reference reference{environment[info.name].*member,
                        rounded[info.name].*member};
    // What AdamW makes of rounding alone is chance.
    if (isUnseen(info.name)) {
      reference.exact = interpret::makeTensor(reference.exact->shape);
      if (kind == LNSRT_GRADIENT)
        expectNear(ours, reference, tolerance, info.name, slack,
                   /*isConditioned=*/false);
      continue;
    }
    if (kind == LNSRT_PARAMETER && undecided.count(info.name)) {
      const std::vector<double> &exact = reference.exact->values;
      auto near = std::make_shared<interpret::Tensor>(*reference.rounded);
      for (size_t j = 0; j < exact.size(); ++j)
        if (undecided[info.name][j]) {
          ours[j] = float(exact[j]);
          near->values[j] = exact[j];
        }
      reference.rounded = near;
    }
    if (GetParam().bf16 && info.elements == 1) {
      numbers.push_back(ours[0]);
      exactNumbers->values.push_back(reference.exact->values[0]);
      roundedNumbers->values.push_back(reference.rounded->values[0]);
    } else {
      expectNear(ours, reference, tolerance, info.name, slack);
    }
    // Zeros on both sides would agree and show nothing.
    EXPECT_GT(distance(std::vector<float>(ours.size(), 0.0f),
                       reference.exact->values),
              0.5)
        << info.name;
    if (!GetParam().bf16)
      continue;
    const std::vector<double> &exact = reference.exact->values;
    ratios.push_back(distance(ours, exact) /
                     distance(reference.rounded->values, exact));
  }
  if (!GetParam().bf16)
    return;
  if (!numbers.empty())
    expectNear(numbers, {exactNumbers, roundedNumbers}, tolerance,
               "learned numbers", slack, /*isConditioned=*/false);
  auto median = ratios.begin() + int64_t(ratios.size() / 2);
  std::nth_element(ratios.begin(), median, ratios.end());
  EXPECT_LE(*median, kMedianSlack);
}

std::vector<std::vector<float>>
Conformance::readGradientsOf(lnsrt::Session &of) {
  // Plans of one model have the same parameters.
  std::vector<std::vector<float>> all(plan->tensorCount());
  for (size_t i = 0; i < all.size(); ++i) {
    all[i].resize(plan->tensorInfo(i)->elements);
    EXPECT_TRUE(of.read(LNSRT_GRADIENT, i, all[i].data(), all[i].size()));
  }
  return all;
}

//===----------------------------------------------------------------------===//
// What every device must show
//===----------------------------------------------------------------------===//

void Conformance::checkLogits() {
  // Those of parts are the interpreter's only one by one.
  if (GetParam().parts > 1)
    return;
  Reference reference = interpretEntry("logits", addStarts({tokenTensor}));
  ASSERT_TRUE(reference.exact);
  std::vector<float> logits(reference.exact->values.size());
  ASSERT_TRUE(session->logits(getBatch(), logits.data()));
  expectNear(logits, reference, 1e-5, "logits", kSlack);
}

void Conformance::checkLoss() {
  Reference reference =
      interpretEntry("eval", addStarts({tokenTensor, targetTensor}));
  ASSERT_TRUE(reference.exact);
  auto loss = session->eval(getBatch());
  ASSERT_TRUE(loss);
  expectLoss(*loss, reference);
}

void Conformance::checkGradients() {
  Reference reference =
      interpretEntry("grads", addStarts({tokenTensor, targetTensor}));
  ASSERT_TRUE(reference.exact);
  auto loss = session->grads(getBatch());
  ASSERT_TRUE(loss);
  expectLoss(*loss, reference);
  expectTensors(LNSRT_GRADIENT, &interpret::ParameterState::gradient, 1e-4,
                kSlack);
}

void Conformance::checkThreeSteps() {
  interpret::OptimizerValues values;
  lnsrt::OptimizerOptions options;
  options.lr = float(values.lr);
  options.weight_decay = float(values.weightDecay);
  options.clip = float(values.clip);
  int done = int(getStepsDone());
  for (int step = done + 1; step <= done + 3; ++step) {
    environment.stepsDone = rounded.stepsDone = step - 1;
    auto arguments = addStarts({tokenTensor, targetTensor});
    arguments.push_back(interpret::makeOptimizer(values, step));
    Reference reference = interpretEntry("train_step", arguments);
    ASSERT_TRUE(reference.exact);
    if (GetParam().bf16)
      noteUndecided();
    options.step = step;
    auto result = session->trainStep(getBatch(), options);
    ASSERT_TRUE(result) << result.status().message();
    expectLoss(result->loss, reference);
  }
  expectTensors(LNSRT_PARAMETER, &interpret::ParameterState::value, 1e-4,
                kStepSlack);
  expectTensors(LNSRT_EXP_AVG, &interpret::ParameterState::expAvg, 1e-3,
                kSlack);
  expectTensors(LNSRT_EXP_AVG_SQ, &interpret::ParameterState::expAvgSq, 1e-3,
                kSlack);
}

// Without the interpreter: a loss is a mean over the targets that are not
// ignored, so those of two disjoint sets of targets, each weighted by its
// number, add up to that of both, and so do gradients. Whatever an ignored
// target left behind, or a count missed, would be in the sum.
void Conformance::checkIgnoredTargetsDoNotCount() {
  std::vector<int32_t> whole = targets;
  std::vector<std::vector<double>> sum;
  double sumOfLosses = 0;
  int64_t counted = 0, first = 0;
  for (int part : {0, 1}) {
    std::vector<int32_t> some = whole;
    int64_t count = 0;
    for (size_t i = 0; i < some.size(); ++i) {
      if ((i * i % 5 < 2) != (part == 0))
        some[i] = LNSRT_IGNORED_TARGET;
      count += some[i] != LNSRT_IGNORED_TARGET;
    }
    ASSERT_GT(count, 0);
    lnsrt::Batch batch = getBatch();
    batch.targets = some.data();
    auto loss = session->grads(batch);
    ASSERT_TRUE(loss) << loss.status().message();
    auto evaluated = session->eval(batch);
    ASSERT_TRUE(evaluated);
    EXPECT_NEAR(*evaluated / *loss, 1.0, GetParam().bf16 ? kUnit : 1e-6);
    sumOfLosses += *loss * double(count);
    std::vector<std::vector<float>> gradients = readGradients();
    sum.resize(gradients.size());
    for (size_t i = 0; i < gradients.size(); ++i) {
      sum[i].resize(gradients[i].size());
      for (size_t j = 0; j < gradients[i].size(); ++j)
        sum[i][j] += double(gradients[i][j]) * double(count);
    }
    counted += count;
    first = first ? first : count;
  }
  EXPECT_NE(2 * first, counted) << "equal weights would show nothing";
  auto loss = session->grads(getBatch());
  ASSERT_TRUE(loss);
  EXPECT_NEAR(sumOfLosses / double(counted) / *loss, 1.0, 2e-6);
  std::vector<std::vector<float>> gradients = readGradients();
  double bound =
      GetParam().bf16 ? 2 * std::sqrt(countRoundings()) * kUnit : 1e-5;
  // Together, as in expectTensors: a number that is nearly zero has the errors
  // of what it adds up.
  std::vector<float> numbers;
  std::vector<double> sumsOfNumbers;
  bool hasUnseen = environment.count("model.embed_positions.weight");
  if (hasUnseen)
    ASSERT_TRUE(
        interpretEntry("grads", addStarts({tokenTensor, targetTensor})).exact);
  for (size_t i = 0; i < gradients.size(); ++i) {
    for (double &x : sum[i])
      x /= double(counted);
    if (gradients[i].size() == 1) {
      numbers.push_back(gradients[i][0]);
      sumsOfNumbers.push_back(sum[i][0]);
      continue;
    }
    if (hasUnseen && isUnseen(plan->tensorInfo(i)->name))
      continue;
    EXPECT_LE(distance(gradients[i], sum[i]), bound)
        << plan->tensorInfo(i)->name;
  }
  // Their terms cancel, in each of the sums in another way.
  EXPECT_LE(distance(numbers, sumsOfNumbers), std::max(bound, 1e-4))
      << "learned numbers";
}

void Conformance::checkPlan() {
  llvm::SmallVector<Check> checks = {
      {"logits", &Conformance::checkLogits},
      {"loss", &Conformance::checkLoss},
      {"gradients", &Conformance::checkGradients},
      {"three steps", &Conformance::checkThreeSteps},
      {"ignored targets", &Conformance::checkIgnoredTargetsDoNotCount}};
  llvm::append_range(checks, getDeviceChecks());
  for (auto [name, check] : checks) {
    SCOPED_TRACE(name);
    ASSERT_NO_FATAL_FAILURE(reset());
    (this->*check)();
  }
}

// One test a model, since compiling one takes longer than all that is asked of
// it.
TEST_P(Conformance, Plan) { checkPlan(); }
