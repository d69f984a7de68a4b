//===- GenerateModel.cpp - Random legal models ----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A model is grown op by op from the values that are there. Half of the steps
// are blocks as people write them, a norm and what reads it, so that every
// pattern of every pass has something to match; the others are single ops on
// any values of the right width, one value twice over included, so that it is
// matched where nobody thought of it.
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Case.h"
#include "test/fuzz/Generator.h"

#include "llvm/ADT/STLExtras.h"

using namespace lns::fuzz;
using llvm::SmallVector;

std::string Generator::run() {
  chooseSizes();
  // In one model in four every linear and every LayerNorm has a bias, in
  // another none.
  biasPercent = random.pick({0, 25, 25, 100});
  sharePercent = random.pick({0, 20, 20, 60});
  oddPercent = random.pick({0, 0, 3, 10});
  emit("lns.model @m(%tokens: tensor<?x?xi32>) {");
  ++indent;
  int64_t streams = random.percent(80) ? 1 : 2;
  for (int64_t i = 0; i < streams; ++i)
    embed();
  if (random.percent(25))
    addPositions();
  int64_t parts = isDeep ? 1 + random.below(2) : 1 + random.below(4);
  for (int64_t i = 0; i < parts; ++i) {
    if (i == 0 && random.percent(10))
      norm(anyValue());
    if ((isDeep && i == 0) || random.percent(60))
      layers();
    else
      step();
  }
  Value logits = finish(head());
  emit("lns.output %" + logits.name + " : " + logits.type());
  --indent;
  emit("}");
  return std::move(text);
}

Value Generator::feedForward(const Value &x) {
  int64_t inner = random.percent(60) ? anyWidth() : 1 + random.below(40);
  if (random.percent(40))
    return linear(activation(linear(x, inner)), x.width);
  Value g = linear(x, inner);
  Value u = random.percent(10) ? g : linear(x, inner);
  return linear(gate(g, u), x.width);
}

Value Generator::block(const Value &x) {
  Value inner = random.percent(85) ? norm(x) : x;
  Value branch = inner;
  if (random.percent(50)) {
    branch = attention(inner);
    if (branch.width != x.width || random.percent(80))
      branch = linear(branch, x.width);
  } else {
    branch = feedForward(inner);
  }
  if (random.percent(15))
    branch = norm(branch);
  Value sum = random.percent(85) ? residual(x, branch) : branch;
  // Attention and feed-forward of one norm, side by side.
  if (random.percent(6))
    sum = residual(sum, feedForward(inner));
  return random.percent(12) ? norm(sum) : sum;
}

void Generator::step() {
  if (random.percent(50)) {
    block(anyValue());
    return;
  }
  Value x = anyValue();
  switch (random.below(13)) {
  case 12:
    throughHeads(x);
    return;
  case 0:
  case 1:
    norm(x);
    return;
  case 2:
  case 3:
    linear(x, anyWidth());
    return;
  case 4:
    activation(x);
    return;
  case 5:
    gate(x, *pickValue(x.width));
    return;
  case 6:
  case 7:
    residual(x, *pickValue(x.width));
    return;
  case 8:
    attention(x);
    return;
  case 9:
    if (x.width % 2 == 0)
      rope(x, x.width % 4 == 0 && random.percent(50) ? x.width / 2 : x.width);
    else
      residual(x, linear(x, x.width));
    return;
  case 10:
    if (!inLayers && random.percent(50))
      random.percent(50) ? embed() : addPositions();
    else
      residual(x, feedForward(x));
    return;
  default:
    if (random.percent(oddPercent ? 50 : 10))
      graphOp();
    else if (random.percent(10))
      parameter({anyWidth()}, "bias"); // that nothing reads, perhaps
    else
      residual(linear(x, x.width), x);
    return;
  }
}

void Generator::layers() {
  int64_t count = random.percent(75) ? 1 : 1 + random.below(3);
  SmallVector<Value> carried, arguments, results;
  for (int64_t i = 0; i < count; ++i)
    carried.push_back(anyValue());
  std::string list, types;
  int64_t number = counter++;
  for (auto [i, value] : llvm::enumerate(carried)) {
    std::string suffix = std::to_string(number) + "_" + std::to_string(i);
    arguments.push_back({"h" + suffix, value.width});
    list += (i ? ", %" : "%") + arguments[i].name + " = %" + value.name;
    types += (i ? ", " : "") + value.type();
  }
  std::string result = "%r" + std::to_string(number);
  int64_t layerCount = random.pick({1, 2, 2, 3, random.percent(20) ? 5 : 2});
  bool goesDeep = isDeep && !wentDeep;
  if (goesDeep)
    layerCount = random.pick({8, 12, 16, 24, 33, 48, 64});
  wentDeep |= goesDeep;
  std::string depth = std::to_string(layerCount);
  // Types for some, or fewer that repeat.
  blockTypes.clear();
  std::string names;
  if (random.percent(35)) {
    bool repeats = random.percent(60);
    int64_t named = repeats ? 1 + random.below(layerCount) : layerCount;
    for (int64_t i = 0; i < named; ++i) {
      blockTypes.push_back(random.pick({"local", "full", "other"}));
      names += (i ? ", \"" : "\"") + blockTypes.back() + "\"";
    }
    names = " types(" + names + (repeats ? ", ...)" : ")");
  }
  // What is yielded beyond what is carried is known behind the body.
  size_t place = text.size();
  ++indent;
  inLayers = true;
  size_t outerValues = values.size(), outerParameters = parameters.size();
  values.append(arguments.begin(), arguments.end());
  int64_t steps = 1 + random.below(!goesDeep && random.percent(30) ? 6 : 2);
  for (int64_t i = 0; i < steps; ++i) {
    if (i < count && random.percent(50))
      block(arguments[i]);
    else
      step();
  }
  std::string yielded;
  for (const Value &argument : arguments) {
    Value value = *pickValue(argument.width);
    yielded += (yielded.empty() ? "%" : ", %") + value.name;
  }
  std::string yieldedTypes = types;
  SmallVector<int64_t> resultWidths;
  for (const Value &value : carried)
    resultWidths.push_back(value.width);
  if (random.percent(15)) {
    Value value = anyValue();
    yielded += ", %" + value.name;
    yieldedTypes += ", " + value.type();
    resultWidths.push_back(value.width);
  }
  emit("lns.yield " + yielded + " : " + yieldedTypes);
  inLayers = false;
  blockTypes.clear();
  values.truncate(outerValues);
  parameters.truncate(outerParameters);
  --indent;
  emit("}");
  size_t resultCount = resultWidths.size();
  bool isOne = resultCount == 1;
  std::string header =
      result + (isOne ? "" : ":" + std::to_string(resultCount)) +
      " = lns.layers(" + list + ") depth(" + depth + ")" + names + " : " +
      types +
      (resultCount > carried.size() ? " -> (" + yieldedTypes + ")" : "") +
      " {\n";
  text.insert(place, std::string(2 * indent, ' ') + header);
  for (auto [i, width] : llvm::enumerate(resultWidths))
    values.push_back(
        {result.substr(1) + (isOne ? "" : "#" + std::to_string(i)), width});
}

Value Generator::finish(Value logits) {
  if (random.percent(90))
    return logits;
  switch (random.below(7)) {
  case 6:
    return define(vocabulary, "lns.softcap %" + logits.name + " cap(" +
                                  printNumber(random.pick({1.0, 30.0})) +
                                  ") : " + logits.type());
  case 5: {
    // A linear of heads may have made them wider than the tables.
    Value through = throughHeads(logits);
    return through.width == vocabulary ? through : linear(through, vocabulary);
  }
  case 0:
    return norm(logits);
  case 1:
    return residual(logits, logits);
  case 2:
    return activation(logits);
  case 3:
    return residual(logits, linear(norm(logits), vocabulary));
  default:
    return define(vocabulary, "lns.scale %" + logits.name + " factor(" +
                                  printNumber(anyScale()) +
                                  ") : " + logits.type());
  }
}

Value Generator::head() {
  Value x = anyValue();
  // No head at all: a hidden state of the vocabulary's width.
  if (const Value *logits = pickValue(vocabulary))
    if (random.percent(5))
      return *logits;
  if (random.percent(70))
    x = norm(x);
  for (const Parameter &known : SmallVector<Parameter>(parameters))
    if (known.shape.size() == 2 && known.shape[0] == vocabulary &&
        random.percent(50)) {
      // Tied.
      if (known.shape[1] != x.width)
        x = linear(x, known.shape[1]);
      Value result{"", vocabulary};
      return define(vocabulary, "lns.linear %" + x.name + ", %" + known.name +
                                    " : (" + x.type() + ", " + known.type() +
                                    ") -> " + result.type());
    }
  return linear(x, vocabulary);
}

/// Whether no token changes what those before it see.
static bool isCausal(llvm::StringRef model) {
  while (!model.empty()) {
    auto [line, rest] = model.split('\n');
    if (line.contains("lns.attention") && !line.contains(" causal"))
      return false;
    model = rest;
  }
  return true;
}

Case lns::fuzz::generateCase(uint64_t seed) {
  Random random(seed);
  Case test;
  test.sequence = random.pick({1, 2, 3, 5, 7, 8, 8, 12, 16, 17});
  test.batch = test.sequence > 8 ? 1 + random.below(2) : 1 + random.below(4);
  if (test.batch > 1 && random.percent(20))
    test.microBatch = test.batch % 2 == 0 && random.percent(50) ? 2 : 1;
  if (random.percent(3)) {
    test.sequence = random.pick({31, 33, 64, 65, 100});
    test.batch = 1;
    test.microBatch = 0;
  }
  if (random.percent(25))
    test.ignored = random.pick({10, 50, 95});
  test.padding = random.percent(75);
  test.elimination = random.percent(85);
  test.productFusion = random.percent(80);
  test.keptWeights = random.percent(80);
  if (random.percent(15))
    test.budget = 70 + random.below(31);
  test.native = random.percent(20);
  // Half of the time is the compiler's; this plan is there for one comparison.
  test.norms = test.elimination && random.percent(33);
  test.initialized = random.percent(25);
  test.data = 1 + random.below(1000000);
  test.model = Generator(random, test.sequence).run();
  // Last, so that a seed is the model that it was before there was this.
  test.decode = test.budget == 0 && isCausal(test.model) && random.percent(30);
  return test;
}
