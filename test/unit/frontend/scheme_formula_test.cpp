//===- scheme_formula_test.cpp - Schemes against their equations ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Every norm scheme, as the frontend writes it and the interpreter computes it,
// against the equations of docs/schemes.md, which stand here a second time: one
// line for each sublayer, on plain vectors of doubles.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsOps.h"
#include "frontend/HuggingFaceConfig.h"
#include "tools/interpret/Interpreter.h"
#include "tools/interpret/RandomInputs.h"

#include "mlir/IR/MLIRContext.h"
#include <algorithm>
#include <cmath>
#include <functional>
#include <gtest/gtest.h>

using namespace lns;

namespace {

constexpr int kWidth = 12, kHeads = 3, kKvHeads = 1, kHeadDim = 6, kInner = 10,
              kVocabulary = 11, kLayers = 4, kTime = 5;
constexpr double kEps = 1e-5;
/// Optimizer steps, at which some branches of prores are open and some are not.
constexpr double kStepsDone = 1500;
/// A scheme with this behind it is that of a model in which each head has a key
/// and a value.
constexpr std::string_view kFull = " full";
constexpr const char *kConfig = R"({"model_type": "llama", "vocab_size": 11,
  "hidden_size": 12, "intermediate_size": 10, "num_hidden_layers": 4,
  "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 6,
  "rms_norm_eps": 1e-5, "tie_word_embeddings": false})";

using Row = std::vector<double>;
using Rows = std::vector<Row>; ///< one for each token

Rows operator+(Rows a, const Rows &b) {
  for (size_t t = 0; t < a.size(); ++t)
    for (size_t i = 0; i < a[t].size(); ++i)
      a[t][i] += b[t][i];
  return a;
}
Row operator*(double factor, Row a) {
  for (double &x : a)
    x *= factor;
  return a;
}
Rows operator*(double factor, Rows a) {
  for (Row &row : a)
    row = factor * row;
  return a;
}

class Formula {
public:
  Formula(const interpret::Environment &parameters, std::string scheme)
      : parameters(parameters), scheme(std::move(scheme)) {
    if (this->scheme.ends_with(kFull)) {
      this->scheme.resize(this->scheme.size() - kFull.size());
      kvHeads = kHeads;
    }
    // Of values, whatever the scheme is.
    constexpr std::string_view kOption = ",value-residual=on";
    mixesValues = this->scheme.ends_with(kOption);
    if (mixesValues)
      this->scheme.resize(this->scheme.size() - kOption.size());
  }

  Rows logits(const std::vector<int64_t> &tokens) {
    Rows x;
    for (int64_t token : tokens) {
      const double *row =
          get("model.embed_tokens.weight").data() + token * kWidth;
      x.emplace_back(row, row + kWidth);
    }
    if (scheme == "peri")
      x = norm("model.embed_norm", x);
    if (scheme == "dyt" || scheme == "derf")
      x = number("model.embed_scale") * x;
    for (layer = 0; layer < kLayers; ++layer)
      x = block(x);
    if (scheme == "ngpt")
      return times(linear("lm_head", x),
                   std::sqrt(double(kWidth)) * get("lm_head.scale"));
    if (scheme.rfind("post", 0) && scheme.rfind("deepnorm", 0) &&
        scheme.rfind("keel", 0))
      x = norm("model.norm", x);
    // Half as wide as the model is.
    bool isWide = scheme.find("base-width=6") != std::string::npos;
    return (isWide ? 0.5 : 1) * linear("lm_head", x);
  }

private:
  Rows block(Rows x) {
    const double L = kLayers, l = layer + 1;
    auto A = [&](const Rows &y) { return attention(y); };
    auto M = [&](const Rows &y) { return feedForward(y); };
    auto N1 = [&](const Rows &y) { return n("input_layernorm", y); };
    auto N2 = [&](const Rows &y) { return n("post_attention_layernorm", y); };
    auto N3 = [&](const Rows &y) { return n("pre_feedforward_layernorm", y); };
    auto N4 = [&](const Rows &y) { return n("post_feedforward_layernorm", y); };

    if (scheme == "lns" || scheme.rfind("lns,", 0) == 0) {
      x = x + A(1 / std::sqrt(l) * N1(x));
      return x + M(1 / std::sqrt(l) * N2(x));
    }
    // x - silu(c) x, however gradients flow.
    auto G = [&](const Rows &y) {
      double c = number(name("gpas_gate"));
      return (1 - c / (1 + std::exp(-c))) * y;
    };
    if (scheme == "gpas" || (scheme == "mix,fraction=0.5,gpas=on" && l > 2)) {
      x = G(x + A(N1(x)));
      return G(x + M(N2(x)));
    }
    if (scheme == "post,gpas=on" ||
        (scheme == "mix,fraction=0.5,gpas=on" && l <= 2)) {
      x = N2(G(x) + A(x));
      return N4(G(x) + M(x));
    }
    if (scheme == "deepnorm,gpas=on") {
      double a = std::pow(2 * L, 0.25);
      x = N2(a * G(x) + A(x));
      return N4(a * G(x) + M(x));
    }
    if (scheme == "sandwich,gpas=on") {
      x = G(x + N2(A(N1(x))));
      return G(x + N4(M(N3(x))));
    }
    if (scheme == "prores" || scheme == "prores,T=600") {
      double a =
          std::min(kStepsDone / ((scheme == "prores" ? 1000 : 600) * l), 1.0);
      x = x + a * A(N1(x));
      return x + a * M(N2(x));
    }
    if (scheme == "sandwich,prores=500") {
      double a = std::min(kStepsDone / (500 * l), 1.0);
      x = x + a * N2(A(N1(x)));
      return x + a * N4(M(N3(x)));
    }
    if (scheme == "post,prores=1000") {
      double a = std::min(kStepsDone / (1000 * l), 1.0);
      x = N2(x + a * A(x));
      return N4(x + a * M(x));
    }
    if (scheme == "post" || (scheme == "mix,fraction=0.5" && l <= 2)) {
      x = N2(x + A(x));
      return N4(x + M(x));
    }
    if (scheme == "deepnorm") {
      double a = std::pow(2 * L, 0.25);
      x = N2(a * x + A(x));
      return N4(a * x + M(x));
    }
    if (scheme == "sandwich" || scheme == "peri") {
      x = x + N2(A(N1(x)));
      return x + N4(M(N3(x)));
    }
    if (scheme == "layerscale") {
      x = x + times(A(N1(x)), get(name("self_attn.layer_scale")));
      return x + times(M(N2(x)), get(name("mlp.layer_scale")));
    }
    if (scheme == "skipinit") {
      x = x + number(name("self_attn.branch_scale")) * A(N1(x));
      return x + number(name("mlp.branch_scale")) * M(N2(x));
    }
    if (scheme == "rezero") {
      double a = number(name("branch_scale"));
      x = x + a * A(x);
      return x + a * M(x);
    }
    if (scheme == "hybrid" || (scheme == "hybrid-star" && l > 1)) {
      x = N2(x + A(x));
      return x + M(x);
    }
    if (scheme == "reordered" || scheme == "reordered,qk-norm=full") {
      x = x + N2(A(x));
      return x + N4(M(x));
    }
    if (scheme == "ngpt") {
      // abs(c v), c v being 0.05 where v is 1/sqrt(width).
      auto s = [&](const char *v) {
        Row step = 0.05 * std::sqrt(double(kWidth)) * get(name(v));
        for (double &one : step)
          one = std::abs(one);
        return step;
      };
      x = L2(x + times(L2(A(x)) + -1 * x, s("self_attn.alpha")));
      return L2(x + times(L2(M(x)) + -1 * x, s("mlp.alpha")));
    }
    if (scheme == "keel" || scheme == "keel,skip=3") {
      double a = scheme == "keel" ? 2 * L : 3;
      x = N2(a * x + A(N1(x)));
      return N4(a * x + M(N3(x)));
    }
    double c = scheme == "residual-multiplier"              ? 1 / std::sqrt(L)
               : scheme == "residual-multiplier,branch=0.2" ? 0.2
               : scheme == "completep"                      ? 2 / L
               : scheme.rfind("completep,", 0) == 0 ? 1 / std::sqrt(L / 8)
                                                    : 1;
    x = x + c * A(N1(x));
    return x + c * M(N2(x));
  }

  Rows attention(const Rows &x) {
    Rows q = linear(name("self_attn.q_proj"), x);
    Rows k = linear(name("self_attn.k_proj"), x);
    Rows v = linear(name("self_attn.v_proj"), x);
    bool isHybrid = scheme.rfind("hybrid", 0) == 0;
    if (scheme.find("qk-norm=full") != std::string::npos) {
      q = n("self_attn.q_norm", q);
      k = n("self_attn.k_norm", k);
    }
    if (scheme.find("qk-norm=head") != std::string::npos || isHybrid) {
      q = headNorm(q, get(name("self_attn.q_norm.weight")));
      k = headNorm(k, get(name("self_attn.k_norm.weight")));
    }
    if (scheme.find("qk-norm=free") != std::string::npos) {
      q = headNorm(q, Row(kHeadDim, 1));
      k = headNorm(k, Row(kHeadDim, 1));
    }
    if (scheme == "ngpt") {
      double root = std::sqrt(double(kWidth));
      bool isOne = kvHeads == kHeads;
      const char *qName = isOne ? "self_attn.qk_scale" : "self_attn.q_scale";
      const char *kName = isOne ? "self_attn.qk_scale" : "self_attn.k_scale";
      q = times(headDirections(q), root * get(name(qName)));
      k = times(headDirections(k), root * get(name(kName)));
    }
    if (isHybrid)
      v = headNorm(v, get(name("self_attn.v_norm.weight")));
    if (mixesValues) {
      double s = number(name("self_attn.value_residual.scale"));
      double a = number(name("self_attn.value_residual.own"));
      double b = number(name("self_attn.value_residual.first"));
      double n = std::sqrt(a * a + b * b + 1e-8);
      v = s * a / n * v + s * b / n * (layer == 0 ? v : firstValue);
      if (layer == 0)
        firstValue = v;
    }
    Rows heads;
    for (int t = 0; t < kTime; ++t) {
      heads.emplace_back();
      for (int h = 0; h < kHeads; ++h) {
        bool isRotated = scheme == "ngpt"; // before its vectors
        Row query = rotated(q[t], h, isRotated ? 0 : t);
        Row weights, mixed(kHeadDim);
        double sum = 0;
        for (int s = 0; s <= t; ++s) {
          Row key = rotated(k[s], h / (kHeads / kvHeads), isRotated ? 0 : s);
          double score = 0;
          for (int i = 0; i < kHeadDim; ++i)
            score += query[i] * key[i];
          double root = std::sqrt(double(kHeadDim));
          weights.push_back(scheme == "ngpt" ? score * root : score / root);
        }
        double largest = *std::max_element(weights.begin(), weights.end());
        for (double &weight : weights) {
          weight = std::exp(weight - largest);
          sum += weight;
        }
        for (int s = 0; s <= t; ++s)
          for (int i = 0; i < kHeadDim; ++i)
            mixed[i] +=
                weights[s] / sum * v[s][h / (kHeads / kvHeads) * kHeadDim + i];
        heads[t].insert(heads[t].end(), mixed.begin(), mixed.end());
      }
    }
    if (scheme.find("head-gate") != std::string::npos) {
      Rows gates = linear(name("self_attn.head_gate"), x);
      for (int t = 0; t < kTime; ++t)
        for (int i = 0; i < kHeads * kHeadDim; ++i)
          heads[t][i] *= 2 / (1 + std::exp(-gates[t][i / kHeadDim]));
    }
    if (scheme == "sub-ln")
      heads = n("self_attn.attn_sub_norm", heads);
    return linear(name("self_attn.o_proj"), heads);
  }

  static Row rotated(const Row &row, int head, int time) {
    Row result(kHeadDim);
    for (int i = 0; i < kHeadDim / 2; ++i) {
      double angle = time * std::pow(1e4, -2.0 * i / kHeadDim);
      double a = row[head * kHeadDim + i];
      double b = row[head * kHeadDim + kHeadDim / 2 + i];
      result[i] = a * std::cos(angle) - b * std::sin(angle);
      result[kHeadDim / 2 + i] = b * std::cos(angle) + a * std::sin(angle);
    }
    return result;
  }

  Rows feedForward(const Rows &x) {
    Rows gate = linear(name("mlp.gate_proj"), x);
    Rows inner = linear(name("mlp.up_proj"), x);
    if (scheme == "ngpt") {
      gate =
          times(gate, std::sqrt(double(kWidth)) * get(name("mlp.gate_scale")));
      inner = times(inner, get(name("mlp.up_scale")));
    }
    for (int t = 0; t < kTime; ++t)
      for (int i = 0; i < kInner; ++i)
        inner[t][i] *= gate[t][i] / (1 + std::exp(-gate[t][i]));
    if (scheme == "sub-ln")
      inner = n("mlp.ffn_sub_norm", inner);
    return linear(name("mlp.down_proj"), inner);
  }

  /// One of the block's norms.
  Rows n(const char *which, const Rows &x) { return norm(name(which), x); }

  /// Of each head by itself.
  static Rows headNorm(Rows x, const Row &gain) {
    for (Row &row : x)
      for (size_t first = 0; first < row.size(); first += kHeadDim) {
        double squares = 0;
        for (int i = 0; i < kHeadDim; ++i)
          squares += row[first + i] * row[first + i];
        for (int i = 0; i < kHeadDim; ++i)
          row[first + i] *= gain[i] / std::sqrt(squares / kHeadDim + kEps);
      }
    return x;
  }

  /// Rotated, and then of length 1, each head by itself.
  static Rows headDirections(Rows x) {
    for (size_t t = 0; t < x.size(); ++t) {
      Row heads;
      for (size_t head = 0; head < x[t].size() / kHeadDim; ++head) {
        Row one = L2({rotated(x[t], int(head), int(t))})[0];
        heads.insert(heads.end(), one.begin(), one.end());
      }
      x[t] = heads;
    }
    return x;
  }

  /// y / norm(y), but for what keeps a row of zeros from being divided by 0.
  static Rows L2(Rows x) {
    for (Row &row : x) {
      double squares = 0;
      for (double value : row)
        squares += value * value;
      for (double &value : row)
        value /= std::sqrt(squares + 1e-12 * double(row.size()));
    }
    return x;
  }

  static Rows times(Rows x, const Row &columns) {
    for (Row &row : x)
      for (size_t i = 0; i < row.size(); ++i)
        row[i] *= columns[i];
    return x;
  }

  Rows norm(const std::string &which, Rows x) {
    const std::vector<double> &gain = get(which + ".weight");
    if (scheme == "dyt") {
      double alpha = number(which + ".alpha");
      for (Row &row : x)
        for (size_t i = 0; i < row.size(); ++i)
          row[i] = gain[i] * std::tanh(alpha * row[i]);
      return x;
    }
    if (scheme == "derf") {
      double alpha = number(which + ".alpha"), shift = number(which + ".shift");
      const std::vector<double> &bias = get(which + ".bias");
      for (Row &row : x)
        for (size_t i = 0; i < row.size(); ++i)
          row[i] = gain[i] * std::erf(alpha * row[i] + shift) + bias[i];
      return x;
    }
    for (Row &row : x) {
      double squares = 0;
      for (double value : row)
        squares += value * value;
      double r = 1 / std::sqrt(squares / double(row.size()) + kEps);
      for (size_t i = 0; i < row.size(); ++i)
        row[i] *= gain[i] * r;
    }
    return x;
  }

  Rows linear(const std::string &which, const Rows &x) {
    const std::vector<double> &weight = get(which + ".weight");
    Rows y;
    for (const Row &row : x) {
      y.emplace_back(weight.size() / row.size());
      for (size_t o = 0; o < y.back().size(); ++o)
        for (size_t i = 0; i < row.size(); ++i)
          y.back()[o] += weight[o * row.size() + i] * row[i];
    }
    return y;
  }

  std::string name(const char *which) const {
    return "model.layers." + std::to_string(layer) + "." + which;
  }
  double number(const std::string &which) { return get(which).at(0); }
  /// Notes that it was read.
  const std::vector<double> &get(const std::string &which) {
    read.insert(which);
    auto it = parameters.find(which);
    EXPECT_NE(it, parameters.end()) << which;
    return it->second.value->values;
  }

  const interpret::Environment &parameters;
  std::string scheme;
  int layer = 0, kvHeads = kKvHeads;
  bool mixesValues = false;
  Rows firstValue; ///< of block 1

public:
  std::set<std::string> read;
};

class SchemeFormula : public testing::TestWithParam<const char *> {};

TEST_P(SchemeFormula, Logits) {
  mlir::MLIRContext context;
  std::string error;
  HuggingFaceOptions options;
  llvm::StringRef choice = GetParam();
  std::string config = kConfig;
  if (choice.consume_back(kFull)) {
    std::string_view one = "\"num_key_value_heads\": 1";
    config.replace(config.find(one), one.size(), "\"num_key_value_heads\": 3");
  }
  options.norm = parseNormChoice(choice, error);
  ASSERT_TRUE(options.norm) << error;
  auto module = importHuggingFaceConfig(config, "test.json", options, &context);
  ASSERT_TRUE(module);

  interpret::Environment parameters;
  parameters.stepsDone = kStepsDone;
  ASSERT_TRUE(succeeded(interpret::declareParameters(*module, parameters)));
  uint64_t stream = 0;
  for (auto &[name, state] : parameters) {
    auto value = std::make_shared<interpret::Tensor>(
        *interpret::makeNormal(state.value->shape, /*seed=*/1, stream++));
    for (double &x : value->values)
      x = state.role == Role::gain ? 1 + 0.3 * x : 0.5 * x;
    state.value = value;
  }
  auto tokens = interpret::makeRandomTokens({1, kTime}, kVocabulary, 7, 0);
  interpret::TensorRef logits;
  auto model = *module->getOps<ModelOp>().begin();
  ASSERT_TRUE(
      succeeded(interpret::Interpreter(parameters).run(model, tokens, logits)));

  Formula formula(parameters, GetParam());
  Rows expected = formula.logits(
      std::vector<int64_t>(tokens->tokens.begin(), tokens->tokens.end()));
  for (int t = 0; t < kTime; ++t)
    for (int i = 0; i < kVocabulary; ++i)
      EXPECT_NEAR(logits->values[t * kVocabulary + i], expected[t][i],
                  1e-12 * (1 + std::abs(expected[t][i])))
          << t << " " << i;
  // No parameter beyond those of the equation.
  for (auto &[name, state] : parameters)
    EXPECT_TRUE(formula.read.count(name)) << name;
}

INSTANTIATE_TEST_SUITE_P(
    Schemes, SchemeFormula,
    testing::Values(
        "pre", "lns", "lns-folded-init", "post", "deepnorm", "mix,fraction=0.5",
        "sandwich", "peri", "reordered", "reordered,qk-norm=full", "keel",
        "keel,skip=3", "sub-ln", "scaled-init", "depth-scaled-init", "mitchell",
        "residual-multiplier", "residual-multiplier,branch=0.2", "layerscale",
        "skipinit", "rezero", "dyt", "hybrid", "hybrid-star",
        "lns,qk-norm=head", "lns,qk-norm=free", "lns,head-gate=on", "derf",
        "gpas", "post,gpas=on", "deepnorm,gpas=on", "sandwich,gpas=on",
        "mix,fraction=0.5,gpas=on", "prores", "prores,T=600",
        "sandwich,prores=500", "post,prores=1000", "lns,value-residual=on",
        "hybrid-star,value-residual=on", "mix,fraction=0.5,value-residual=on",
        "lns full", "ngpt", "ngpt full", "completep",
        "completep,alpha=0.5,base-layers=8,base-width=6"));

} // namespace
