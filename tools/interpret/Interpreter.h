//===- Interpreter.h - Executes lns in float64 ------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

//
// The interpreter is the definition of the language: every op is written once,
// as its description says, in float64 and without any trick. Data that an op
// cannot take (a token beyond the vocabulary) and ops that it does not know are
// errors at the op.
//
// Element types do not round: a module before and after a pass that makes
// tensors bf16 means the same numbers, and tests can compare them to 1e-12.
// Rounding::Bf16 asks for what narrow types do to the numbers: every bf16 value
// is rounded, and so are both operands of a product with a bf16 operand.
//
// Two more show how much a result depends on roundings at all (Monte Carlo
// arithmetic, Parker, Pierce and Eggert, Computing in Science & Engineering 2,
// 2000); the spread over seeds is an error that any order of computing may
// have.
//
// - Rounding::Random: every value is rounded to its own type, f32 ones too, up
//   or down by chance, with odds that make the mean right. Equal numbers of one
//   tensor are rounded alike, as they are when rounded to nearest: errors of
//   rows that repeat add up and do not cancel.
// - Rounding::Perturbed: every number but zero is moved by chance by up to half
//   a unit in its type's last place, whether it needs rounding or not. What
//   cancels to nothing because two numbers happen to be equal, as differences
//   from the mean of equal numbers do, shows what is left of it elsewhere.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_INTERPRET_INTERPRETER_H
#define LNS_TOOLS_INTERPRET_INTERPRETER_H

#include "dialect/LnsOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tools/interpret/Tensor.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include <map>
#include <string>

namespace lns::interpret {

/// A parameter and what belongs to it. All four tensors have one shape.
struct ParameterState {
  Role role = Role::matrix;
  TensorRef value, gradient, expAvg, expAvgSq;
  /// Whether the run stored a gradient, or changed the parameter.
  bool gradientStored = false;
  bool updated = false;
  /// Its compute weights by their symbols, of the parameter's own shape. An
  /// entry point that finds one missing begins with the definition; from then
  /// on it is what functions write, so that a stale one shows.
  std::map<std::string, TensorRef> compute = {};
};

/// What lns.stop_gradient gave, one run's values in their order. A derivative
/// of a function is that of its differences with these values as they were.
class StoppedValues {
public:
  /// From now on, runs get what the first one noted.
  void replay() {
    replays = true;
    next = 0;
  }
  /// Notes `value`, or puts the noted one in its place.
  void pass(TensorRef &value) {
    if (!replays)
      values.push_back(value);
    else if (next < values.size())
      value = values[next++];
  }

private:
  std::vector<TensorRef> values;
  size_t next = 0;
  bool replays = false;
};

/// Parameters by their Hugging Face names, in the order of declaration. A copy
/// is cheap: tensors are shared.
struct Environment : llvm::MapVector<std::string, ParameterState,
                                     std::map<std::string, unsigned>> {
  /// Optimizer steps that are done: what lns.ramp looks at.
  double stepsDone = 0;
  /// What an lns.cache has, by its symbol. One that is read before anybody
  /// wrote has numbers by chance, the same in every run.
  std::map<std::string, TensorRef> caches = {};
  /// Not owned; null where nobody takes differences.
  StoppedValues *stopped = nullptr;
};

/// Adds every parameter that `module` declares, in either form, with all its
/// tensors zero. An error: a parameter of more than Tensor::maxElements.
llvm::LogicalResult declareParameters(mlir::ModuleOp module,
                                      Environment &environment);

/// What a compute weight is by definition, of the parameters as they are. Null,
/// with an error emitted, where one of them has no value.
TensorRef defineComputeWeight(ComputeWeightOp weight,
                              const Environment &environment);

/// `name` with its `{layer}` replaced.
std::string replaceLayer(llvm::StringRef name, int64_t layer);

enum class Rounding { None, Bf16, Random, Perturbed };
/// Whether values of a planned function lose their numbers where the plan gives
/// their memory to others (PlannedMemory).
enum class Memory { Values, Poisoned };

class PlannedMemory;

/// Executes functions and models against one environment.
class Interpreter {
public:
  explicit Interpreter(Environment &environment,
                       Rounding rounding = Rounding::None, uint64_t seed = 0,
                       Memory memory = Memory::Values)
      : environment(environment), rounding(rounding), seed(seed),
        memory(memory) {}

  /// Runs a function of graph form. `arguments` has one tensor per argument,
  /// of the argument's type up to dynamic extents; `results` is overwritten.
  llvm::LogicalResult run(mlir::func::FuncOp function,
                          llvm::ArrayRef<TensorRef> arguments,
                          llvm::SmallVectorImpl<TensorRef> &results);

  /// Runs a model on tokens [batch, time]; gives its logits.
  llvm::LogicalResult run(ModelOp model, const TensorRef &tokens,
                          TensorRef &logits);

  /// The largest magnitude among all values of the run; infinite if one is not
  /// a number. Functions that lns.repeat calls are not looked into.
  double getLargest() const { return largest; }

private:
  llvm::LogicalResult runBlock(mlir::Block &block,
                               llvm::ArrayRef<TensorRef> arguments,
                               llvm::SmallVectorImpl<TensorRef> &yielded,
                               PlannedMemory *planned = nullptr);
  llvm::LogicalResult runOp(mlir::Operation *op);
  llvm::LogicalResult runLayers(LayersOp layers);
  llvm::LogicalResult runRepeat(RepeatOp repeat);
  llvm::LogicalResult addComputeWeights(mlir::ModuleOp module);
  llvm::LogicalResult bind(mlir::Value value, TensorRef tensor);

  /// What `tensor` becomes as a value of this element type.
  TensorRef round(TensorRef tensor, mlir::Type element);

  Environment &environment;
  Rounding rounding;
  /// Of what is by chance; changes with every value that is bound.
  uint64_t seed;
  Memory memory;
  llvm::DenseMap<mlir::Value, TensorRef> values;
  double largest = 0;
  /// 0-based index of the block that runs, and of the next lns.layers' first
  /// block, both counted over the whole model.
  int64_t layer = 0, nextLayer = 0;
  llvm::StringRef blockType; ///< of the block that runs; empty without one
};

} // namespace lns::interpret

#endif // LNS_TOOLS_INTERPRET_INTERPRETER_H
