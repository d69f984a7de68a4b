//===- conformance.h - Does a plan do what its model means? -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Compiles small models, runs the plan and the training form in the
// float64 interpreter, from the same parameters and tokens: loss, logits, every
// gradient, and every parameter and moment after three optimizer steps.
//
// With bf16 activations, results differ by what rounding does to the model, not
// by what kernels do wrong. How much that is, the interpreter says when it
// rounds, too: `rounded` below. A plan rounds a little less (values that stay
// inside a kernel are f32), but at other places, so its distance from the exact
// result must be about that of the rounded one, or less. Were kernels to
// truncate, their error would be twice that, and systematic.
//
// How much may it be at all? One rounding is a relative error of at most
// u = 2^-8. To first order, R of them change a result by the sum of their
// errors, each times how much the result depends on that number, its condition.
// The errors are independent with mean zero, so they add up like a random walk,
// to sqrt(R) u times the condition (Higham and Mary, SIAM J. Sci. Comput. 41,
// 2019), not to R u. R is at most the number of bf16 tensors in @grads;
// conditions of these models are about one, as gains and norms keep every
// tensor near one, and at most two is allowed for products of two rounded
// factors.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_UNIT_CONFORMANCE_H
#define LNS_TEST_UNIT_CONFORMANCE_H

#include "codegen/plan/Plan.h"
#include "frontend/HuggingFaceConfig.h"
#include "runtime/lnsrt.hpp"
#include "tools/interpret/Interpreter.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"
#include <cmath>
#include <gtest/gtest.h>

namespace lns {

struct Case {
  const char *name;
  NormScheme norm;   ///< with its default options
  const char *model; ///< a config.json's text, or a file of test/Models
  int64_t batch, sequence;
  const char *level; ///< of the CPU's code, or "cuda"
  bool bf16 = false;
  bool fuseProducts = true; ///< only for CUDA
  int64_t parts = 1;        ///< micro-batches
  /// The first sequence's targets, and every third of the others', are ignored:
  /// of parts of one sequence, the first has no target that counts.
  bool ignores = false;
  const char *choice = nullptr; ///< in place of `norm`, with its options
  bool documents = false;       ///< several in a row, of various lengths
};

/// `cases`; and, where the environment has LNS_ALL_SCHEMES, every scheme in f32
/// and in bf16, which takes minutes.
std::vector<Case> withAllSchemes(llvm::ArrayRef<Case> cases, const char *level);

// Odd sizes on purpose: head sizes 8, 10 and 26, widths that no vector divides,
// times that no tile divides.
inline constexpr const char *kGrouped =
    R"({"model_type": "llama", "vocab_size": 96,
  "hidden_size": 48, "intermediate_size": 84, "num_hidden_layers": 3,
  "num_attention_heads": 6, "num_key_value_heads": 2,
  "tie_word_embeddings": false, "rms_norm_eps": 1e-5})";
inline constexpr const char *kTied =
    R"({"model_type": "llama", "vocab_size": 300,
  "hidden_size": 30, "intermediate_size": 61, "num_hidden_layers": 2,
  "num_attention_heads": 3, "tie_word_embeddings": true})";
inline constexpr const char *kOddHeads =
    R"({"model_type": "llama", "vocab_size": 50,
  "hidden_size": 52, "intermediate_size": 17, "num_hidden_layers": 2,
  "num_attention_heads": 2, "tie_word_embeddings": false})";

// One block of four is Post-LN where a quarter is.
inline constexpr const char *kDeep =
    R"({"model_type": "llama", "vocab_size": 50,
  "hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 4,
  "num_attention_heads": 2, "tie_word_embeddings": false})";

// Biases everywhere, and a gate that is zero half of the time.
inline constexpr const char *kBiases =
    R"({"model_type": "llama", "vocab_size": 61,
  "hidden_size": 36, "intermediate_size": 50, "num_hidden_layers": 2,
  "num_attention_heads": 3, "num_key_value_heads": 1, "attention_bias": true,
  "mlp_bias": true, "hidden_act": "relu", "tie_word_embeddings": true})";

// By its config.json: heads of 6 columns, positions beyond the sequence, and
// scores over the layer's number.
inline constexpr const char *kGpt2 =
    R"({"model_type": "gpt2", "vocab_size": 61, "n_embd": 30, "n_layer": 3,
  "n_head": 5, "n_positions": 37, "n_inner": 52,
  "scale_attn_by_inverse_layer_idx": true})";

/// A bf16 result may be as far from the exact one as the rounded one, times
/// this: small tensors, such as biases, are sums over few rounding errors, and
/// two such sums may well differ so.
inline constexpr double kSlack = 4;
/// The same of parameters that AdamW changed. Elements that rounding is likely
/// to turn the other way are left out (noteUndecided), but now and then it
/// turns one that is not so near zero, on either side, and moves it by twice a
/// step.
inline constexpr double kStepSlack = 6;
/// The same of the median over all tensors, which chance moves little: it is
/// about one, 1.2 where a few biases are most of the tensors, and up to 1.9
/// where kernels truncate.
inline constexpr double kMedianSlack = 1.3;
/// The greatest relative error of a rounding to bf16.
inline constexpr double kUnit = 1.0 / 256;

class Conformance : public testing::TestWithParam<Case> {
protected:
  /// The exact result, and the one that is rounded as bf16 is.
  struct Reference {
    interpret::TensorRef exact, rounded;
  };

  void SetUp() override;

  /// The case's model in training form, for other sizes or without documents.
  mlir::OwningOpRef<mlir::ModuleOp>
  makeTraining(int64_t batch, int64_t sequence, int64_t parts, bool documents);
  /// The plan of a training form; none where a test has failed.
  std::optional<lnsrt::Plan> makePlan(mlir::ModuleOp trained);
  /// A session of it with the parameters of `environment`.
  std::optional<lnsrt::Session> makeSessionOf(const lnsrt::Plan &other);

  /// Whether the plan traces the stream, too.
  virtual bool hasDiagnostics() const { return false; }
  /// Whether it decodes token by token.
  virtual bool decodes() const { return false; }

  /// A new session of the plan, with the parameters of `environment` as they
  /// were at first.
  void makeSession(unsigned threads);
  void restoreParameters();
  /// As at first: a new session, and both sides' parameters.
  void reset();

  /// What every device must show. A check begins with what `reset` makes.
  void checkLogits();
  void checkLoss();
  void checkGradients();
  void checkThreeSteps();
  void checkIgnoredTargetsDoNotCount();
  /// Of the CPU alone.
  void checkThreads();
  /// Of CUDA alone.
  void checkOrders();
  void checkWritesAreSeen();

  using Check = std::pair<const char *, void (Conformance::*)()>;
  /// What this program's device must show beside that.
  static llvm::ArrayRef<Check> getDeviceChecks();
  void checkPlan(); ///< all of them

  /// What the session is given, and the same for the interpreter.
  lnsrt::Batch getBatch() const {
    return lnsrt::Batch(tokens.data(), targets.data(),
                        starts.empty() ? nullptr : starts.data());
  }
  llvm::SmallVector<interpret::TensorRef>
  addStarts(llvm::SmallVector<interpret::TensorRef> arguments) const {
    if (startsTensor)
      arguments.push_back(startsTensor);
    return arguments;
  }

  /// Optimizer steps that are done at first: where branches open with them, the
  /// first block's are open, and others on their way.
  static uint64_t getStepsDone();

  /// Makes targets ones that are ignored.
  void ignore(llvm::function_ref<bool(int64_t index)> isIgnored);

  Reference interpretEntry(llvm::StringRef name,
                           llvm::ArrayRef<interpret::TensorRef> arguments);

  /// Expects `ours` within `tolerance` of the reference, relative to its norm;
  /// in bf16, about as near as the rounded reference.
  void expectNear(const std::vector<float> &ours, const Reference &reference,
                  double tolerance, llvm::StringRef what, double slack,
                  bool isConditioned = true);
  void expectLoss(double loss, const Reference &reference);
  void expectTensors(lnsrt_tensor_kind kind,
                     interpret::TensorRef interpret::ParameterState::*member,
                     double tolerance, double slack);

  /// Whether the gradient that was interpreted last is zero but for the
  /// interpreter's own rounding: a bias of keys that RoPE does not turn moves
  /// all scores of a query alike, which a softmax does not see.
  bool isUnseen(llvm::StringRef name);

  /// Marks the elements whose gradient in the step just interpreted is so near
  /// zero that rounding decides its sign. AdamW's first steps are as long for
  /// these as for all others, so that where they go is chance: expectTensors
  /// leaves them out of parameters, not of moments.
  void noteUndecided();

  /// R above.
  double countRoundings();

  /// Every gradient's bits.
  std::vector<std::vector<float>> readGradients() {
    return readGradientsOf(*session);
  }
  std::vector<std::vector<float>> readGradientsOf(lnsrt::Session &of);

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> training;
  std::optional<lnsrt::Plan> plan;
  std::optional<lnsrt::Session> session;
  interpret::Environment environment, rounded;
  interpret::Environment atFirst; ///< both of them
  interpret::TensorRef tokenTensor, targetTensor, startsTensor;
  std::vector<int32_t> tokens, targets, starts;
  llvm::StringMap<std::vector<bool>> undecided;

private:
  mlir::OwningOpRef<mlir::ModuleOp> readModel();
  void compile(mlir::ModuleOp trained, Plan &compiled);
  void openPlan();
  void setStarts();
  void setParameters();
};

/// Where a second document of a row starts on a multiple of this, its logits
/// have the bits that they have alone: a vector of the CPU's kernels, by which
/// attention sums over keys.
inline constexpr int64_t kPackAlignment = 16;

/// Several documents in a row against what each is alone (documents.cpp); all
/// of its cases have some.
class DocumentConformance : public Conformance {
protected:
  /// Gradients of one session, each times a weight, added up.
  using Sums = std::vector<std::vector<double>>;
  void addGradients(lnsrt::Session &of, double weight, Sums &sums);
};

/// |ours - reference| / |reference|; infinite where a value is not finite.
template <typename Number>
double distance(const std::vector<Number> &ours,
                const std::vector<double> &reference) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < ours.size(); ++i) {
    if (!std::isfinite(ours[i]) || !std::isfinite(reference[i]))
      return INFINITY;
    error += (ours[i] - reference[i]) * (ours[i] - reference[i]);
    norm += reference[i] * reference[i];
  }
  return norm > 0 ? std::sqrt(error / norm) : std::sqrt(error);
}

/// The same with diagnostics; its test is in trace_conformance.cpp.
class TraceConformance : public Conformance {
protected:
  bool hasDiagnostics() const override { return true; }
};

/// The same with decode; its test is in decode_conformance.cpp.
class DecodeConformance : public Conformance {
protected:
  bool decodes() const override { return true; }
};

} // namespace lns

#endif // LNS_TEST_UNIT_CONFORMANCE_H
