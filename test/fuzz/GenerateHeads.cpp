//===- GenerateHeads.cpp - Random ops on heads, and attention -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Rotations, heads as rows of their own, and self-attention.
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Generator.h"

using namespace lns::fuzz;
using llvm::SmallVector;

Value Generator::rope(const Value &x, int64_t headDim) {
  return define(x.width, anyRotation(x.name, headDim) + " : " + x.type());
}

std::string Generator::anyRotation(const std::string &name, int64_t headDim) {
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
      frequencies +=
          (i ? ", " : ": ") + printNumber(double(random.below(64)) / 32 - 0.5);
    list.push_back(frequencies + ">");
  }
  std::string types = byType([&]() -> std::string {
    return random.percent(40)
               ? "none"
               : "{base = " + printNumber(random.pick({10.0, 1e6})) + " : f64}";
  });
  if (!types.empty())
    list.push_back(types);
  return op + attributes(list);
}

std::string Generator::byType(llvm::function_ref<std::string()> describe) {
  std::string entries;
  for (const std::string &type : blockTypes) {
    // A type is named once, however many blocks have it.
    if (entries.find(type + " =") != std::string::npos || random.percent(40))
      continue;
    entries += (entries.empty() ? "" : ", ") + type + " = " + describe();
  }
  return entries.empty() ? "" : "by_type = {" + entries + "}";
}

Heads Generator::defineHeads(int64_t count, int64_t width,
                             const std::string &op) {
  Heads heads{"s" + std::to_string(counter++), count, width};
  emit("%" + heads.name + " = " + op);
  return heads;
}

Heads Generator::sameHeads(const Heads &heads, const std::string &op,
                           const std::string &types) {
  return defineHeads(heads.count, heads.width,
                     op + " : " + heads.type() + types);
}

Heads Generator::split(const Value &x, int64_t count) {
  Heads heads{"", count, x.width / count};
  return defineHeads(heads.count, heads.width,
                     "lns.reshape %" + x.name + " : " + x.type() + " to " +
                         heads.type());
}

Value Generator::join(const Heads &heads) {
  Value result{"", heads.count * heads.width};
  return define(result.width, "lns.reshape %" + heads.name + " : " +
                                  heads.type() + " to " + result.type());
}

Heads Generator::norm(const Heads &heads) {
  bool isLayer = random.percent(20);
  std::string op = std::string("lns.norm ") + (isLayer ? "layer" : "rms") +
                   " %" + heads.name;
  std::string types;
  for (bool isBias : {false, true}) {
    if (!random.percent(isBias ? (isLayer ? 30 : 0) : 75))
      continue;
    Parameter vector =
        isBias ? parameter({heads.width}, "bias") : gainOf(heads.width);
    op += isBias ? " bias(%" + vector.name + ")" : ", %" + vector.name;
    types += ", " + vector.type();
  }
  if (random.percent(30))
    op += " eps(" + printNumber(random.pick({1e-5, 1e-12, 1e-3})) + ")";
  if (random.percent(10))
    op += " scale(" + printNumber(anyScale()) + ")";
  return sameHeads(heads, op, types);
}

Heads Generator::gateOf(const Heads &heads) {
  Value factors = random.percent(60) ? linear(anyValue(), heads.count)
                                     : valueOf(heads.count);
  if (random.percent(50))
    factors = activation(factors);
  return sameHeads(heads, "lns.row_scale %" + heads.name + ", %" + factors.name,
                   ", " + factors.type());
}

Heads Generator::onHeads(const Heads &heads) {
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
    std::string numbers = "tensor<?x?x" + std::to_string(heads.count) + "xf32>";
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

Value Generator::throughHeads(const Value &x) {
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

Value Generator::attend(const Value &q, const Value &k, const Value &v,
                        int64_t heads, int64_t kvHeads) {
  std::string op = "lns.attention %" + q.name + ", %" + k.name + ", %" +
                   v.name + " heads(" + std::to_string(heads) + ") kv_heads(" +
                   std::to_string(kvHeads) + ")";
  bool isCausal = random.percent(70);
  auto anyWindow = [&] { return 1 + random.below(sequence + 2); };
  auto anyCap = [&] { return printNumber(random.pick({0.5, 2.0, 50.0})); };
  SmallVector<std::string> list;
  if (isCausal)
    op += " causal";
  if (isCausal && random.percent(25))
    op += " window(" + std::to_string(anyWindow()) + ")";
  if (random.percent(15))
    op += " softcap(" + anyCap() + ")";
  if (random.percent(15))
    list.push_back("softmax_scale = " +
                   printNumber(random.pick({0.3, 1.0, 0.0, -0.5})) + " : f64");
  std::string types = byType([&]() -> std::string {
    if (isCausal && random.percent(70))
      return "{window = " + std::to_string(anyWindow()) + " : i64}";
    return "{softcap = " + anyCap() + " : f64}";
  });
  if (!types.empty())
    list.push_back(types);
  op += attributes(list);
  return define(q.width, op + " : (" + q.type() + ", " + k.type() + ", " +
                             v.type() + ") -> " + q.type());
}

Value Generator::attention(const Value &x) {
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
      return join(
          rotates ? sameHeads(normalized, anyRotation(normalized.name, headDim))
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
