//===- Pad.cpp - Widths that kernels like -----------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// With zero rows added to W1 and b1 and zero columns to W2,
//
//   linear(f(linear(x, W1) + b1), W2)
//
// stays what it is if f(0) = 0: the new columns of the inner value are sums of
// products with zeros, and the second product adds products of zeros.
//
// The gradients of what is added are exactly 0, not nearly. With h = f(u), the
// new columns of dh = dz W2 are products with the zero columns of W2; so those
// of du are 0 too, an adjoint being linear in dh, and so are the new rows of
// dW1 = du^T x and elements of db1 = sum of du. The new columns of dW2 = dz^T h
// are products with the zero columns of h. Weight decay keeps zeros, and AdamW
// subtracts 0 / (sqrt(0) + eps), for which eps must not be 0: the runtime sees
// to that. Zeros do not make a line longer, and lines of zeros are not
// projected. All this holds as long as no infinity is multiplied by a zero; a
// model with one is lost with and without padding.
//
// Padding spreads through all that must have one width: the rows of W1, the
// inner values, the columns of W2. Such a class of dimensions is padded as a
// whole or not at all, in all functions, for they share the parameters.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Pass/Pass.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

namespace lns {
#define GEN_PASS_DEF_PAD
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

/// Wider than any kernel's tile; keeps sizes from overflowing.
static constexpr int64_t kMaxMultiple = 4096;

namespace {

/// Dimensions that must have one extent: the last one of a value, or any one of
/// a parameter. Classes are trees of nodes, a node with a smaller number on
/// top.
class Widths {
public:
  explicit Widths(ModuleOp module) : symbols(module) {}

  struct Node {
    unsigned parent;
    int64_t extent;
    std::string refusal; ///< of the class, in its top node; empty: none
    LinearOp maker;      ///< the first linear that makes values so wide
  };

  void read(Operation *op) {
    llvm::TypeSwitch<Operation *>(op)
        .Case([&](GetOp get) {
          if (get.getStorage() == Storage::cache)
            return refuseOp(get);
          // Training form has more to it than this pass knows.
          if (get.getStorage() != Storage::parameter)
            refuseParameter(get, get.getSymbolAttr());
        })
        .Case([&](SetOp set) {
          if (set.getStorage() == Storage::cache)
            return refuseOp(set);
          refuseParameter(set, set.getSymbolAttr());
        })
        .Case<AdamWOp, ProjectOp>(
            [&](auto op) { refuseParameter(op, op.getSymbolAttr()); })
        .Case([&](LinearOp linear) { readLinear(linear); })
        .Case([&](RowOpInterface rowOp) {
          if (rowOp.keepsZeroColumns())
            readRowOp(rowOp);
          else
            refuseOp(rowOp);
        })
        .Default([&](Operation *other) { refuseOp(other); });
  }

  /// All classes that a linear makes, in order: the top node and its class.
  llvm::SmallVector<unsigned> getTops() {
    llvm::SmallVector<unsigned> tops;
    for (unsigned i = 0; i < nodes.size(); ++i)
      if (nodes[i].parent == i && nodes[i].maker)
        tops.push_back(i);
    return tops;
  }

  const Node &operator[](unsigned top) const { return nodes[top]; }

  /// Gives every dimension of each class that has a new extent, by its top
  /// node, that extent.
  void widen(const llvm::DenseMap<unsigned, int64_t> &extents) {
    for (auto [value, node] : values)
      if (auto it = extents.find(getTop(node)); it != extents.end())
        value.setType(replaceExtent(value.getType(), -1, it->second));
    for (auto [dimension, node] : parameters)
      if (auto it = extents.find(getTop(node)); it != extents.end()) {
        auto parameter = cast<ParameterOp>(dimension.first);
        parameter.setStorageAttr(TypeAttr::get(replaceExtent(
            parameter.getStoredType(), dimension.second, it->second)));
      }
  }

private:
  /// Dimension `index`, the last one for -1.
  static RankedTensorType replaceExtent(Type type, int64_t index,
                                        int64_t extent) {
    auto tensor = cast<RankedTensorType>(type);
    SmallVector<int64_t> shape(tensor.getShape());
    shape[index < 0 ? shape.size() - 1 : index] = extent;
    return tensor.clone(shape);
  }

  unsigned addNode(int64_t extent) {
    nodes.push_back({unsigned(nodes.size()), extent, "", LinearOp()});
    return nodes.size() - 1;
  }

  unsigned getTop(unsigned node) {
    while (nodes[node].parent != node)
      node = nodes[node].parent = nodes[nodes[node].parent].parent;
    return node;
  }

  ParameterOp getParameter(Value value) {
    auto get = value.getDefiningOp<GetOp>();
    return get ? symbols.lookup<ParameterOp>(get.getSymbol()) : ParameterOp();
  }

  unsigned getParameterNode(ParameterOp parameter, unsigned dimension) {
    auto [entry, isNew] = parameters.insert({{parameter, dimension}, 0});
    if (isNew)
      entry->second = addNode(cast<RankedTensorType>(parameter.getStoredType())
                                  .getDimSize(dimension));
    return entry->second;
  }

  /// The last dimension's node; the value has rank >= 1.
  unsigned getNode(Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    if (ParameterOp parameter = getParameter(value))
      return getParameterNode(parameter, type.getRank() - 1);
    auto [entry, isNew] = values.insert({value, 0});
    if (isNew) {
      entry->second = addNode(type.getShape().back());
      if (isa<BlockArgument>(value))
        refuse(entry->second, "an argument of a function is so wide");
    }
    return entry->second;
  }

  void unite(unsigned a, unsigned b) {
    a = getTop(a);
    b = getTop(b);
    if (a == b)
      return;
    if (b < a)
      std::swap(a, b);
    nodes[b].parent = a;
    if (nodes[a].refusal.empty())
      nodes[a].refusal = std::move(nodes[b].refusal);
    if (!nodes[a].maker)
      nodes[a].maker = nodes[b].maker;
  }

  void refuse(unsigned node, const llvm::Twine &reason) {
    std::string &refusal = nodes[getTop(node)].refusal;
    if (refusal.empty())
      refusal = reason.str();
  }

  void refuseParameter(Operation *op, FlatSymbolRefAttr symbol) {
    if (auto weight = symbols.lookup<ComputeWeightOp>(symbol.getValue())) {
      refuseParameter(op, weight.getWeightAttr());
      if (weight.getGainAttr())
        refuseParameter(op, weight.getGainAttr());
      return;
    }
    auto parameter = symbols.lookup<ParameterOp>(symbol.getValue());
    auto type = cast<RankedTensorType>(parameter.getType());
    for (unsigned i = 0; i < type.getRank(); ++i)
      refuse(getParameterNode(parameter, i),
             "parameter '@" + parameter.getSymName() + "' has another user, '" +
                 op->getName().getStringRef() + "'");
  }

  /// Only a parameter's leading dimensions may be padded; `op` would not know.
  void refuseLeading(Operation *op, Value value) {
    ParameterOp parameter = getParameter(value);
    if (!parameter)
      return;
    auto type = cast<RankedTensorType>(value.getType());
    for (unsigned i = 0; i + 1 < type.getRank(); ++i)
      refuse(getParameterNode(parameter, i),
             "parameter '@" + parameter.getSymName() + "' has another user, '" +
                 op->getName().getStringRef() + "'");
  }

  void refuseReading(Operation *op, Value value) {
    auto type = dyn_cast<RankedTensorType>(value.getType());
    if (!type || type.getRank() == 0)
      return;
    if (getParameter(value)) {
      refuseParameter(op, value.getDefiningOp<GetOp>().getSymbolAttr());
      return;
    }
    refuse(getNode(value),
           "'" + op->getName().getStringRef() + "' reads a value so wide");
  }

  void refuseOp(Operation *op) {
    for (Value operand : op->getOperands())
      refuseReading(op, operand);
    for (Value result : op->getResults())
      if (auto type = dyn_cast<RankedTensorType>(result.getType());
          type && type.getRank() > 0)
        refuse(getNode(result),
               "'" + op->getName().getStringRef() + "' makes a value so wide");
  }

  /// `op` maps zero columns to zero columns.
  void readRowOp(RowOpInterface op) {
    Value first = op->getResult(0);
    if (cast<RankedTensorType>(first.getType()).getRank() == 0)
      return;
    for (OpOperand &operand : op->getOpOperands()) {
      if (!op.readsColumns(operand.getOperandNumber())) {
        refuseReading(op, operand.get());
        continue;
      }
      unite(getNode(operand.get()), getNode(first));
      refuseLeading(op, operand.get());
    }
    for (Value result : op->getResults().drop_front())
      unite(getNode(result), getNode(first));
  }

  void readLinear(LinearOp linear) {
    unsigned result = getNode(linear.getResult());
    if (!nodes[getTop(result)].maker)
      nodes[getTop(result)].maker = linear;
    unite(getNode(linear.getInput()), getNode(linear.getWeight()));
    refuseLeading(linear, linear.getInput());
    if (ParameterOp weight = getParameter(linear.getWeight()))
      unite(result, getParameterNode(weight, 0));
    else
      refuse(result, "a linear that makes a value so wide has a weight that is "
                     "no parameter");
    if (linear.getBias())
      unite(result, getNode(linear.getBias()));
    if (linear.getGain())
      unite(getNode(linear.getInput()), getNode(linear.getGain()));
  }

  SymbolTable symbols;
  std::vector<Node> nodes;
  llvm::MapVector<Value, unsigned> values;
  llvm::MapVector<std::pair<Operation *, unsigned>, unsigned> parameters;
};

struct PadPass : lns::impl::PadBase<PadPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (multiple < 1 || multiple > kMaxMultiple) {
      module.emitError(
          "'multiple' of 'lns-pad' must be at least 1 and at most ")
          << kMaxMultiple << ", got " << int64_t(multiple);
      return signalPassFailure();
    }
    Widths widths(module);
    // Ops without operands and results, such as functions, say nothing.
    for (auto function : module.getOps<func::FuncOp>())
      function.walk([&](Operation *op) { widths.read(op); });
    llvm::DenseMap<unsigned, int64_t> extents;
    for (unsigned top : widths.getTops()) {
      int64_t extent = widths[top].extent;
      if (extent % multiple == 0)
        continue;
      LinearOp maker = widths[top].maker;
      Location location = maker.getLoc();
      auto options = remark::RemarkOpts::name("pad").category("lns-pad");
      if (!widths[top].refusal.empty()) {
        remark::missed(location, options)
            << "width not padded: " + widths[top].refusal
            << remark::metric("width", extent);
        continue;
      }
      int64_t padded = llvm::alignTo(extent, multiple);
      extents[top] = padded;
      remark::passed(location, options)
          << "width padded with zeros" << remark::metric("width", extent)
          << remark::metric("to", padded);
    }
    if (extents.empty())
      return markAllAnalysesPreserved();
    widths.widen(extents);
    SymbolTable symbols(module);
    for (auto function : module.getOps<func::FuncOp>())
      function.walk([&](GetOp get) {
        if (auto parameter = symbols.lookup<ParameterOp>(get.getSymbol()))
          get.getValue().setType(
              cast<RankedTensorType>(parameter.getStoredType()));
      });
  }
};

} // namespace
