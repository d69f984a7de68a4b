//===- Generator.h - What a random model is grown with ----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Every draw is one of `random`'s: a draw more, fewer or elsewhere makes other
// models of the seeds that are written down.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_FUZZ_GENERATOR_H
#define LNS_TEST_FUZZ_GENERATOR_H

#include "test/fuzz/Random.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <string>

namespace lns::fuzz {

/// A hidden state, [batch, time, width].
struct Value {
  std::string name;
  int64_t width;

  std::string type() const {
    return "tensor<?x?x" + std::to_string(width) + "xf32>";
  }
};

/// A value of this many heads, each of them a row of its own. They are of no
/// use but to what makes them and joins them again.
struct Heads {
  std::string name;
  int64_t count, width;

  std::string type() const {
    return "tensor<?x?x" + std::to_string(count) + "x" + std::to_string(width) +
           "xf32>";
  }
};

struct Parameter {
  std::string name; ///< of the SSA value
  llvm::SmallVector<int64_t, 2> shape;
  std::string declaration; ///< what is behind "%name = "; empty: computed

  std::string type() const {
    std::string text = "tensor<";
    for (int64_t extent : shape)
      text += std::to_string(extent) + "x";
    return text + "f32>";
  }
};

/// As the parser takes it: always with a point.
std::string printNumber(double number);

/// Grows one model. What makes a value emits its op, and whatever it reads
/// before it.
class Generator {
public:
  Generator(Random &random, int64_t sequence)
      : random(random), sequence(sequence) {}

  /// The model's text, once.
  std::string run();

private:
  //===--- Text, GenerateParameters.cpp ---===//

  void emit(const std::string &line);
  /// "%vN = " + `op`, a new value of this width.
  Value define(int64_t width, const std::string &op);
  static std::string attributes(llvm::ArrayRef<std::string> list);
  /// A `by_type` with what `describe` says of some types of the blocks around;
  /// empty where they have none. GenerateHeads.cpp.
  std::string byType(llvm::function_ref<std::string()> describe);

  //===--- Sizes, GenerateParameters.cpp ---===//

  void chooseSizes();
  int64_t anyWidth() { return random.pick<int64_t>(widths); }
  double anyScale();

  //===--- Values, GenerateParameters.cpp ---===//

  /// One of the values that are there, newer ones more often; of a width, if
  /// one is given. Nothing where there is none.
  const Value *pickValue(int64_t width = 0);
  Value anyValue() { return *pickValue(); }
  /// One of this width, made by a linear where there is none.
  Value valueOf(int64_t width);

  //===--- Parameters, GenerateParameters.cpp ---===//

  std::string anyInit(bool isGain);
  /// A new parameter, or one that is there already.
  Parameter parameter(llvm::ArrayRef<int64_t> shape, const char *role);
  /// A value that is no parameter but stands for one: a table or vector that is
  /// computed from parameters, as a normalized or shared weight is.
  Parameter computed(llvm::ArrayRef<int64_t> shape, const std::string &op);
  /// One of x's shape, from x and others by an op.
  Parameter compute(const Parameter &x);
  /// A norm's gain, which may be a parameter and a number.
  Parameter gainOf(int64_t width);
  Parameter declare(llvm::ArrayRef<int64_t> shape,
                    const std::string &declaration);

  //===--- Single ops, GenerateOps.cpp ---===//

  Value norm(const Value &x);
  Value linear(const Value &x, int64_t width);
  std::string anyActivation();
  Value activation(const Value &x);
  Value gate(const Value &g, const Value &u);
  Value residual(const Value &skip, const Value &branch);
  Value embed();
  Value addPositions();
  /// Ops that people do not write but that a model may hold.
  Value graphOp();

  //===--- Heads, GenerateHeads.cpp ---===//

  Value rope(const Value &x, int64_t headDim);
  std::string anyRotation(const std::string &name, int64_t headDim);
  Heads defineHeads(int64_t count, int64_t width, const std::string &op);
  /// The same in number and width, from an op of one operand's type.
  Heads sameHeads(const Heads &heads, const std::string &op,
                  const std::string &types = "");
  Heads split(const Value &x, int64_t count);
  Value join(const Heads &heads);
  /// A norm of heads, mostly as models have it: RMS, with a gain for all heads.
  Heads norm(const Heads &heads);
  /// A number for every head, from a linear or a value that is that wide.
  Heads gateOf(const Heads &heads);
  Heads onHeads(const Heads &heads);
  /// Some ops on heads of x, however many divide it.
  Value throughHeads(const Value &x);
  Value attend(const Value &q, const Value &k, const Value &v, int64_t heads,
               int64_t kvHeads);
  /// Self-attention of x, all of it or parts of it behind linears.
  Value attention(const Value &x);

  //===--- Structure, GenerateModel.cpp ---===//

  Value feedForward(const Value &x);
  /// A branch as people write it.
  Value block(const Value &x);
  void step();
  /// Yields come from anywhere in the block: a value that is passed through,
  /// two that change places, one of outside.
  void layers();
  /// What may be between the head and the loss; logits that nothing has
  /// changed more often.
  Value finish(Value logits);
  Value head();

  Random &random;
  int64_t sequence, vocabulary = 0;
  llvm::SmallVector<int64_t> widths;
  std::string text;
  int64_t indent = 0, counter = 0;
  bool inLayers = false, isDeep = false, wentDeep = false;
  llvm::SmallVector<std::string> blockTypes; ///< of the lns.layers around
  int64_t biasPercent = 0, sharePercent = 0, oddPercent = 0;
  llvm::SmallVector<Value> values;
  llvm::SmallVector<Parameter> parameters;
};

} // namespace lns::fuzz

#endif // LNS_TEST_FUZZ_GENERATOR_H
