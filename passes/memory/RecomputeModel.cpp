//===- RecomputeModel.cpp - Memory of a step that computes again *- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// An op is computed again at most once, and as late as possible: just before
// its first reader behind the loss. With whole chains of them, blocks are
// computed again from the residual stream, and stretches of blocks from their
// first one (Chen et al., arXiv 1604.06174), without another mechanism.
//
// The model does not know which values clustering keeps out of memory, but for
// those of cheap ops, nor how well lives pack. Its peak is a guide;
// `lns-recompute` measures what comes out.
//
//===----------------------------------------------------------------------===//

#include "passes/memory/RecomputeModel.h"
#include "dialect/LnsInterfaces.h"
#include "dialect/LnsMemory.h"
#include "dialect/LnsOps.h"
#include "passes/analysis/Loss.h"
#include "passes/fuse/Cluster.h"
#include "passes/memory/Packing.h"
#include "passes/memory/PlanMemory.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using namespace lns;

static constexpr unsigned kNone = std::numeric_limits<unsigned>::max();

/// Operations that a processor does in the time that it takes to move a byte to
/// or from memory, roughly.
static constexpr double kFlopsPerByte = 8;

RecomputeModel::RecomputeModel(Block &block) : block(block) {
  for (Operation &op : block) {
    positions[&op] = ops.size();
    ops.push_back(&op);
  }
  if (Operation *op = findLoss(block))
    loss = positions[op];
  for (Operation *op : ops) {
    firstValue.push_back(sizes.size());
    for (OpResult result : op->getResults()) {
      sizes.push_back(getSize(result));
      producers.push_back(positions[op]);
      overwritten.push_back(-1);
    }
    // What is computed again stands before the loss.
    auto cost = positions[op] < loss ? dyn_cast<CostOpInterface>(op)
                                     : CostOpInterface();
    times.push_back(cost ? cost.getFlops() + kFlopsPerByte * cost.getBytes()
                         : 0.0);
  }
  auto getNumber = [&](Value value) -> unsigned {
    std::optional<unsigned> producer = getProducer(value);
    return producer
               ? firstValue[*producer] + cast<OpResult>(value).getResultNumber()
               : kNone;
  };
  for (Operation *op : ops) {
    SmallVector<unsigned> &numbers = operands.emplace_back();
    for (Value operand : op->getOperands()) {
      if (unsigned number = getNumber(operand); number != kNone)
        numbers.push_back(number);
      // Who reads a view keeps what it is a view of.
      if (Value viewed = getViewedValue(operand); viewed != operand)
        if (unsigned number = getNumber(viewed); number != kNone)
          numbers.push_back(number);
    }
    for (OpResult result : op->getResults())
      if (OpOperand *operand = getInPlaceOperand(result))
        overwritten[getNumber(result)] =
            int(getNumber(getViewedValue(operand->get())));
  }

  // What `lns.get` names is memory, and good until somebody writes there.
  llvm::MapVector<StoredTensor, SmallVector<Operation *>> gets; // still good
  llvm::DenseMap<Operation *, unsigned> goodUntil;
  for (Operation *op : ops) {
    StoredAccesses accesses(op);
    accesses.forEachWritten(gets, [&](auto &entry) {
      for (Operation *get : entry.second)
        goodUntil[get] = positions[op];
      entry.second.clear();
    });
    if (auto get = dyn_cast<GetOp>(op)) {
      goodUntil[op] = kNone;
      gets[getStoredTensor(get)].push_back(op);
    }
  }
  for (Operation *op : ops) {
    unsigned &limit = validUntil.emplace_back(kNone);
    for (Value operand : op->getOperands())
      if (auto get = getViewedValue(operand).getDefiningOp<GetOp>())
        limit = std::min(limit, goodUntil.lookup(get));
  }
  for (unsigned op = 0; op < loss; ++op)
    if (isRecomputable(op) && getKeptBytes(op) > 0)
      candidates.push_back(op);
}

SmallVector<OperationName> RecomputeModel::getForwardOps() const {
  return llvm::map_to_vector(ArrayRef(ops).take_front(loss + 1),
                             [](Operation *op) { return op->getName(); });
}

/// A number for each row is little to keep, and the order of its sum is that of
/// the kernel that it stands in: computed again, in another one, it would not
/// be the same bits.
static bool isSumOverRows(Operation *op) {
  return isa<RowRstdOp, RowDotOp>(op);
}

/// Pure: what it gives depends on its operands alone, and nothing else happens.
bool RecomputeModel::isRecomputable(unsigned op) const {
  return op < loss && isPure(ops[op]) && ops[op]->getNumRegions() == 0 &&
         !isSumOverRows(ops[op]);
}

std::optional<unsigned> RecomputeModel::getProducer(Value value) const {
  Operation *op = value.getDefiningOp();
  if (!op || op->getBlock() != &block)
    return std::nullopt;
  return positions.lookup(op);
}

/// Whether the value is there behind the loss without any doing, or is kept for
/// what is computed again there. A view is there where its bytes are.
bool RecomputeModel::isKept(Value value) const {
  value = getViewedValue(value);
  Operation *op = value.getDefiningOp();
  return !op || isa<GetOp, RampOp>(op) || isSumOverRows(op) ||
         llvm::any_of(getReads(value), [&](OpOperand *read) {
           return positions.lookup(read->getOwner()) > loss;
         });
}

/// Bytes in the arena.
uint64_t RecomputeModel::getSize(Value value) const {
  Operation *op = value.getDefiningOp();
  // A cheap op that has one reader becomes a part of its kernel.
  if (isa<GetOp, RampOp, ReshapeOp>(op) ||
      (isCheapRowOp(op) && value.hasOneUse() &&
       canShareKernel(*value.use_begin())))
    return 0;
  // Stored gradients and compute weights are computed where they are stored.
  for (OpOperand *read : getReads(value))
    if (auto set = dyn_cast<SetOp>(read->getOwner());
        set && set.getStorage() != Storage::parameter)
      return 0;
  return llvm::alignTo(getTensorBytes(value.getType()).value_or(0),
                       kPackAlignment);
}

uint64_t RecomputeModel::getKeptBytes(unsigned op) const {
  uint64_t bytes = 0;
  for (OpResult result : ops[op]->getResults())
    if (isKept(result))
      bytes += sizes[firstValue[op] + result.getResultNumber()];
  return bytes;
}

/// The ops that must be computed again with `op`: those before it whose results
/// are not kept, and its views, which cost nothing and are else of what is
/// gone.
SmallVector<unsigned> RecomputeModel::getPartners(unsigned op) const {
  SmallVector<unsigned> partners;
  for (Value operand : ops[op]->getOperands())
    if (!isKept(operand))
      partners.push_back(*getProducer(operand));
  for (Operation *user : ops[op]->getUsers())
    if (isa<ReshapeOp>(user) && positions.lookup(user) < loss)
      partners.push_back(positions.lookup(user));
  return partners;
}

/// What `add` would add, marked in `round` with the op's number.
bool RecomputeModel::collectAdded(const RecomputeSet &set, unsigned op,
                                  SmallVectorImpl<unsigned> &round,
                                  SmallVectorImpl<unsigned> &added) const {
  added.clear();
  SmallVector<unsigned> pending = {op};
  while (!pending.empty()) {
    unsigned next = pending.pop_back_val();
    if (set.test(next) || round[next] == op)
      continue;
    if (!isRecomputable(next))
      return false;
    round[next] = op;
    added.push_back(next);
    pending.append(getPartners(next));
  }
  return true;
}

bool RecomputeModel::add(RecomputeSet &set, unsigned op) const {
  SmallVector<unsigned> pending = {op};
  while (!pending.empty()) {
    unsigned next = pending.pop_back_val();
    if (set.test(next))
      continue;
    if (!isRecomputable(next))
      return false;
    set.set(next);
    pending.append(getPartners(next));
  }
  return true;
}

double RecomputeModel::getCost(const RecomputeSet &set,
                               const RecomputeSet &without) const {
  double cost = 0;
  for (unsigned op : set.set_bits())
    if (!without.test(op))
      cost += times[op];
  return cost;
}

int64_t RecomputeModel::getFlops(const RecomputeSet &set) const {
  int64_t flops = 0;
  for (unsigned op : set.set_bits())
    if (auto cost = dyn_cast<CostOpInterface>(ops[op]))
      flops += cost.getFlops();
  return flops;
}

/// The block's ops and the clones between them, in the order of execution.
bool RecomputeModel::schedule(const RecomputeSet &set,
                              SmallVectorImpl<Event> &events) const {
  // What only clones read need not be computed before the loss.
  RecomputeSet moved(ops.size());
  RecomputeSet read(sizes.size());
  for (unsigned op = loss + 1; op-- > 0;) {
    bool isRead = !set.test(op);
    for (unsigned i = 0; !isRead && i < ops[op]->getNumResults(); ++i)
      isRead = read.test(firstValue[op] + i);
    if (!isRead) {
      moved.set(op);
      continue;
    }
    for (unsigned value : operands[op])
      read.set(value);
  }
  for (unsigned op = 0; op <= loss; ++op)
    if (!moved.test(op))
      events.push_back({op, false});

  RecomputeSet done(ops.size());
  SmallVector<std::pair<unsigned, unsigned>> stack; // op, next operand
  for (unsigned op = loss + 1; op < ops.size(); ++op) {
    stack.push_back({op, 0});
    while (!stack.empty()) {
      auto &[current, next] = stack.back();
      if (next < operands[current].size()) {
        unsigned producer = producers[operands[current][next++]];
        if (set.test(producer) && !done.test(producer))
          stack.push_back({producer, 0});
        continue;
      }
      if (current != op) {
        if (op > validUntil[current])
          return false;
        done.set(current);
      }
      events.push_back({current, current != op});
      stack.pop_back();
    }
  }
  return true;
}

/// What is alive when. A value and its clone have two lives; the clone's number
/// is higher by the number of values.
struct RecomputeModel::Timeline {
  SmallVector<Event> events;
  SmallVector<unsigned> last; // number to the last time it is read, or made
  SmallVector<int64_t> live;  // time to bytes
};

/// False when an op would read memory after it was written.
bool RecomputeModel::makeTimeline(const RecomputeSet &set,
                                  Timeline &timeline) const {
  SmallVector<Event> &events = timeline.events;
  if (!schedule(set, events))
    return false;
  unsigned count = sizes.size();
  SmallVector<unsigned> &last = timeline.last;
  last.assign(2 * count, 0);
  auto isCloned = [&](const Event &reader, unsigned value) {
    return (reader.clone || reader.op > loss) && set.test(producers[value]);
  };
  for (auto [time, event] : llvm::enumerate(events)) {
    for (unsigned value : operands[event.op])
      last[value + (isCloned(event, value) ? count : 0)] = time;
    for (unsigned i = 0; i < ops[event.op]->getNumResults(); ++i)
      last[firstValue[event.op] + i + (event.clone ? count : 0)] = time;
  }
  SmallVector<int64_t> &live = timeline.live;
  live.assign(events.size() + 1, 0);    // changes, first
  SmallVector<int> home(2 * count, -1); // whose memory a value stands in
  for (auto [time, event] : llvm::enumerate(events))
    for (unsigned i = 0; i < ops[event.op]->getNumResults(); ++i) {
      unsigned value = firstValue[event.op] + i;
      unsigned number = value + (event.clone ? count : 0);
      if (sizes[value] == 0)
        continue;
      home[number] = number;
      if (overwritten[value] >= 0) {
        unsigned over = overwritten[value];
        unsigned overNumber = over + (isCloned(event, over) ? count : 0);
        if (last[overNumber] == time && sizes[over] == sizes[value] &&
            home[overNumber] >= 0)
          home[number] = home[overNumber];
      }
      if (home[number] == int(number))
        live[time] += sizes[value];
      else
        live[time + 1] += sizes[value]; // ends there as the operand
      live[last[number] + 1] -= sizes[value];
    }
  live.pop_back();
  for (unsigned time = 1; time < live.size(); ++time)
    live[time] += live[time - 1];
  return true;
}

std::optional<RecomputeModel::Estimate>
RecomputeModel::estimate(const RecomputeSet &set, uint64_t target) const {
  Timeline timeline;
  if (!makeTimeline(set, timeline))
    return std::nullopt;
  Estimate result;
  for (int64_t live : timeline.live) {
    result.peak = std::max(result.peak, uint64_t(live));
    if (uint64_t(live) > target)
      result.excess += double(uint64_t(live) - target);
  }
  return result;
}

SmallVector<RecomputeModel::Offer>
RecomputeModel::getOffers(const RecomputeSet &set, uint64_t target) const {
  SmallVector<Offer> offers;
  Timeline timeline;
  if (!makeTimeline(set, timeline))
    return offers;
  // How many of the moments up to one are above the target.
  SmallVector<unsigned> above = {0};
  for (int64_t live : timeline.live)
    above.push_back(above.back() + (uint64_t(live) > target));
  auto countAbove = [&](unsigned begin, unsigned end) {
    return begin < end ? above[end] - above[begin] : 0;
  };
  // When a value of the set's rest is read before the loss for the last time,
  // and behind it for the first time.
  SmallVector<unsigned> before(sizes.size(), 0), behind(sizes.size(), kNone);
  for (auto [time, event] : llvm::enumerate(timeline.events)) {
    bool isBehind = event.clone || event.op > loss;
    for (unsigned value : operands[event.op])
      if (!isBehind)
        before[value] = time;
      else if (!set.test(producers[value]) && behind[value] == kNone)
        behind[value] = time;
    for (unsigned i = 0; !isBehind && i < ops[event.op]->getNumResults(); ++i)
      before[firstValue[event.op] + i] = time;
  }
  SmallVector<unsigned> added, round(ops.size(), kNone);
  for (unsigned candidate : candidates) {
    if (set.test(candidate) || !collectAdded(set, candidate, round, added))
      continue;
    unsigned first = kNone; // when the candidate is wanted
    double time = 0;
    for (unsigned op : added) {
      time += times[op];
      for (unsigned i = 0; i < ops[op]->getNumResults(); ++i)
        first = std::min(first, behind[firstValue[op] + i]);
    }
    if (first == kNone)
      continue;
    double freed = 0;
    for (unsigned op : added) {
      for (unsigned i = 0; i < ops[op]->getNumResults(); ++i) {
        unsigned value = firstValue[op] + i;
        if (behind[value] != kNone)
          freed += double(sizes[value]) *
                   countAbove(before[value] + 1, behind[value]);
      }
      // What it is computed from stays until then.
      for (unsigned value : operands[op])
        if (round[producers[value]] != candidate && !set.test(producers[value]))
          freed -= double(sizes[value]) *
                   countAbove(timeline.last[value] + 1, first + 1);
    }
    if (freed > 0)
      offers.push_back({candidate, time / freed});
  }
  llvm::sort(offers,
             [](const Offer &a, const Offer &b) { return a.price < b.price; });
  return offers;
}

void RecomputeModel::apply(const RecomputeSet &set) {
  SmallVector<Event> events;
  bool scheduled = schedule(set, events);
  (void)scheduled;
  assert(scheduled && "the set was estimated before");
  IRMapping clones;
  // Readers behind the loss first: then the clones, whose operands are mapped.
  SmallVector<Operation *> made;
  Operation *next = nullptr;
  for (const Event &event : llvm::reverse(events)) {
    if (!event.clone) {
      next = ops[event.op];
      continue;
    }
    // Later events stand below already, so the place of each is known.
    OpBuilder builder(next);
    Operation *clone = builder.clone(*ops[event.op]);
    clone->setLoc(getRecomputedLocation(clone->getLoc()));
    clones.map(ops[event.op]->getResults(), clone->getResults());
    made.push_back(clone);
    next = clone;
  }
  auto redirect = [&](Operation *reader) {
    for (OpOperand &operand : reader->getOpOperands())
      if (Value clone = clones.lookupOrNull(operand.get()))
        operand.set(clone);
  };
  llvm::for_each(made, redirect);
  for (unsigned op = loss + 1; op < ops.size(); ++op)
    redirect(ops[op]);
  for (unsigned op = loss; op-- > 0;)
    if (set.test(op) && ops[op]->use_empty())
      ops[op]->erase();
}
