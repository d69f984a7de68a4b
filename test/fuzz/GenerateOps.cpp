//===- GenerateOps.cpp - Random single ops on hidden states ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Each draws its own clauses and parameters. What blocks have no use for is a
// case of graphOp().
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Generator.h"

using namespace lns::fuzz;
using llvm::SmallVector;

Value Generator::norm(const Value &x) {
  bool isFunction = random.percent(15),
       isErf = isFunction && random.percent(40);
  bool isLayer = !isFunction && random.percent(40);
  bool hasGain = random.percent(75),
       hasBias = (isLayer || isFunction) && random.percent(2 * biasPercent);
  std::string op = std::string("lns.norm ") +
                   (isErf        ? "erf"
                    : isFunction ? "tanh"
                    : isLayer    ? "layer"
                                 : "rms") +
                   " %" + x.name;
  std::string types = " : " + x.type();
  for (bool isBias : {false, true}) {
    if (!(isBias ? hasBias : hasGain))
      continue;
    Parameter vector = isBias ? parameter({x.width}, "bias") : gainOf(x.width);
    op += isBias ? " bias(%" + vector.name + ")" : ", %" + vector.name;
    types += ", " + vector.type();
  }
  if (isFunction) {
    Parameter alpha = parameter({1}, "gain");
    op += " alpha(%" + alpha.name + ")";
    types += ", " + alpha.type();
    if (isErf) {
      Parameter shift = parameter({1}, "bias");
      op += " shift(%" + shift.name + ")";
      types += ", " + shift.type();
    }
  } else if (random.percent(50))
    op += " eps(" + printNumber(random.pick({1e-5, 1e-12, 1e-8, 1e-3, 1.0})) +
          ")";
  if (inLayers && random.percent(60))
    op += " depth_scale(inv_sqrt_depth)";
  else if (random.percent(15))
    op += " scale(" + printNumber(anyScale()) + ")";
  return define(x.width, op + types);
}

Value Generator::linear(const Value &x, int64_t width) {
  Parameter weight = parameter({width, x.width}, "matrix");
  std::string op = "lns.linear %" + x.name + ", %" + weight.name;
  std::string types = x.type() + ", " + weight.type();
  if (random.percent(4)) {
    Parameter gain = parameter({x.width}, "gain");
    op += " gain(%" + gain.name + ")";
    types += ", " + gain.type();
  }
  if (random.percent(biasPercent)) {
    Parameter bias = parameter({width}, "bias");
    op += " bias(%" + bias.name + ")";
    types += ", " + bias.type();
  }
  if (random.percent(8))
    op += " {alpha = " + printNumber(anyScale()) + " : f64}";
  Value result{"", width};
  return define(width, op + " : (" + types + ") -> " + result.type());
}

std::string Generator::anyActivation() {
  return random.pick({"silu", "gelu_tanh", "relu", "tanh", "gelu", "sigmoid",
                      "relu2", "erf", "abs"});
}

Value Generator::activation(const Value &x) {
  return define(x.width, "lns.activation " + anyActivation() + " %" + x.name +
                             " : " + x.type());
}

Value Generator::gate(const Value &g, const Value &u) {
  return define(g.width, "lns.gated_activation " + anyActivation() + " %" +
                             g.name + ", %" + u.name + " : " + g.type());
}

Value Generator::residual(const Value &skip, const Value &branch) {
  SmallVector<std::string> list;
  for (const char *name : {"skip_scale", "branch_scale"})
    if (random.percent(20))
      list.push_back(std::string(name) + " = " + printNumber(anyScale()) +
                     " : f64");
  return define(skip.width, "lns.residual %" + skip.name + ", %" + branch.name +
                                attributes(list) + " : " + skip.type());
}

Value Generator::embed() {
  int64_t rows = vocabulary;
  if (random.percent(10))
    rows += 1 + random.below(9);
  Parameter table = parameter({rows, anyWidth()}, "embedding");
  Value result{"", table.shape[1]};
  return define(result.width, "lns.embedding %" + table.name + ", %tokens : (" +
                                  table.type() + ", tensor<?x?xi32>) -> " +
                                  result.type());
}

Value Generator::addPositions() {
  Value x = anyValue();
  Parameter table =
      parameter({sequence + random.below(3), x.width}, "embedding");
  return define(x.width, "lns.add_positions %" + x.name + ", %" + table.name +
                             " : " + x.type() + ", " + table.type());
}

Value Generator::graphOp() {
  Value x = anyValue();
  std::string name = "%" + x.name;
  switch (random.below(17)) {
  case 11: {
    Parameter shift = parameter({1}, "bias");
    return define(x.width, "lns.shift_by " + name + ", %" + shift.name + " : " +
                               x.type() + ", " + shift.type());
  }
  case 12:
    return define(x.width, "lns.stop_gradient " + name + " : " + x.type());
  case 13: {
    // Half open, or all.
    std::string ramp = "%a" + std::to_string(counter++);
    emit(ramp + " = lns.ramp steps(" +
         printNumber(random.pick({1.0, 3.0, 7.5, 100.0})) + ")" +
         (inLayers && random.percent(60) ? " per_layer" : "") +
         " : tensor<1xf32>");
    return define(x.width, "lns.scale_by " + name + ", " + ramp + " : " +
                               x.type() + ", tensor<1xf32>");
  }
  case 14: {
    // Two values by their share.
    Parameter factors[] = {parameter({1}, "gain"), parameter({1}, "gain"),
                           parameter({1}, "bias")};
    std::string shares = "%f" + std::to_string(counter++);
    emit(shares + ":2 = lns.mix_factors %" + factors[0].name + ", %" +
         factors[1].name + ", %" + factors[2].name + " eps(" +
         printNumber(random.pick({1e-8, 1e-2})) + ") : tensor<1xf32>");
    Value other = *pickValue(x.width);
    Value a = define(x.width, "lns.scale_by " + name + ", " + shares +
                                  "#0 : " + x.type() + ", tensor<1xf32>");
    Value b = define(x.width, "lns.scale_by %" + other.name + ", " + shares +
                                  "#1 : " + x.type() + ", tensor<1xf32>");
    return define(x.width,
                  "lns.add %" + a.name + ", %" + b.name + " : " + x.type());
  }
  case 15:
    return define(x.width, "lns.softcap " + name + " cap(" +
                               printNumber(random.pick({0.5, 3.0, 30.0})) +
                               ") : " + x.type());
  case 16:
    return define(x.width, "lns.offset " + name + " by(" +
                               printNumber(anyScale()) + ") : " + x.type());
  case 9: {
    Parameter factor = parameter({1}, "gain");
    return define(x.width, "lns.scale_by " + name + ", %" + factor.name +
                               " : " + x.type() + ", " + factor.type());
  }
  case 10:
    return throughHeads(x);
  case 6: {
    // RMSNorm by hand, or with the rows of another value.
    Value from = anyValue();
    std::string factors = "r" + std::to_string(counter++);
    emit("%" + factors + " = lns.row_rstd %" + from.name + " eps(" +
         printNumber(random.pick({1e-6, 1e-2})) + ") : (" + from.type() +
         ") -> tensor<?x?xf32>");
    return define(x.width, "lns.row_scale " + name + ", %" + factors + " : " +
                               x.type() + ", tensor<?x?xf32>");
  }
  case 7: {
    int64_t width = anyWidth();
    bool isTransposed = random.percent(50);
    Parameter weight = isTransposed ? parameter({width, x.width}, "matrix")
                                    : parameter({x.width, width}, "matrix");
    Value result{"", width};
    return define(width, "lns.matmul " + name + ", %" + weight.name +
                             (isTransposed ? " transpose_b" : "") + " : (" +
                             x.type() + ", " + weight.type() + ") -> " +
                             result.type());
  }
  case 8: {
    // Through bf16, whatever the plan's type is.
    std::string narrow = "tensor<?x?x" + std::to_string(x.width) + "xbf16>";
    std::string rounded = "b" + std::to_string(counter++);
    emit("%" + rounded + " = lns.cast " + name + " : " + x.type() + " to " +
         narrow);
    if (random.percent(50)) {
      std::string active = "b" + std::to_string(counter++);
      emit("%" + active + " = lns.activation " + anyActivation() + " %" +
           rounded + " : " + narrow);
      rounded = active;
    }
    return define(x.width,
                  "lns.cast %" + rounded + " : " + narrow + " to " + x.type());
  }
  case 0:
    return define(x.width, "lns.add " + name + ", %" +
                               pickValue(x.width)->name + " : " + x.type());
  case 1:
    return define(x.width, "lns.scale " + name + " factor(" +
                               printNumber(anyScale()) + ") : " + x.type());
  case 2:
    return define(x.width, "lns.center_rows " + name + " : " + x.type());
  case 3: {
    Parameter bias = parameter({x.width}, "bias");
    return define(x.width, "lns.add_bias " + name + ", %" + bias.name + " : " +
                               x.type() + ", " + bias.type());
  }
  case 4: {
    Parameter gain = parameter({x.width}, "gain");
    return define(x.width, "lns.scale_columns " + name + ", %" + gain.name +
                               " : " + x.type() + ", " + gain.type());
  }
  default:
    return define(x.width,
                  "lns.cast " + name + " : " + x.type() + " to " + x.type());
  }
}
