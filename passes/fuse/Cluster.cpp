//===- Cluster.cpp - Groups row ops into kernels ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Row ops (RowOpInterface) that feed each other and work on the same rows and
// width become one `lns.cluster`, that is one kernel: what passes between them
// stays in registers and is never written to memory.
//
// A merge is legal when the contracted graph stays free of cycles, that is when
// no path leads from one group through an op outside back into the other.
//
//===----------------------------------------------------------------------===//

#include "passes/fuse/Cluster.h"
#include "dialect/LnsDialect.h"
#include "dialect/LnsMemory.h"
#include "dialect/LnsOps.h"
#include "passes/Passes.h"
#include "passes/analysis/Loss.h"
#include "passes/fuse/ContractedGraph.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/CSE.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

namespace lns {
#define GEN_PASS_DEF_CLUSTER
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

namespace {

/// Rows and columns that a row op works on.
struct RowSpace {
  SmallVector<int64_t> rows;
  int64_t width = 0;

  bool operator==(const RowSpace &other) const {
    return rows == other.rows && width == other.width;
  }
};

bool isRowOp(Operation *op) { return isa<RowOpInterface>(op); }

std::optional<RowSpace> getRowSpace(Operation *op) {
  RankedTensorType full = wholeRowsType(op);
  if (!full || full.getRank() < 1 || !full.hasStaticShape())
    return std::nullopt;
  return RowSpace{llvm::to_vector(full.getShape().drop_back()),
                  full.getShape().back()};
}

} // namespace

bool lns::isCheapRowOp(Operation *op) {
  auto rowOp = dyn_cast<RowOpInterface>(op);
  return rowOp && rowOp.isCheap();
}

bool lns::canShareKernel(OpOperand &use) {
  return isRowOp(use.getOwner()) && !isSharedByRows(use) &&
         getRowSpace(use.getOwner()) == getRowSpace(use.get().getDefiningOp());
}

void lns::cloneCheapRowOps(Block &block) {
  // Backwards, so that chains of cheap ops are cloned from their ends.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block))) {
    if (!isRowOp(&op) || !isCheapRowOp(&op))
      continue;
    SmallVector<OpOperand *> rowUses;
    bool otherUses = false;
    for (OpOperand &use : op.getUses()) {
      if (canShareKernel(use))
        rowUses.push_back(&use);
      else
        otherUses = true;
    }
    if (otherUses || rowUses.empty())
      continue;
    // One of them can keep the original.
    rowUses.pop_back();
    llvm::MapVector<Operation *, Operation *> clones;
    for (OpOperand *use : rowUses) {
      Operation *&clone = clones[use->getOwner()];
      if (!clone) {
        OpBuilder builder(use->getOwner());
        clone = builder.clone(op);
      }
      use->set(clone->getResult(0));
    }
    if (op.use_empty())
      op.erase();
  }
}

namespace {

/// A block's ops, contracted into groups.
class Grouping {
public:
  explicit Grouping(Block &block)
      : graph(std::distance(block.begin(), std::prev(block.end()))) {
    llvm::DenseMap<Operation *, unsigned> index;
    for (Operation &op : block.without_terminator()) {
      index[&op] = ops.size();
      kernels.push_back(makeKernel(&op));
      ops.push_back(&op);
    }
    producers.resize(ops.size());
    if (Operation *loss = findLoss(block))
      for (Operation *op = loss->getNextNode(); op; op = op->getNextNode())
        behindLoss.insert(op);
    // By what `lns.get` names: that op, and readers of that memory.
    llvm::MapVector<StoredTensor, SmallVector<unsigned>> readers;
    SmallVector<unsigned> otherReaders; // since the last write
    std::optional<unsigned> lastWrite;
    for (unsigned i = 0; i < ops.size(); ++i) {
      for (OpOperand &operand : ops[i]->getOpOperands())
        if (Operation *producer = operand.get().getDefiningOp()) {
          producers[i].push_back(index.lookup(producer));
          graph.addEdge(producers[i].back(), i);
          if (isRowOp(ops[i]) && isSharedByRows(operand))
            kernels[i].sharedInputs.push_back(producers[i].back());
          if (auto get = getViewedValue(operand.get()).getDefiningOp<GetOp>())
            readers[getStoredTensor(get)].push_back(i);
        }
      StoredAccesses accesses(ops[i]);
      // What is there is overwritten after its last reader, and writes keep
      // their order.
      if (accesses.mayWrite()) {
        accesses.forEachWritten(readers, [&](auto &entry) {
          for (unsigned reader : entry.second)
            if (reader != i)
              graph.addEdge(reader, i);
        });
        for (unsigned reader : otherReaders)
          graph.addEdge(reader, i);
      }
      if (lastWrite && (accesses.mayRead() || accesses.mayWrite()))
        graph.addEdge(*lastWrite, i);
      // What is there is read after it was written.
      if (auto get = dyn_cast<GetOp>(ops[i]))
        readers[getStoredTensor(get)].push_back(i);
      else if (accesses.mayRead())
        otherReaders.push_back(i);
      if (accesses.mayWrite()) {
        lastWrite = i;
        otherReaders.clear();
      }
    }
  }

  /// Merges every row op with the groups of its producers where legal, and with
  /// those of earlier readers of what it reads: one kernel reads a value once
  /// for all of them.
  void run() {
    // An op with one multiplication per element belongs to its reader: with the
    // producer of a number per row instead, its result would be written.
    for (unsigned i = 0; i < ops.size(); ++i)
      if (!followsReader(ops[i]))
        mergeWithProducers(i);
    for (unsigned i = 0; i < ops.size(); ++i)
      if (kernels[i].space)
        for (unsigned producer : producers[i])
          mergeWithReaders(producer, i);
    for (unsigned i = 0; i < ops.size(); ++i)
      mergeWithProducers(i);
  }

  /// The groups in topological order, near their original places.
  SmallVector<SmallVector<Operation *>> getOrderedGroups() {
    SmallVector<SmallVector<Operation *>> result;
    for (unsigned g : graph.getOrder()) {
      SmallVector<Operation *> current;
      for (unsigned member : graph.getMembers(g))
        current.push_back(ops[member]);
      result.push_back(std::move(current));
    }
    return result;
  }

private:
  /// What a group needs of its kernel.
  struct Kernel {
    std::optional<RowSpace> space; ///< none: it is no kernel of row ops
    bool isScalars = false;        ///< ops that may as well be on row scalars
    bool sums = false;             ///< sums of a forward pass
    bool sumsAgain = false;        ///< such as may be computed again
    bool strides = false;          ///< has activations, in other strides
    int64_t headDim = 0;           ///< of its rotations; 0: it has none
    /// Ops whose results all rows read.
    SmallVector<unsigned, 0> sharedInputs;
  };

  static Kernel makeKernel(Operation *op) {
    Kernel kernel;
    auto rowOp = dyn_cast<RowOpInterface>(op);
    if (!rowOp)
      return kernel;
    kernel.space = getRowSpace(op);
    kernel.isScalars = rowOp.worksOnNumbers();
    // What has an adjoint is of a forward pass.
    kernel.sums = rowOp.isReduction() && isa<DifferentiableOpInterface>(op);
    kernel.sumsAgain = kernel.sums && !rowOp.isRowSum();
    kernel.strides = rowOp.getElementProgram(1).isTranscendental();
    kernel.headDim = rowOp.getRotatedHeadDim();
    return kernel;
  }

  static bool followsReader(Operation *op) {
    auto rowOp = dyn_cast<RowOpInterface>(op);
    return rowOp && (rowOp.isCheap() || rowOp.hasOperand(RowOperand::number)) &&
           llvm::any_of(op->getUsers(), isRowOp);
  }

  void mergeWithProducers(unsigned op) {
    if (!kernels[op].space)
      return;
    // Nearest producers first: they are the likeliest to be in cache.
    SmallVector<unsigned> candidates(producers[op]);
    llvm::sort(candidates, std::greater<>());
    for (unsigned candidate : candidates)
      tryMerge(candidate, op);
  }

  /// With those that stand just before, which is no bound for most values: what
  /// hundreds read is read in hundreds of places.
  void mergeWithReaders(unsigned producer, unsigned op) {
    constexpr size_t kMaxReaders = 32;
    ArrayRef<unsigned> readers = graph.getSuccessors(producer);
    readers =
        readers.take_front(llvm::lower_bound(readers, op) - readers.begin());
    for (unsigned reader : readers.take_back(kMaxReaders))
      if (readsSameRows(reader, op))
        tryMerge(reader, op);
  }

  /// Merges the groups of two ops if one kernel can hold both.
  void tryMerge(unsigned first, unsigned second) {
    unsigned a = graph.getGroup(first), b = graph.getGroup(second);
    if (a == b)
      return;
    // What is computed again behind the loss would be kept from before it.
    if (behindLoss.contains(ops[first]) != behindLoss.contains(ops[second]))
      return;
    std::optional<RowSpace> space = unify(kernels[a], kernels[b]);
    if (!space || sharesAcross(a, b) || changesSums(kernels[a], kernels[b]) ||
        rotateApart(kernels[a], kernels[b]) || !graph.merge(a, b))
      return;
    Kernel &from = kernels[a], &to = kernels[b];
    to.space = space;
    to.isScalars &= from.isScalars;
    to.sums |= from.sums;
    to.sumsAgain |= from.sumsAgain;
    to.strides |= from.strides;
    to.headDim = std::max(to.headDim, from.headDim);
    to.sharedInputs.append(from.sharedInputs);
    from.sharedInputs.clear();
  }

  /// Whether both ops read one value that spans whole rows.
  bool readsSameRows(unsigned a, unsigned b) {
    const std::optional<RowSpace> &own = kernels[a].space;
    if (!own || own != kernels[b].space)
      return false;
    return llvm::any_of(ops[a]->getOperands(), [&](Value operand) {
      auto type = dyn_cast<RankedTensorType>(operand.getType());
      return type && type.getRank() > int64_t(own->rows.size()) &&
             llvm::is_contained(ops[b]->getOperands(), operand);
    });
  }

  /// The rows and width of a kernel that holds both groups, if there can be
  /// one. Sums of row scalars (of shape [batch, time]) join a kernel over rows
  /// of that shape.
  static std::optional<RowSpace> unify(const Kernel &a, const Kernel &b) {
    if (!a.space || !b.space)
      return std::nullopt;
    if (*a.space == *b.space)
      return a.space;
    auto holdsScalarsOf = [](const Kernel &scalars, const Kernel &full) {
      SmallVector<int64_t> shape(scalars.space->rows);
      shape.push_back(scalars.space->width);
      return shape == full.space->rows && scalars.isScalars;
    };
    if (holdsScalarsOf(a, b))
      return b.space;
    if (holdsScalarsOf(b, a))
      return a.space;
    return std::nullopt;
  }

  /// Whether one group makes what all rows of the other read: it must then be
  /// complete before the other's first row.
  bool sharesAcross(unsigned a, unsigned b) {
    auto reads = [&](unsigned reader, unsigned from) {
      return llvm::any_of(kernels[reader].sharedInputs, [&](unsigned input) {
        return graph.getGroup(input) == from;
      });
    };
    return reads(a, b) || reads(b, a);
  }

  /// Whether a row of a forward pass would be summed up in another order than
  /// in a kernel without the other group: kernels with rotations go through a
  /// row by heads, those with activations in other strides. A sum that is
  /// computed again, among other neighbours, must come out the same.
  ///
  /// Rows that are heads are the exception: their norm and their rotation are
  /// one kernel. A number for every row, as row_rstd gives, is never computed
  /// again, and a rotation before the loss stays there, computed again or not.
  static bool changesSums(const Kernel &a, const Kernel &b) {
    auto changes = [](const Kernel &sums, const Kernel &order) {
      bool isHead = order.headDim && order.headDim == order.space->width;
      return (sums.sums && (order.strides || (order.headDim && !isHead))) ||
             (sums.sumsAgain && isHead);
    };
    return changes(a, b) || changes(b, a);
  }

  /// Whether heads of two widths are rotated: a kernel goes through a row by
  /// half heads of one.
  static bool rotateApart(const Kernel &a, const Kernel &b) {
    return a.headDim && b.headDim && a.headDim != b.headDim;
  }

  SmallVector<Operation *> ops;
  llvm::SmallPtrSet<Operation *, 32> behindLoss;
  ContractedGraph graph;                        // of ops
  SmallVector<Kernel> kernels;                  // by group
  SmallVector<SmallVector<unsigned>> producers; // op to ops
};

/// Moves `group` to the builder's place as one cluster.
void buildCluster(OpBuilder &builder, ArrayRef<Operation *> group) {
  llvm::SmallPtrSet<Operation *, 8> inside(group.begin(), group.end());
  llvm::SetVector<Value> inputs;
  SmallVector<Value> outputs;
  SmallVector<Location> locations;
  for (Operation *op : group) {
    locations.push_back(op->getLoc());
    for (Value operand : op->getOperands())
      if (!inside.contains(operand.getDefiningOp()))
        inputs.insert(operand);
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(),
                       [&](Operation *user) { return !inside.contains(user); }))
        outputs.push_back(result);
  }

  SmallVector<Type> outputTypes =
      llvm::to_vector(ValueRange(outputs).getTypes());
  auto cluster = ClusterOp::create(builder, group.back()->getLoc(), outputTypes,
                                   inputs.getArrayRef());
  Block *body = cluster.getBody().empty() ? &cluster.getBody().emplaceBlock()
                                          : &cluster.getBody().front();
  IRMapping mapping;
  for (Value input : inputs)
    mapping.map(input, body->addArgument(input.getType(), input.getLoc()));
  OpBuilder inner = OpBuilder::atBlockEnd(body);
  for (Operation *op : group)
    inner.clone(*op, mapping);
  SmallVector<Value> yielded;
  for (Value output : outputs)
    yielded.push_back(mapping.lookup(output));
  YieldOp::create(inner, cluster.getLoc(), yielded);
  for (auto [output, result] : llvm::zip(outputs, cluster.getResults()))
    output.replaceAllUsesWith(result);
  // Clones of one cheap op that meet here are one again.
  IRRewriter rewriter(cluster.getContext());
  DominanceInfo dominance(cluster);
  eliminateCommonSubExpressions(rewriter, dominance, cluster);
}

struct ClusterPass : lns::impl::ClusterBase<ClusterPass> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal() || !function.getBody().hasOneBlock())
      return;
    Block &block = function.getBody().front();
    cloneCheapRowOps(block);
    Grouping grouping(block);
    grouping.run();
    SmallVector<SmallVector<Operation *>> groups = grouping.getOrderedGroups();

    // Lay the block out anew: first the order, then the clusters, which read
    // values that are then above them.
    Operation *terminator = block.getTerminator();
    for (ArrayRef<Operation *> group : groups)
      for (Operation *op : group)
        op->moveBefore(terminator);
    for (ArrayRef<Operation *> group : groups) {
      if (!isRowOp(group.front()) || !getRowSpace(group.front()))
        continue;
      OpBuilder builder(group.back());
      builder.setInsertionPointAfter(group.back());
      buildCluster(builder, group);
      for (Operation *op : llvm::reverse(group))
        op->erase();
    }
  }
};

} // namespace
