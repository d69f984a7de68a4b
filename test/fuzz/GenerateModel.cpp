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
#include "test/fuzz/Random.h"

#include "llvm/ADT/SmallVector.h"
#include <numeric>

using namespace lns::fuzz;
using llvm::ArrayRef;
using llvm::SmallVector;

namespace {

/// A hidden state, [batch, time, width].
struct Value {
  std::string name;
  int64_t width;

  std::string type() const {
    return "tensor<?x?x" + std::to_string(width) + "xf32>";
  }
};

struct Parameter {
  std::string name; ///< of the SSA value
  SmallVector<int64_t, 2> shape;
  std::string declaration; ///< what is behind "%name = "

  std::string type() const {
    std::string text = "tensor<";
    for (int64_t extent : shape)
      text += std::to_string(extent) + "x";
    return text + "f32>";
  }
};

/// As the parser takes it: always with a point.
std::string printNumber(double number) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6e", number);
  return text;
}

class Generator {
public:
  Generator(Random &random, int64_t sequence)
      : random(random), sequence(sequence) {}

  std::string run() {
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

private:
  //===--- Text ---===//

  void emit(const std::string &line) {
    text.append(2 * indent, ' ');
    text += line + "\n";
  }

  /// "%vN = " + `op`, a new value of this width.
  Value define(int64_t width, const std::string &op) {
    Value value{"v" + std::to_string(counter++), width};
    emit("%" + value.name + " = " + op);
    values.push_back(value);
    return value;
  }

  static std::string attributes(ArrayRef<std::string> list) {
    if (list.empty())
      return "";
    std::string joined = " {";
    for (const std::string &item : list)
      joined += (joined.size() > 2 ? ", " : "") + item;
    return joined + "}";
  }

  //===--- Sizes ---===//

  void chooseSizes() {
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

  int64_t anyWidth() { return random.pick<int64_t>(widths); }

  double anyScale() {
    return random.pick({0.5, 2.0, -1.0, 0.0, 1.0, -0.25, 0.001});
  }

  //===--- Values ---===//

  /// One of the values that are there, newer ones more often; of a width, if
  /// one is given. Nothing where there is none.
  const Value *pickValue(int64_t width = 0) {
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
  Value anyValue() { return *pickValue(); }
  /// One of this width, made by a linear where there is none.
  Value valueOf(int64_t width) {
    if (const Value *value = pickValue(width))
      return *value;
    return linear(anyValue(), width);
  }

  //===--- Parameters ---===//

  std::string anyInit(bool isGain) {
    if (random.percent(isGain ? 60 : 15))
      return "ones";
    if (!isGain && random.percent(25))
      return "zeros";
    if (random.percent(20))
      return "constant, " + printNumber(random.pick({0.5, -0.25, 1.0}));
    return "normal, " + printNumber(random.pick({0.1, 0.3, 0.02}));
  }

  /// A new parameter, or one that is there already.
  Parameter parameter(ArrayRef<int64_t> shape, const char *role) {
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
    Parameter declared = declare(shape, declaration);
    return random.percent(oddPercent) ? compute(declared) : declared;
  }

  /// A value that is no parameter but stands for one: a table or vector that is
  /// computed from parameters, as a normalized or shared weight is.
  Parameter computed(ArrayRef<int64_t> shape, const std::string &op) {
    Parameter made{"c" + std::to_string(counter++),
                   SmallVector<int64_t, 2>(shape), ""};
    emit("%" + made.name + " = " + op);
    return made;
  }

  Parameter compute(const Parameter &x) {
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
      result = computed(
          x.shape, "lns.norm " + std::string(random.pick({"rms", "layer"})) +
                       " " + name + " : " + type);
      break;
    case 5: {
      Parameter gain = parameter({width}, "gain");
      result =
          computed(x.shape, "lns.scale_columns " + name + ", %" + gain.name +
                                " : " + type + ", " + gain.type());
      break;
    }
    case 6:
      result = computed(x.shape, "lns.activation " + anyActivation() + " " +
                                     name + " : " + type);
      break;
    case 7:
      result =
          computed(x.shape, "lns.gated_activation " + anyActivation() + " " +
                                name + ", " + other() + " : " + type);
      break;
    case 8: {
      Parameter constant = computed(
          x.shape, "lns.constant " + printNumber(anyScale()) + " : " + type);
      result = computed(x.shape, "lns.add " + name + ", %" + constant.name +
                                     " : " + type);
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
        result = computed(x.shape, "lns.add " + name + ", %" + result.name +
                                       " : " + type);
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

  Parameter declare(ArrayRef<int64_t> shape, const std::string &declaration) {
    Parameter made{"p" + std::to_string(counter++),
                   SmallVector<int64_t, 2>(shape), declaration};
    emit("%" + made.name + " = " + declaration + " : " + made.type());
    parameters.push_back(made);
    return made;
  }

  //===--- Ops ---===//

  Value norm(const Value &x) {
    bool isTanh = random.percent(15), isLayer = !isTanh && random.percent(40);
    bool hasGain = random.percent(75),
         hasBias = (isLayer || isTanh) && random.percent(2 * biasPercent);
    std::string op = std::string("lns.norm ") +
                     (isTanh    ? "tanh"
                      : isLayer ? "layer"
                                : "rms") +
                     " %" + x.name;
    std::string types = " : " + x.type();
    for (bool isBias : {false, true}) {
      if (!(isBias ? hasBias : hasGain))
        continue;
      Parameter vector = parameter({x.width}, isBias ? "bias" : "gain");
      op += isBias ? " bias(%" + vector.name + ")" : ", %" + vector.name;
      types += ", " + vector.type();
    }
    if (isTanh) {
      Parameter alpha = parameter({1}, "gain");
      op += " alpha(%" + alpha.name + ")";
      types += ", " + alpha.type();
    } else if (random.percent(50))
      op += " eps(" + printNumber(random.pick({1e-5, 1e-12, 1e-8, 1e-3, 1.0})) +
            ")";
    if (inLayers && random.percent(60))
      op += " depth_scale(inv_sqrt_depth)";
    else if (random.percent(15))
      op += " scale(" + printNumber(anyScale()) + ")";
    return define(x.width, op + types);
  }

  Value linear(const Value &x, int64_t width) {
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

  std::string anyActivation() {
    return random.pick(
        {"silu", "gelu_tanh", "relu", "tanh", "gelu", "sigmoid", "relu2"});
  }

  Value activation(const Value &x) {
    return define(x.width, "lns.activation " + anyActivation() + " %" + x.name +
                               " : " + x.type());
  }

  Value gate(const Value &g, const Value &u) {
    return define(g.width, "lns.gated_activation " + anyActivation() + " %" +
                               g.name + ", %" + u.name + " : " + g.type());
  }

  Value residual(const Value &skip, const Value &branch) {
    SmallVector<std::string> list;
    for (const char *name : {"skip_scale", "branch_scale"})
      if (random.percent(20))
        list.push_back(std::string(name) + " = " + printNumber(anyScale()) +
                       " : f64");
    return define(skip.width, "lns.residual %" + skip.name + ", %" +
                                  branch.name + attributes(list) + " : " +
                                  skip.type());
  }

  Value rope(const Value &x, int64_t headDim) {
    return define(x.width, anyRotation(x.name, headDim) + " : " + x.type());
  }

  std::string anyRotation(const std::string &name, int64_t headDim) {
    std::string op =
        "lns.rope %" + name + " head_dim(" + std::to_string(headDim) + ")";
    if (random.percent(10))
      op += " inverse";
    SmallVector<std::string> list;
    if (random.percent(30))
      list.push_back("base = " + printNumber(random.pick({10.0, 5e5, 0.5})) +
                     " : f64");
    if (random.percent(15)) {
      std::string frequencies = "frequencies = array<f64";
      for (int64_t i = 0; i < headDim / 2; ++i)
        frequencies += (i ? ", " : ": ") +
                       printNumber(double(random.below(64)) / 32 - 0.5);
      list.push_back(frequencies + ">");
    }
    return op + attributes(list);
  }

  //===--- Heads ---===//

  /// A value of this many heads, each of them a row of its own. They are of no
  /// use but to what makes them and joins them again.
  struct Heads {
    std::string name;
    int64_t count, width;

    std::string type() const {
      return "tensor<?x?x" + std::to_string(count) + "x" +
             std::to_string(width) + "xf32>";
    }
  };

  Heads defineHeads(int64_t count, int64_t width, const std::string &op) {
    Heads heads{"s" + std::to_string(counter++), count, width};
    emit("%" + heads.name + " = " + op);
    return heads;
  }
  /// The same in number and width, from an op of one operand's type.
  Heads sameHeads(const Heads &heads, const std::string &op,
                  const std::string &types = "") {
    return defineHeads(heads.count, heads.width,
                       op + " : " + heads.type() + types);
  }

  Heads split(const Value &x, int64_t count) {
    Heads heads{"", count, x.width / count};
    return defineHeads(heads.count, heads.width,
                       "lns.reshape %" + x.name + " : " + x.type() + " to " +
                           heads.type());
  }
  Value join(const Heads &heads) {
    Value result{"", heads.count * heads.width};
    return define(result.width, "lns.reshape %" + heads.name + " : " +
                                    heads.type() + " to " + result.type());
  }

  /// A norm of heads, mostly as models have it: RMS, with a gain for all heads.
  Heads norm(const Heads &heads) {
    bool isLayer = random.percent(20);
    std::string op = std::string("lns.norm ") + (isLayer ? "layer" : "rms") +
                     " %" + heads.name;
    std::string types;
    for (bool isBias : {false, true}) {
      if (!random.percent(isBias ? (isLayer ? 30 : 0) : 75))
        continue;
      Parameter vector = parameter({heads.width}, isBias ? "bias" : "gain");
      op += isBias ? " bias(%" + vector.name + ")" : ", %" + vector.name;
      types += ", " + vector.type();
    }
    if (random.percent(30))
      op += " eps(" + printNumber(random.pick({1e-5, 1e-12, 1e-3})) + ")";
    if (random.percent(10))
      op += " scale(" + printNumber(anyScale()) + ")";
    return sameHeads(heads, op, types);
  }

  /// A number for every head, from a linear or a value that is that wide.
  Heads gateOf(const Heads &heads) {
    Value factors = random.percent(60) ? linear(anyValue(), heads.count)
                                       : valueOf(heads.count);
    if (random.percent(50))
      factors = activation(factors);
    return sameHeads(heads,
                     "lns.row_scale %" + heads.name + ", %" + factors.name,
                     ", " + factors.type());
  }

  Heads onHeads(const Heads &heads) {
    std::string name = "%" + heads.name;
    switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
      return norm(heads);
    case 3:
    case 4:
      return gateOf(heads);
    case 5:
      return sameHeads(heads, "lns.activation " + anyActivation() + " " + name);
    case 6:
      if (heads.width % 2 == 0)
        return sameHeads(heads, anyRotation(heads.name, heads.width));
      return sameHeads(heads, "lns.center_rows " + name);
    case 7: {
      Parameter gain = parameter({heads.width}, "gain");
      return sameHeads(heads, "lns.scale_columns " + name + ", %" + gain.name,
                       ", " + gain.type());
    }
    case 8: {
      // One linear for all heads.
      Heads result{"", heads.count, 1 + random.below(8)};
      Parameter weight = parameter({result.width, heads.width}, "matrix");
      return defineHeads(result.count, result.width,
                         "lns.linear " + name + ", %" + weight.name + " : (" +
                             heads.type() + ", " + weight.type() + ") -> " +
                             result.type());
    }
    case 9: {
      // Heads of heads.
      SmallVector<int64_t> counts;
      for (int64_t count = 1; count <= heads.width; ++count)
        if (heads.width % count == 0)
          counts.push_back(count);
      int64_t count = random.pick<int64_t>(counts);
      std::string type = "tensor<?x?x" + std::to_string(heads.count) + "x" +
                         std::to_string(count) + "x" +
                         std::to_string(heads.width / count) + "xf32>";
      std::string parts = "%s" + std::to_string(counter++);
      std::string made = "%s" + std::to_string(counter++);
      emit(parts + " = lns.reshape " + name + " : " + heads.type() + " to " +
           type);
      emit(made + " = lns.norm rms " + parts + " : " + type);
      return defineHeads(heads.count, heads.width,
                         "lns.reshape " + made + " : " + type + " to " +
                             heads.type());
    }
    case 10: {
      // RMSNorm by hand.
      std::string factors = "r" + std::to_string(counter++);
      std::string numbers =
          "tensor<?x?x" + std::to_string(heads.count) + "xf32>";
      emit("%" + factors + " = lns.row_rstd " + name + " eps(" +
           printNumber(random.pick({1e-6, 1e-2})) + ") : (" + heads.type() +
           ") -> " + numbers);
      return sameHeads(heads, "lns.row_scale " + name + ", %" + factors,
                       ", " + numbers);
    }
    default:
      return sameHeads(heads, "lns.residual " + name + ", " + name +
                                  " {skip_scale = " + printNumber(anyScale()) +
                                  " : f64}");
    }
  }

  /// Some ops on heads of x, however many divide it.
  Value throughHeads(const Value &x) {
    SmallVector<int64_t> counts;
    for (int64_t count = 1; count <= x.width; ++count)
      if (x.width % count == 0)
        counts.push_back(count);
    Heads heads = split(x, random.pick<int64_t>(counts));
    Heads first = heads;
    int64_t ops = random.below(4);
    for (int64_t i = 0; i < ops; ++i)
      heads = onHeads(heads);
    if (heads.width == first.width && random.percent(25))
      heads = sameHeads(heads, "lns.add %" + heads.name + ", %" + first.name);
    return join(heads);
  }

  Value attend(const Value &q, const Value &k, const Value &v, int64_t heads,
               int64_t kvHeads) {
    std::string op = "lns.attention %" + q.name + ", %" + k.name + ", %" +
                     v.name + " heads(" + std::to_string(heads) +
                     ") kv_heads(" + std::to_string(kvHeads) + ")";
    if (random.percent(70))
      op += " causal";
    if (random.percent(15))
      op += " {softmax_scale = " +
            printNumber(random.pick({0.3, 1.0, 0.0, -0.5})) + " : f64}";
    return define(q.width, op + " : (" + q.type() + ", " + k.type() + ", " +
                               v.type() + ") -> " + q.type());
  }

  /// Self-attention of x, all of it or parts of it behind linears.
  Value attention(const Value &x) {
    int64_t headDim = random.pick({1, 2, 3, 4, 5, 6, 8, 10, 12, 16});
    int64_t heads = 1 + random.below(headDim > 6 ? 3 : 6);
    if (!isDeep && random.percent(4)) {
      headDim = random.pick({24, 32, 64, 80, 128});
      heads = 1 + random.below(2);
    } else if (random.percent(4)) {
      headDim = 1 + random.below(4);
      heads = 8 + random.below(9);
    }
    int64_t kvHeads = random.pick({int64_t(1), heads, heads});
    if (heads % 2 == 0 && random.percent(30))
      kvHeads = heads / 2;
    if (random.percent(12)) {
      // No linear at all: one value is all three.
      heads = kvHeads = x.width % heads == 0 ? heads : 1;
      return attend(x, x, x, heads, kvHeads);
    }
    int64_t queryWidth = heads * headDim, keyWidth = kvHeads * headDim;
    Value q = linear(x, queryWidth), k = linear(x, keyWidth);
    Value v = k;
    bool keyIsValue = random.percent(10);
    if (!keyIsValue)
      v = random.percent(80) ? linear(x, keyWidth) : valueOf(keyWidth);
    if (queryWidth == keyWidth && random.percent(5))
      k = q;
    if (random.percent(8)) {
      q = norm(q);
      k = norm(k);
    }
    bool rotates = headDim % 2 == 0 && random.percent(50);
    if (random.percent(20)) {
      // Norms of heads, before the rotation or behind it.
      auto normalize = [&](Value x, int64_t count) {
        if (rotates && random.percent(15))
          return join(norm(split(rope(x, headDim), count)));
        Heads normalized = norm(split(x, count));
        return join(rotates ? sameHeads(normalized,
                                        anyRotation(normalized.name, headDim))
                            : normalized);
      };
      q = normalize(q, heads);
      k = normalize(k, kvHeads);
      if (random.percent(20))
        v = join(norm(split(v, kvHeads)));
    } else if (rotates) {
      q = rope(q, headDim);
      k = rope(k, headDim);
    }
    Value attended = attend(q, k, v, heads, kvHeads);
    return random.percent(8) ? join(gateOf(split(attended, heads))) : attended;
  }

  Value feedForward(const Value &x) {
    int64_t inner = random.percent(60) ? anyWidth() : 1 + random.below(40);
    if (random.percent(40))
      return linear(activation(linear(x, inner)), x.width);
    Value g = linear(x, inner);
    Value u = random.percent(10) ? g : linear(x, inner);
    return linear(gate(g, u), x.width);
  }

  /// A branch as people write it.
  Value block(const Value &x) {
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

  Value embed() {
    int64_t rows = vocabulary;
    if (random.percent(10))
      rows += 1 + random.below(9);
    Parameter table = parameter({rows, anyWidth()}, "embedding");
    Value result{"", table.shape[1]};
    return define(result.width, "lns.embedding %" + table.name +
                                    ", %tokens : (" + table.type() +
                                    ", tensor<?x?xi32>) -> " + result.type());
  }

  Value addPositions() {
    Value x = anyValue();
    Parameter table =
        parameter({sequence + random.below(3), x.width}, "embedding");
    return define(x.width, "lns.add_positions %" + x.name + ", %" + table.name +
                               " : " + x.type() + ", " + table.type());
  }

  /// Ops that people do not write but that a model may hold.
  Value graphOp() {
    Value x = anyValue();
    std::string name = "%" + x.name;
    switch (random.below(11)) {
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
      return define(x.width, "lns.cast %" + rounded + " : " + narrow + " to " +
                                 x.type());
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
      return define(x.width, "lns.add_bias " + name + ", %" + bias.name +
                                 " : " + x.type() + ", " + bias.type());
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

  //===--- Structure ---===//

  void step() {
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

  /// Yields come from anywhere in the block: a value that is passed through,
  /// two that change places, one of outside.
  void layers() {
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
    emit(result + (count > 1 ? ":" + std::to_string(count) : "") +
         " = lns.layers(" + list + ") depth(" + depth + ") : " + types + " {");
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
    emit("lns.yield " + yielded + " : " + types);
    inLayers = false;
    values.truncate(outerValues);
    parameters.truncate(outerParameters);
    --indent;
    emit("}");
    for (auto [i, value] : llvm::enumerate(carried))
      values.push_back(
          {result.substr(1) + (count > 1 ? "#" + std::to_string(i) : ""),
           value.width});
  }

  /// What may be between the head and the loss; logits that nothing has
  /// changed more often.
  Value finish(Value logits) {
    if (random.percent(90))
      return logits;
    switch (random.below(6)) {
    case 5:
      return throughHeads(logits);
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

  Value head() {
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

  Random &random;
  int64_t sequence, vocabulary = 0;
  SmallVector<int64_t> widths;
  std::string text;
  int64_t indent = 0, counter = 0;
  bool inLayers = false, isDeep = false, wentDeep = false;
  int64_t biasPercent = 0, sharePercent = 0, oddPercent = 0;
  SmallVector<Value> values;
  SmallVector<Parameter> parameters;
};

} // namespace

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
  return test;
}
