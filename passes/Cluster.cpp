//===- Cluster.cpp - Groups row ops into kernels ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Row ops (trait RowOp) that feed each other and work on the same rows and
// width become one `lns.cluster`, that is one kernel: what passes between them
// stays in registers and is never written to memory.
//
// A merge is legal when the contracted graph stays free of cycles, that is when
// no path leads from one group through an op outside back into the other.
//
//===----------------------------------------------------------------------===//

#include "passes/Cluster.h"
#include "dialect/LnsDialect.h"
#include "dialect/LnsOps.h"
#include "passes/Loss.h"
#include "passes/Overwritten.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Dominance.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Transforms/CSE.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include <queue>

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

bool isRowOp(Operation *op) { return op->hasTrait<lns::OpTrait::RowOp>(); }

std::optional<RowSpace> getRowSpace(Operation *op) {
  RankedTensorType full = wholeRowsType(op);
  if (!full || full.getRank() < 1 || !full.hasStaticShape())
    return std::nullopt;
  return RowSpace{llvm::to_vector(full.getShape().drop_back()),
                  full.getShape().back()};
}

} // namespace

/// Each costs one multiplication or addition per element.
bool lns::isCheapRowOp(Operation *op) {
  return isa<RowScaleOp, ScaleColumnsOp, ScaleOp, AddBiasOp>(op);
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

/// A block's ops, contracted into groups. The contracted graph is kept free of
/// cycles, and `position` in one of its topological orders bounds every search.
class Grouping {
public:
  explicit Grouping(Block &block) {
    llvm::DenseMap<Operation *, unsigned> index;
    for (Operation &op : block.without_terminator()) {
      index[&op] = ops.size();
      group.push_back(ops.size());
      members.push_back({static_cast<unsigned>(ops.size())});
      spaces.push_back(isRowOp(&op) ? getRowSpace(&op) : std::nullopt);
      ops.push_back(&op);
    }
    successors.resize(ops.size());
    producers.resize(ops.size());
    if (Operation *loss = findLoss(block))
      for (Operation *op : ops)
        if (loss->isBeforeInBlock(op))
          behindLoss.insert(op);
    std::optional<unsigned> lastWrite;
    // By what `lns.get` names: readers of that memory.
    llvm::DenseMap<StoredTensor, SmallVector<unsigned>> readers;
    for (unsigned i = 0; i < ops.size(); ++i) {
      for (OpOperand &operand : ops[i]->getOpOperands())
        if (Operation *producer = operand.get().getDefiningOp()) {
          producers[i].push_back(index.lookup(producer));
          successors[producers[i].back()].push_back(i);
          if (isRowOp(ops[i]) && isSharedByRows(operand))
            shared.push_back({producers[i].back(), i});
          if (auto get = dyn_cast<GetOp>(producer))
            readers[getStoredTensor(get)].push_back(i);
        }
      // What is there is overwritten after its last reader.
      SmallVector<unsigned> before;
      for (const StoredTensor &written : getWrittenTensors(ops[i]))
        llvm::append_range(before, readers.lookup(written));
      // What is there is read after it was written.
      if (isa<GetOp>(ops[i]) && lastWrite)
        successors[*lastWrite].push_back(i);
      // A repeated function may read and write all there is.
      if (isa<RepeatOp>(ops[i]))
        for (auto &entry : readers)
          llvm::append_range(before, entry.second);
      for (unsigned reader : before)
        if (reader != i)
          successors[reader].push_back(i);
      // Writes of parameters keep their order.
      if (isa<SetOp, AdamWOp, RepeatOp>(ops[i])) {
        if (lastWrite)
          successors[*lastWrite].push_back(i);
        lastWrite = i;
      }
    }
    computeOrder();
  }

  /// Merges every row op with the groups of its producers where legal, and with
  /// those of earlier readers of what it reads: one kernel reads a value once
  /// for all of them.
  void run() {
    // An op with one multiplication per element belongs to its reader: with the
    // producer of a number per row instead, its result would be written.
    for (unsigned i = 0; i < ops.size(); ++i)
      if (!spaces[i] || !followsReader(ops[i]))
        mergeWithProducers(i);
    for (unsigned i = 0; i < ops.size(); ++i)
      for (unsigned producer : producers[i])
        for (unsigned reader : successors[producer])
          if (reader < i && readsSameRows(reader, i))
            tryMerge(reader, i);
    for (unsigned i = 0; i < ops.size(); ++i)
      mergeWithProducers(i);
  }

  /// The groups in topological order, near their original places.
  SmallVector<SmallVector<Operation *>> getOrderedGroups() {
    SmallVector<SmallVector<Operation *>> result;
    for (unsigned g : order) {
      SmallVector<Operation *> current;
      for (unsigned member : members[g])
        current.push_back(ops[member]);
      result.push_back(std::move(current));
    }
    return result;
  }

private:
  static bool followsReader(Operation *op) {
    return (isCheapRowOp(op) || isa<RowRstdGradOp>(op)) &&
           llvm::any_of(op->getUsers(), isRowOp);
  }

  void mergeWithProducers(unsigned op) {
    // Nearest producers first: they are the likeliest to be in cache.
    SmallVector<unsigned> candidates(producers[op]);
    llvm::sort(candidates, std::greater<>());
    for (unsigned candidate : candidates)
      tryMerge(candidate, op);
  }

  /// Merges the groups of two ops if one kernel can hold both.
  void tryMerge(unsigned first, unsigned second) {
    unsigned a = group[first], b = group[second];
    if (a == b)
      return;
    // What is computed again behind the loss would be kept from before it.
    if (behindLoss.contains(ops[first]) != behindLoss.contains(ops[second]))
      return;
    std::optional<RowSpace> space = unify(a, b);
    if (!space || sharesAcross(a, b) || changesSums(a, b) ||
        reachesThroughOthers(a, b) || reachesThroughOthers(b, a))
      return;
    merge(a, b);
    spaces[b] = space;
  }

  /// Whether both ops read one value that spans whole rows.
  bool readsSameRows(unsigned a, unsigned b) {
    if (!spaces[a] || !spaces[b] || !(*spaces[a] == *spaces[b]))
      return false;
    return llvm::any_of(ops[a]->getOperands(), [&](Value operand) {
      auto type = dyn_cast<RankedTensorType>(operand.getType());
      return type && type.getRank() > int64_t(spaces[a]->rows.size()) &&
             llvm::is_contained(ops[b]->getOperands(), operand);
    });
  }

  /// The rows and width of a kernel that holds both groups, if there can be
  /// one. Sums of row scalars (of shape [batch, time]) join a kernel over rows
  /// of that shape.
  std::optional<RowSpace> unify(unsigned a, unsigned b) {
    if (!spaces[a] || !spaces[b])
      return std::nullopt;
    if (*spaces[a] == *spaces[b])
      return spaces[a];
    auto holdsScalarsOf = [&](unsigned scalars, unsigned full) {
      SmallVector<int64_t> shape(spaces[scalars]->rows);
      shape.push_back(spaces[scalars]->width);
      return shape == spaces[full]->rows &&
             llvm::all_of(members[scalars], [&](unsigned member) {
               return isa<AddOp, ScaleOp, ResidualOp, CastOp>(ops[member]);
             });
    };
    if (holdsScalarsOf(a, b))
      return spaces[b];
    if (holdsScalarsOf(b, a))
      return spaces[a];
    return std::nullopt;
  }

  /// Whether one group makes what all rows of the other read: it must then be
  /// complete before the other's first row.
  bool sharesAcross(unsigned a, unsigned b) {
    return llvm::any_of(shared, [&](std::pair<unsigned, unsigned> edge) {
      unsigned from = group[edge.first], to = group[edge.second];
      return (from == a && to == b) || (from == b && to == a);
    });
  }

  /// Whether a row of a forward pass would be summed up in another order than
  /// in a kernel without the other group: kernels with rotations go through a
  /// row by heads, those with activations in other strides. A sum that is
  /// computed again, among other neighbours, must come out the same.
  bool changesSums(unsigned a, unsigned b) {
    auto has = [&](unsigned g, auto predicate) {
      return llvm::any_of(
          members[g], [&](unsigned member) { return predicate(ops[member]); });
    };
    auto sums = [](Operation *op) { return isa<RowRstdOp, CenterRowsOp>(op); };
    auto orders = [](Operation *op) {
      return isa<RopeOp, ActivationOp, ActivationGradOp, GatedActivationOp,
                 GatedActivationGradOp>(op);
    };
    return (has(a, sums) && has(b, orders)) || (has(b, sums) && has(a, orders));
  }

  /// Kahn's algorithm; of the groups that are ready, the one whose last member
  /// stood first goes first.
  void computeOrder() {
    SmallVector<unsigned> pending(ops.size(), 0);
    for (unsigned i = 0; i < ops.size(); ++i)
      for (unsigned successor : successors[i])
        if (group[successor] != group[i])
          ++pending[group[successor]];
    using Entry = std::pair<unsigned, unsigned>; // last member, group
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
    for (unsigned g = 0; g < members.size(); ++g)
      if (!members[g].empty() && pending[g] == 0)
        ready.push({members[g].back(), g});
    order.clear();
    position.assign(ops.size(), 0);
    while (!ready.empty()) {
      unsigned g = ready.top().second;
      ready.pop();
      position[g] = order.size();
      order.push_back(g);
      for (unsigned member : members[g])
        for (unsigned successor : successors[member])
          if (group[successor] != g && --pending[group[successor]] == 0)
            ready.push({members[group[successor]].back(), group[successor]});
    }
  }

  /// Whether a path over at least one other group leads from a to b.
  bool reachesThroughOthers(unsigned a, unsigned b) {
    if (position[a] > position[b])
      return false;
    llvm::SmallDenseSet<unsigned> seen;
    SmallVector<unsigned> stack;
    auto push = [&](unsigned from, bool first) {
      for (unsigned member : members[from])
        for (unsigned successor : successors[member]) {
          unsigned g = group[successor];
          if (g != from && position[g] <= position[b] && !(first && g == b) &&
              seen.insert(g).second)
            stack.push_back(g);
        }
    };
    push(a, /*first=*/true);
    while (!stack.empty()) {
      unsigned g = stack.pop_back_val();
      if (g == b)
        return true;
      push(g, /*first=*/false);
    }
    return false;
  }

  void merge(unsigned a, unsigned b) {
    for (unsigned member : members[a])
      group[member] = b;
    SmallVector<unsigned> merged;
    std::merge(members[a].begin(), members[a].end(), members[b].begin(),
               members[b].end(), std::back_inserter(merged));
    members[b] = std::move(merged);
    members[a].clear();
    computeOrder();
  }

  SmallVector<Operation *> ops;
  llvm::SmallPtrSet<Operation *, 32> behindLoss;
  SmallVector<std::optional<RowSpace>> spaces;  // group of row ops to rows
  SmallVector<SmallVector<unsigned>> producers; // op to ops
  SmallVector<SmallVector<unsigned>> successors;
  /// From an op to one whose rows all read its result.
  SmallVector<std::pair<unsigned, unsigned>> shared;
  SmallVector<unsigned> group;                // op to group
  SmallVector<SmallVector<unsigned>> members; // ascending; empty: merged away
  SmallVector<unsigned> order;                // groups, topologically
  SmallVector<unsigned> position;             // group to place in `order`
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
