//===- GenerateParameters.cpp - Text, values and parameters of models -----===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What every op is made with: its line of the text, a width, the values to
// read, and parameters, which are declared, shared, or computed from others.
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Generator.h"

#include "llvm/ADT/StringRef.h"
#include <cstdio>
#include <iterator>

using namespace lns::fuzz;
using llvm::ArrayRef;
using llvm::SmallVector;

std::string lns::fuzz::printNumber(double number) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6e", number);
  return text;
}

//===--- Text ---===//

void Generator::emit(const std::string &line) {
  text.append(2 * indent, ' ');
  text += line + "\n";
}

Value Generator::define(int64_t width, const std::string &op) {
  Value value{"v" + std::to_string(counter++), width};
  emit("%" + value.name + " = " + op);
  values.push_back(value);
  return value;
}

std::string Generator::attributes(ArrayRef<std::string> list) {
  if (list.empty())
    return "";
  std::string joined = " {";
  for (const std::string &item : list)
    joined += (joined.size() > 2 ? ", " : "") + item;
  return joined + "}";
}

//===--- Sizes ---===//

void Generator::chooseSizes() {
  static constexpr int64_t kWidths[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,
                                        10, 12, 13, 16, 17, 20, 24, 30, 32,
                                        33, 36, 40, 47, 48, 64, 65};
  isDeep = random.percent(5);
  int64_t count = 1 + random.below(4);
  for (int64_t i = 0; i < count; ++i) {
    // Small ones more often: they are where a vector or tile ends.
    int64_t reach = isDeep || random.percent(70) ? 16 : std::size(kWidths);
    widths.push_back(kWidths[random.below(reach)]);
  }
  if (!isDeep && random.percent(4))
    widths.push_back(66 + random.below(235));
  vocabulary = random.pick({2, 3, 3, 5, 8, 16, 17, 31, 33, 64, 65, 100});
  if (random.percent(3))
    vocabulary = 1;
  else if (random.percent(3))
    vocabulary = 101 + random.below(900);
}

double Generator::anyScale() {
  return random.pick({0.5, 2.0, -1.0, 0.0, 1.0, -0.25, 0.001});
}

//===--- Values ---===//

const Value *Generator::pickValue(int64_t width) {
  SmallVector<const Value *> fitting;
  for (const Value &value : values)
    if (!width || value.width == width)
      fitting.push_back(&value);
  if (fitting.empty())
    return nullptr;
  size_t back = 0;
  while (back + 1 < fitting.size() && random.percent(35))
    ++back;
  return fitting[fitting.size() - 1 - back];
}

Value Generator::valueOf(int64_t width) {
  if (const Value *value = pickValue(width))
    return *value;
  return linear(anyValue(), width);
}

//===--- Parameters ---===//

std::string Generator::anyInit(bool isGain) {
  if (random.percent(isGain ? 60 : 15))
    return "ones";
  if (!isGain && random.percent(25))
    return "zeros";
  if (random.percent(20))
    return "constant, " + printNumber(random.pick({0.5, -0.25, 1.0}));
  return "normal, " + printNumber(random.pick({0.1, 0.3, 0.02}));
}

Parameter Generator::parameter(ArrayRef<int64_t> shape, const char *role) {
  SmallVector<Parameter> fitting;
  for (const Parameter &known : parameters)
    if (ArrayRef(known.shape) == shape)
      fitting.push_back(known);
  if (!fitting.empty() && random.percent(sharePercent)) {
    Parameter shared = random.pick<Parameter>(fitting);
    if (shared.declaration.empty())
      return shared;
    // Or the same once more, under the same name.
    bool isPerLayer = llvm::StringRef(shared.declaration).contains("{layer}");
    if (isPerLayer == inLayers && random.percent(25))
      return declare(shape, shared.declaration);
    return shared;
  }
  bool isGain = llvm::StringRef(role) == "gain";
  std::string name = "p" + std::to_string(counter);
  if (inLayers)
    name = "layers.{layer}." + name;
  std::string declaration =
      "lns.param \"" + name + "\" " + role + " init(" + anyInit(isGain) + ")";
  if (random.percent(15))
    declaration += random.percent(50) ? " decay(true)" : " decay(false)";
  for (const char *factor : {"lr_factor", "eps_factor", "decay_factor"})
    if (random.percent(4))
      declaration += " " + std::string(factor) + "(" +
                     printNumber(random.pick({0.25, 1.0, 3.0})) + ")";
  Parameter declared = declare(shape, declaration);
  return random.percent(oddPercent) ? compute(declared) : declared;
}

Parameter Generator::computed(ArrayRef<int64_t> shape, const std::string &op) {
  Parameter made{"c" + std::to_string(counter++),
                 SmallVector<int64_t, 2>(shape), ""};
  emit("%" + made.name + " = " + op);
  return made;
}

Parameter Generator::gainOf(int64_t width) {
  Parameter gain = parameter({width}, "gain");
  if (!random.percent(15))
    return gain;
  return computed({width}, "lns.offset %" + gain.name + " by(" +
                               printNumber(random.pick({1.0, -0.5})) +
                               ") : " + gain.type());
}

Parameter Generator::compute(const Parameter &x) {
  std::string name = "%" + x.name, type = x.type();
  int64_t width = x.shape.back();
  auto other = [&] {
    SmallVector<Parameter> same;
    for (const Parameter &known : parameters)
      if (known.shape == x.shape)
        same.push_back(known);
    return "%" + random.pick<Parameter>(same).name;
  };
  Parameter result = x;
  switch (random.below(13)) {
  case 12: {
    // A view of another parameter.
    int64_t rows = width % 2 == 0 ? 2 : 1;
    Parameter other = x.shape.size() == 2
                          ? parameter({x.shape[0] * width}, "bias")
                          : parameter({rows, width / rows}, "matrix");
    result = computed(x.shape, "lns.reshape %" + other.name + " : " +
                                   other.type() + " to " + type);
    break;
  }
  case 0:
    result = computed(x.shape, "lns.scale " + name + " factor(" +
                                   printNumber(anyScale()) + ") : " + type);
    break;
  case 1:
    result =
        computed(x.shape, "lns.add " + name + ", " + other() + " : " + type);
    break;
  case 2:
    result =
        computed(x.shape, "lns.residual " + name + ", " + other() +
                              " {branch_scale = " + printNumber(anyScale()) +
                              " : f64} : " + type);
    break;
  case 3:
    result = computed(x.shape, "lns.center_rows " + name + " : " + type);
    break;
  case 4:
    result = computed(x.shape, "lns.norm " +
                                   std::string(random.pick({"rms", "layer"})) +
                                   " " + name + " : " + type);
    break;
  case 5: {
    Parameter gain = parameter({width}, "gain");
    result = computed(x.shape, "lns.scale_columns " + name + ", %" + gain.name +
                                   " : " + type + ", " + gain.type());
    break;
  }
  case 6:
    result = computed(x.shape, "lns.activation " + anyActivation() + " " +
                                   name + " : " + type);
    break;
  case 7:
    result = computed(x.shape, "lns.gated_activation " + anyActivation() + " " +
                                   name + ", " + other() + " : " + type);
    break;
  case 8: {
    Parameter constant = computed(
        x.shape, "lns.constant " + printNumber(anyScale()) + " : " + type);
    result = computed(x.shape,
                      "lns.add " + name + ", %" + constant.name + " : " + type);
    break;
  }
  case 9:
    result = computed(x.shape, "lns.constant " +
                                   printNumber(random.pick({0.5, 1.0, 0.0})) +
                                   " : " + type);
    break;
  case 10: {
    // Low rank, on top or alone.
    int64_t inner = 1 + random.below(6);
    if (x.shape.size() != 2)
      break;
    Parameter a = parameter({x.shape[0], inner}, "matrix");
    Parameter b = parameter({width, inner}, "matrix");
    result =
        computed(x.shape, "lns.linear %" + a.name + ", %" + b.name + " : (" +
                              a.type() + ", " + b.type() + ") -> " + type);
    if (random.percent(50))
      result = computed(x.shape,
                        "lns.add " + name + ", %" + result.name + " : " + type);
    break;
  }
  default: {
    Parameter bias = parameter({width}, "bias");
    result = computed(x.shape, "lns.add_bias " + name + ", %" + bias.name +
                                   " : " + type + ", " + bias.type());
    break;
  }
  }
  if (random.percent(50))
    parameters.push_back(result);
  return result;
}

Parameter Generator::declare(ArrayRef<int64_t> shape,
                             const std::string &declaration) {
  Parameter made{"p" + std::to_string(counter++),
                 SmallVector<int64_t, 2>(shape), declaration};
  emit("%" + made.name + " = " + declaration + " : " + made.type());
  parameters.push_back(made);
  return made;
}
