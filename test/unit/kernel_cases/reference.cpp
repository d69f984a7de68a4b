//===- reference.cpp - Ops in double, written from their definitions ------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "reference.h"

#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace lns;
using namespace lns::test;

static llvm::APFloat toBf16(double value) {
  llvm::APFloat number(value);
  bool lossy;
  number.convert(llvm::APFloat::BFloat(), llvm::APFloat::rmNearestTiesToEven,
                 &lossy);
  return number;
}
double lns::test::roundToBf16(double value) {
  return toBf16(value).convertToDouble();
}
uint16_t lns::test::bitsOfBf16(double value) {
  return static_cast<uint16_t>(toBf16(value).bitcastToAPInt().getZExtValue());
}

namespace {

RankedTensorType typeOf(Value value) {
  return cast<RankedTensorType>(value.getType());
}
size_t widthOf(Value value) { return typeOf(value).getShape().back(); }

class Evaluator {
public:
  Evaluator(Tensors &values,
            llvm::MapVector<StringAttr, OptimizerState> &states)
      : values(values), states(states) {}

  bool run(Operation *op) {
    return TypeSwitch<Operation *, bool>(op)
        .Case<AddOp, ScaleOp, ResidualOp, RowScaleOp, ScaleColumnsOp, AddBiasOp,
              AddPositionsOp, AddPositionsGradOp, CenterRowsOp, RowRstdOp,
              RowRstdGradOp, RowDotOp, ScaleByOp, SoftcapOp, SoftcapGradOp,
              OffsetOp, RopeOp, ActivationOp, ActivationGradOp,
              GatedActivationOp, GatedActivationGradOp, ColumnDotOp,
              EmbeddingOp, EmbeddingGradOp, CrossEntropyOp, CrossEntropyGradOp,
              CrossEntropyWithGradOp, TargetCountOp, MeanOp, SumOp, MeanGradOp,
              lns::ConstantOp, ClipFactorOp, AdamWOp, ProjectOp, AttentionOp,
              AttentionGradOp, CastOp, ClusterOp, LinearOp, MatmulOp, ShiftByOp,
              RowSumOp, StopGradientOp, MixFactorsOp, MixFactorsGradOp>(
            [&](auto op) {
              eval(op);
              return true;
            })
        .Default([](Operation *) { return false; });
  }

private:
  const Tensor &in(Value value) { return values.at(value); }
  Tensor &out(Value value) {
    Tensor &tensor = values[value];
    tensor.assign(typeOf(value).getNumElements(), 0.0);
    return tensor;
  }
  /// result[i] = f(i).
  template <typename F> void fill(Value result, F f) {
    Tensor tensor(typeOf(result).getNumElements());
    for (size_t i = 0; i < tensor.size(); ++i)
      tensor[i] = f(i);
    values[result] = std::move(tensor);
  }
  /// Rounds the tensor to bf16 if that is its type.
  void roundBf16(Value value) {
    if (typeOf(value).getElementType().isBF16())
      for (double &x : values.at(value))
        x = roundToBf16(x);
  }
  /// Where the document of a row of [batch, time] starts.
  size_t startOf(Value starts, size_t row) {
    return starts ? size_t(in(starts)[row]) : 0;
  }
  static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

  void eval(AddOp op) {
    auto a = in(op.getA()), b = in(op.getB());
    fill(op.getResult(), [&](size_t i) { return a[i] + b[i]; });
  }
  void eval(CastOp op) {
    auto a = in(op.getInput());
    fill(op.getResult(), [&](size_t i) { return a[i]; });
  }
  void eval(ScaleOp op) {
    auto a = in(op.getInput());
    double factor = op.getFactor().convertToDouble();
    fill(op.getResult(), [&](size_t i) { return factor * a[i]; });
  }
  void eval(ResidualOp op) {
    auto a = in(op.getSkip()), b = in(op.getBranch());
    double s = op.getSkipScale().convertToDouble();
    double t = op.getBranchScale().convertToDouble();
    fill(op.getResult(), [&](size_t i) { return s * a[i] + t * b[i]; });
  }
  void eval(RowScaleOp op) {
    auto a = in(op.getInput()), f = in(op.getFactors());
    size_t width = widthOf(op.getInput());
    fill(op.getResult(), [&](size_t i) { return a[i] * f[i / width]; });
  }
  void eval(ScaleColumnsOp op) {
    auto a = in(op.getInput());
    size_t width = widthOf(op.getInput());
    Tensor g = op.getGain() ? in(op.getGain()) : Tensor(width, 1.0);
    double s = op.getScale().convertToDouble();
    fill(op.getResult(), [&](size_t i) { return s * g[i % width] * a[i]; });
  }
  void eval(RowRstdOp op) {
    auto a = in(op.getInput());
    size_t width = widthOf(op.getInput());
    fill(op.getResult(), [&](size_t row) {
      double sum = 0;
      for (size_t k = 0; k < width; ++k)
        sum += a[row * width + k] * a[row * width + k];
      return 1 / std::sqrt(sum / width + op.getEps().convertToDouble());
    });
  }
  void eval(RowRstdGradOp op) {
    auto a = in(op.getInput()), r = in(op.getRstd()), g = in(op.getGrad());
    size_t width = widthOf(op.getInput());
    fill(op.getResult(), [&](size_t i) {
      size_t row = i / width;
      double dr = op.getRelative() ? g[row] / r[row] : g[row];
      return -a[i] * r[row] * r[row] * r[row] / width * dr;
    });
  }
  void eval(RowDotOp op) {
    auto a = in(op.getA()), b = in(op.getB());
    size_t width = widthOf(op.getA());
    fill(op.getResult(), [&](size_t row) {
      double sum = 0;
      for (size_t k = 0; k < width; ++k)
        sum += a[row * width + k] * b[row * width + k];
      return sum;
    });
  }
  void eval(RopeOp op) {
    auto a = in(op.getInput());
    auto frequencies = op.getAngularFrequencies();
    size_t width = widthOf(op.getInput()), d = op.getHeadDim();
    auto type = typeOf(op.getInput());
    size_t time = type.getDimSize(1);
    size_t heads = type.getRank() == 4 ? type.getDimSize(2) : 1;
    double sign = op.getInverse() ? -1 : 1;
    fill(op.getResult(), [&](size_t i) {
      size_t row = i / width, j = i % width % d, half = d / 2;
      size_t at = row / heads % time - startOf(op.getStarts(), row / heads);
      double angle = double(at) * frequencies[j % half];
      return j < half
                 ? a[i] * std::cos(angle) - sign * a[i + half] * std::sin(angle)
                 : a[i] * std::cos(angle) +
                       sign * a[i - half] * std::sin(angle);
    });
  }
  void eval(AddBiasOp op) {
    auto a = in(op.getInput()), bias = in(op.getBias());
    double s = op.getScale().convertToDouble();
    fill(op.getResult(),
         [&](size_t i) { return a[i] + s * bias[i % bias.size()]; });
  }
  void eval(AddPositionsOp op) {
    auto a = in(op.getInput()), table = in(op.getTable());
    size_t time = typeOf(op.getInput()).getDimSize(1);
    size_t width = widthOf(op.getInput());
    fill(op.getResult(), [&](size_t i) {
      size_t row = i / width, at = row % time - startOf(op.getStarts(), row);
      return a[i] + table[at * width + i % width];
    });
  }
  void eval(AddPositionsGradOp op) {
    auto grad = in(op.getGrad());
    size_t time = typeOf(op.getGrad()).getDimSize(1);
    size_t width = widthOf(op.getGrad());
    Tensor &table = out(op.getResult());
    for (size_t i = 0; i < grad.size(); ++i) {
      size_t row = i / width, at = row % time - startOf(op.getStarts(), row);
      table[at * width + i % width] += grad[i];
    }
  }
  void eval(CenterRowsOp op) {
    auto a = in(op.getInput());
    size_t width = widthOf(op.getInput());
    fill(op.getResult(), [&](size_t i) {
      double sum = 0;
      for (size_t k = 0; k < width; ++k)
        sum += a[i / width * width + k];
      return a[i] - sum / width;
    });
  }
  static double act(Activation activation, double x) {
    if (activation == Activation::relu)
      return x > 0 ? x : 0;
    if (activation == Activation::silu)
      return x * sigmoid(x);
    if (activation == Activation::abs)
      return std::abs(x);
    if (activation == Activation::relu2)
      return x > 0 ? x * x : 0;
    if (activation == Activation::sigmoid)
      return sigmoid(x);
    if (activation == Activation::tanh)
      return std::tanh(x);
    if (activation == Activation::erf)
      return 1 - std::erfc(x);
    if (activation == Activation::gelu)
      return x * std::erfc(-x * M_SQRT1_2) / 2;
    return x * (1 + std::tanh(geluInner(x))) / 2;
  }
  static double slope(Activation activation, double x) {
    if (activation == Activation::relu)
      return x > 0;
    if (activation == Activation::abs)
      return x == 0 ? 0 : std::copysign(1, x);
    if (activation == Activation::tanh)
      return 1 / (std::cosh(x) * std::cosh(x));
    if (activation == Activation::gelu)
      return std::erfc(-x * M_SQRT1_2) / 2 +
             x * std::exp(-x * x / 2) / std::sqrt(2 * M_PI);
    if (activation == Activation::relu2)
      return x > 0 ? 2 * x : 0;
    if (activation == Activation::erf)
      return 2 / std::sqrt(M_PI) / std::exp(x * x);
    double s = sigmoid(x);
    if (activation == Activation::sigmoid)
      return s * (1 - s);
    if (activation == Activation::silu)
      return s + x * s * (1 - s);
    double cosh = std::cosh(geluInner(x));
    return (1 + std::tanh(geluInner(x))) / 2 +
           x / 2 / (cosh * cosh) * 0.7978845608028654 * (1 + 0.134145 * x * x);
  }
  static double geluInner(double x) {
    return 0.7978845608028654 * (x + 0.044715 * x * x * x);
  }
  void eval(ActivationOp op) {
    auto x = in(op.getInput());
    fill(op.getResult(),
         [&](size_t i) { return act(op.getActivation(), x[i]); });
  }
  void eval(ActivationGradOp op) {
    auto y = in(op.getGrad()), x = in(op.getInput());
    fill(op.getResult(),
         [&](size_t i) { return y[i] * slope(op.getActivation(), x[i]); });
  }
  void eval(GatedActivationOp op) {
    auto g = in(op.getGate()), u = in(op.getUp());
    fill(op.getResult(),
         [&](size_t i) { return act(op.getActivation(), g[i]) * u[i]; });
  }
  void eval(GatedActivationGradOp op) {
    auto y = in(op.getGrad()), g = in(op.getGate()), u = in(op.getUp());
    fill(op.getGateGrad(), [&](size_t i) {
      return y[i] * u[i] * slope(op.getActivation(), g[i]);
    });
    fill(op.getUpGrad(),
         [&](size_t i) { return y[i] * act(op.getActivation(), g[i]); });
  }
  void eval(ColumnDotOp op) {
    auto a = in(op.getA());
    Tensor b = op.getB() ? in(op.getB()) : Tensor(a.size(), 1.0);
    size_t width = widthOf(op.getA());
    double s = op.getScale().convertToDouble();
    fill(op.getResult(), [&](size_t k) {
      double sum = 0;
      for (size_t i = k; i < a.size(); i += width)
        sum += a[i] * b[i];
      return s * sum;
    });
  }
  void eval(EmbeddingOp op) {
    auto table = in(op.getTable()), tokens = in(op.getTokens());
    size_t width = widthOf(op.getTable());
    fill(op.getResult(), [&](size_t i) {
      return table[size_t(tokens[i / width]) * width + i % width];
    });
  }
  void eval(EmbeddingGradOp op) {
    auto grad = in(op.getGrad()), tokens = in(op.getTokens());
    size_t width = widthOf(op.getGrad());
    Tensor start;
    if (op.getAddend())
      start = in(op.getAddend());
    Tensor &table = out(op.getResult());
    if (op.getAddend())
      table = start;
    for (size_t i = 0; i < grad.size(); ++i)
      table[size_t(tokens[i / width]) * width + i % width] += grad[i];
  }
  /// Of both ops that compute a loss; the log-sum-exp of each row.
  template <typename Op> Tensor evalLosses(Op op) {
    auto logits = in(op.getLogits()), targets = in(op.getTargets());
    size_t width = widthOf(op.getLogits());
    if (op.getFactors())
      for (size_t i = 0; i < logits.size(); ++i)
        logits[i] *= in(op.getFactors())[i / width];
    Tensor lse(logits.size() / width);
    for (size_t row = 0; row < lse.size(); ++row) {
      auto *x = logits.data() + row * width;
      double most = *std::max_element(x, x + width), sum = 0;
      for (size_t k = 0; k < width; ++k)
        sum += std::exp(x[k] - most);
      lse[row] = most + std::log(sum);
    }
    fill(op.getLosses(), [&](size_t row) {
      if (targets[row] == kIgnoredTarget)
        return 0.0;
      return lse[row] - logits[row * width + size_t(targets[row])];
    });
    return lse;
  }
  void eval(CrossEntropyOp op) {
    Tensor lse = evalLosses(op);
    fill(op.getLse(), [&](size_t row) { return lse[row]; });
  }
  void eval(CrossEntropyGradOp op) { evalLogitsGrad(op, in(op.getLse())); }
  void eval(CrossEntropyWithGradOp op) { evalLogitsGrad(op, evalLosses(op)); }
  /// Of both ops that compute the logits' gradient.
  template <typename Op> void evalLogitsGrad(Op op, const Tensor &lse) {
    auto logits = in(op.getLogits()), targets = in(op.getTargets()),
         grad = in(op.getGrad());
    size_t width = widthOf(op.getLogits());
    Tensor factors =
        op.getFactors() ? in(op.getFactors()) : Tensor(lse.size(), 1.0);
    Tensor factorsGrad(lse.size(), 0.0);
    fill(op.getResult(), [&](size_t i) {
      size_t row = i / width;
      if (targets[row] == kIgnoredTarget)
        return 0.0;
      double f = factors[row];
      double d = (std::exp(f * logits[i] - lse[row]) -
                  (i % width == size_t(targets[row]))) *
                 grad[row];
      factorsGrad[row] += d * logits[i] * (op.getRelative() ? f : 1.0);
      return f * d;
    });
    if (op.getFactors())
      values[op.getFactorsGrad()] = factorsGrad;
  }
  void eval(TargetCountOp op) {
    auto targets = in(op.getTargets());
    out(op.getResult())[0] =
        double(targets.size()) - llvm::count(targets, double(kIgnoredTarget));
  }
  void eval(MeanOp op) {
    auto a = in(op.getInput());
    double sum = 0;
    for (double x : a)
      sum += x;
    double count = op.getCount() ? in(op.getCount())[0] : a.size();
    out(op.getResult())[0] = sum / count;
  }
  void eval(SoftcapOp op) {
    auto x = in(op.getInput());
    double cap = op.getCap().convertToDouble();
    fill(op.getResult(), [&](size_t i) { return cap * std::tanh(x[i] / cap); });
  }
  void eval(SoftcapGradOp op) {
    auto dy = in(op.getGrad()), x = in(op.getInput());
    double cap = op.getCap().convertToDouble();
    fill(op.getResult(), [&](size_t i) {
      double cosh = std::cosh(x[i] / cap);
      return dy[i] / (cosh * cosh);
    });
  }
  void eval(OffsetOp op) {
    auto x = in(op.getInput());
    fill(op.getResult(),
         [&](size_t i) { return x[i] + op.getBy().convertToDouble(); });
  }
  void eval(ScaleByOp op) {
    auto x = in(op.getInput());
    double factor = in(op.getFactor())[0];
    fill(op.getResult(), [&](size_t i) { return factor * x[i]; });
  }
  void eval(ShiftByOp op) {
    auto x = in(op.getInput());
    double shift = in(op.getShift())[0];
    fill(op.getResult(), [&](size_t i) { return x[i] + shift; });
  }
  void eval(StopGradientOp op) {
    Tensor copy = in(op.getInput());
    values[op.getResult()] = copy;
  }
  void eval(RowSumOp op) {
    auto a = in(op.getInput());
    size_t width = widthOf(op.getInput());
    fill(op.getResult(), [&](size_t row) {
      double sum = 0;
      for (size_t k = 0; k < width; ++k)
        sum += a[row * width + k];
      return sum;
    });
  }
  void eval(MixFactorsOp op) {
    auto s = in(op.getScale()), a = in(op.getA()), b = in(op.getB());
    double eps = op.getEps().convertToDouble();
    auto length = [&](size_t i) {
      return std::sqrt(a[i] * a[i] + b[i] * b[i] + eps);
    };
    fill(op.getFirst(), [&](size_t i) { return s[i] * a[i] / length(i); });
    fill(op.getSecond(), [&](size_t i) { return s[i] * b[i] / length(i); });
  }
  void eval(MixFactorsGradOp op) {
    auto s = in(op.getScale()), a = in(op.getA()), b = in(op.getB()),
         u = in(op.getFirstGrad()), v = in(op.getSecondGrad());
    double eps = op.getEps().convertToDouble();
    auto squares = [&](size_t i) { return a[i] * a[i] + b[i] * b[i] + eps; };
    auto dot = [&](size_t i) { return a[i] * u[i] + b[i] * v[i]; };
    fill(op.getScaleGrad(),
         [&](size_t i) { return dot(i) / std::sqrt(squares(i)); });
    fill(op.getAGrad(), [&](size_t i) {
      return s[i] * (u[i] - a[i] * dot(i) / squares(i)) / std::sqrt(squares(i));
    });
    fill(op.getBGrad(), [&](size_t i) {
      return s[i] * (v[i] - b[i] * dot(i) / squares(i)) / std::sqrt(squares(i));
    });
  }
  void eval(SumOp op) {
    double &sum = out(op.getResult())[0];
    for (double x : in(op.getInput()))
      sum += x;
  }
  void eval(MeanGradOp op) {
    double grad = in(op.getGrad())[0];
    double n = op.getCount() ? in(op.getCount())[0]
                             : typeOf(op.getResult()).getNumElements();
    fill(op.getResult(), [&](size_t) { return grad / n; });
  }
  void eval(lns::ConstantOp op) {
    fill(op.getResult(),
         [&](size_t) { return op.getValue().convertToDouble(); });
  }
  void eval(ClipFactorOp op) {
    double sum = 0;
    Tensor partials;
    for (Value gradient : op.getGradients()) {
      auto g = in(gradient);
      for (size_t i = 0; i < g.size(); ++i) {
        if (i % 65536 == 0)
          partials.push_back(0);
        partials.back() += g[i] * g[i];
        sum += g[i] * g[i];
      }
    }
    double clip = in(op.getOptimizer())[5], norm = std::sqrt(sum);
    out(op.getNorm())[0] = norm;
    out(op.getFactor())[0] = clip > 0 && norm > clip ? clip / norm : 1;
    if (!std::isfinite(norm) ||
        (op.getLoss() && !std::isfinite(in(op.getLoss())[0])))
      out(op.getFactor())[0] = NAN;
    values[op.getPartials()] = partials;
  }
  void eval(AdamWOp op) {
    OptimizerState &state = states[op.getSymbolAttr().getAttr()];
    auto gradient = in(op.getGradient()), o = in(op.getOptimizer());
    double factor = in(op.getFactor())[0];
    for (size_t i = 0; i < gradient.size() && !std::isnan(factor); ++i) {
      double g = factor * gradient[i], &p = state.parameter[i],
             &m = state.expAvg[i], &v = state.expAvgSq[i];
      double lr = o[0] * op.getLrFactor().convertToDouble();
      if (op.getDecay())
        p -= lr * o[4] * op.getDecayFactor().convertToDouble() * p;
      m = o[1] * m + (1 - o[1]) * g;
      v = o[2] * v + (1 - o[2]) * g * g;
      p -= lr * (m / o[6]) /
           (std::sqrt(v / o[7]) + o[3] * op.getEpsFactor().convertToDouble());
    }
  }
  void eval(ProjectOp op) {
    if (op.getFactor() && std::isnan(in(op.getFactor())[0]))
      return;
    Tensor &matrix = states[op.getSymbolAttr().getAttr()].parameter;
    size_t width = cast<RankedTensorType>(op.getType()).getDimSize(1);
    auto getLine = [&](size_t i) {
      return op.getAlong() == Projection::rows ? i / width : i % width;
    };
    std::vector<double> squares(matrix.size());
    for (size_t i = 0; i < matrix.size(); ++i)
      squares[getLine(i)] += matrix[i] * matrix[i];
    for (size_t i = 0; i < matrix.size(); ++i)
      if (double length = std::sqrt(squares[getLine(i)]); length > 0)
        matrix[i] /= length;
  }
  /// alpha op(a) op(b), for the products of clusters.
  void multiply(Value a, Value b, Value result, bool transA, bool transB,
                double alpha) {
    size_t n = widthOf(result), m = in(a).size() / widthOf(a);
    if (transA)
      m = widthOf(a);
    size_t k = in(a).size() / m;
    Tensor x = in(a), y = in(b);
    fill(result, [&](size_t i) {
      size_t row = i / n, column = i % n;
      double sum = 0;
      for (size_t l = 0; l < k; ++l)
        sum += x[transA ? l * m + row : row * k + l] *
               y[transB ? column * k + l : l * n + column];
      return alpha * sum;
    });
  }
  void eval(LinearOp op) {
    multiply(op.getInput(), op.getWeight(), op.getResult(), false, true,
             op.getAlpha().convertToDouble());
  }
  void eval(MatmulOp op) {
    multiply(op.getA(), op.getB(), op.getResult(), op.getTransposeA(),
             op.getTransposeB(), op.getAlpha().convertToDouble());
  }

  void eval(ClusterOp op) {
    Block &body = op.getBody().front();
    for (auto [argument, operand] :
         llvm::zip(body.getArguments(), op->getOperands())) {
      Tensor copy = in(operand);
      values[argument] = copy;
    }
    // What leaves the kernel is rounded where it is made.
    for (Operation &inner : body.without_terminator()) {
      run(&inner);
      for (Value result : inner.getResults())
        if (llvm::is_contained(body.getTerminator()->getOperands(), result))
          roundBf16(result);
    }
    for (auto [result, yielded] :
         llvm::zip(op->getResults(), body.getTerminator()->getOperands())) {
      Tensor copy = in(yielded);
      values[result] = copy;
    }
  }

  /// Calls f(b, h, i, query offset, row of probabilities) for every query.
  template <typename Op, typename F> void overQueries(Op op, F f) {
    auto q = in(op.getQuery()), k = in(op.getKey());
    size_t batch = typeOf(op.getQuery()).getDimSize(0),
           time = typeOf(op.getQuery()).getDimSize(1);
    size_t heads = op.getHeads(), kvHeads = op.getKvHeads(),
           d = op.getHeadDim();
    for (size_t b = 0; b < batch; ++b)
      for (size_t h = 0; h < heads; ++h)
        for (size_t i = 0; i < time; ++i) {
          size_t query = ((b * time + i) * heads + h) * d;
          auto key = [&](size_t j) {
            return ((b * time + j) * kvHeads + h / (heads / kvHeads)) * d;
          };
          size_t seen = op.getCausal() ? i + 1 : time;
          Tensor p(seen);
          for (size_t j = 0; j < seen; ++j) {
            for (size_t c = 0; c < d; ++c)
              p[j] += q[query + c] * k[key(j) + c];
            p[j] *= op.getEffectiveScale();
            if (op.getSoftcap()) {
              double cap = op.getSoftcap()->convertToDouble();
              p[j] = cap * std::tanh(p[j] / cap);
            }
            if ((op.getWindow() && i - j >= *op.getWindow()) ||
                j < startOf(op.getStarts(), b * time + i))
              p[j] = -INFINITY;
          }
          double most = *std::max_element(p.begin(), p.end()), sum = 0;
          for (double x : p)
            sum += std::exp(x - most);
          double lse = most + std::log(sum);
          for (double &x : p)
            x = std::exp(x - lse);
          f((b * heads + h) * time + i, query, key, p, lse);
        }
  }

  void eval(AttentionOp op) {
    auto v = in(op.getValue());
    Tensor result(in(op.getQuery()).size());
    Tensor lses(in(op.getQuery()).size() / op.getHeadDim());
    overQueries(op, [&](size_t row, size_t query, auto key, const Tensor &p,
                        double lse) {
      lses[row] = lse;
      for (size_t j = 0; j < p.size(); ++j)
        for (int64_t c = 0; c < op.getHeadDim(); ++c)
          result[query + c] += p[j] * v[key(j) + c];
    });
    values[op.getResult()] = result;
    if (op.getLse())
      values[op.getLse()] = lses;
  }

  void eval(AttentionGradOp op) {
    auto q = in(op.getQuery()), k = in(op.getKey()), v = in(op.getValue()),
         grad = in(op.getGrad()), o = in(op.getOutput());
    Tensor dq(q.size()), dk(k.size()), dv(v.size());
    double scale = op.getEffectiveScale();
    int64_t d = op.getHeadDim();
    overQueries(op, [&](size_t, size_t query, auto key, const Tensor &p,
                        double) {
      double mean = 0;
      for (int64_t c = 0; c < d; ++c)
        mean += grad[query + c] * o[query + c];
      for (size_t j = 0; j < p.size(); ++j) {
        double dp = 0;
        for (int64_t c = 0; c < d; ++c)
          dp += grad[query + c] * v[key(j) + c];
        double ds = p[j] * (dp - mean);
        if (op.getSoftcap()) {
          double product = 0;
          for (int64_t c = 0; c < d; ++c)
            product += q[query + c] * k[key(j) + c];
          double cosh =
              std::cosh(scale * product / op.getSoftcap()->convertToDouble());
          ds /= cosh * cosh;
        }
        for (int64_t c = 0; c < d; ++c) {
          dv[key(j) + c] += p[j] * grad[query + c];
          dq[query + c] += scale * ds * k[key(j) + c];
          dk[key(j) + c] += scale * ds * q[query + c];
        }
      }
    });
    values[op.getQueryGrad()] = dq;
    values[op.getKeyGrad()] = dk;
    values[op.getValueGrad()] = dv;
  }

  Tensors &values;
  llvm::MapVector<StringAttr, OptimizerState> &states;
};

} // namespace

bool lns::test::evaluate(Operation *op, Tensors &values,
                         llvm::MapVector<StringAttr, OptimizerState> &states) {
  return Evaluator(values, states).run(op);
}
