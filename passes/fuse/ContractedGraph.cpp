//===- ContractedGraph.cpp - Nodes in groups, without cycles ----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "passes/fuse/ContractedGraph.h"

#include "llvm/ADT/STLExtras.h"
#include <numeric>
#include <queue>

using namespace lns;
using llvm::SmallVector;
using llvm::SmallVectorImpl;

ContractedGraph::ContractedGraph(unsigned size)
    : group(size), members(size), successors(size), predecessors(size),
      position(size), seenIn(size, 0) {
  std::iota(group.begin(), group.end(), 0);
  std::iota(position.begin(), position.end(), 0);
  for (unsigned node = 0; node < size; ++node)
    members[node].push_back(node);
}

void ContractedGraph::addEdge(unsigned from, unsigned to) {
  assert(from < to && "the nodes' numbers are no topological order");
  successors[from].push_back(to);
  predecessors[to].push_back(from);
}

/// Collects the groups between the two that `from` reaches. False when `to` is
/// among what they reach, or may be.
bool ContractedGraph::findBetween(unsigned from, unsigned to,
                                  SmallVectorImpl<unsigned> &behind) {
  ++search;
  for (size_t next = 0; next <= behind.size(); ++next) {
    bool isFirst = next == 0;
    unsigned current = isFirst ? from : behind[next - 1];
    for (unsigned member : members[current])
      for (unsigned successor : successors[member]) {
        unsigned g = group[successor];
        if (g == current || position[g] > position[to] || seenIn[g] == search)
          continue;
        if (g == to) {
          if (isFirst)
            continue;
          return false;
        }
        if (behind.size() == kMaxSearch)
          return false;
        seenIn[g] = search;
        behind.push_back(g);
      }
  }
  return true;
}

/// Collects the groups between the two that reach `to`.
void ContractedGraph::findBefore(unsigned from, unsigned to,
                                 SmallVectorImpl<unsigned> &before) {
  ++search;
  for (size_t next = 0; next <= before.size(); ++next) {
    unsigned current = next == 0 ? to : before[next - 1];
    for (unsigned member : members[current])
      for (unsigned predecessor : predecessors[member]) {
        unsigned g = group[predecessor];
        if (g == current || position[g] <= position[from] ||
            seenIn[g] == search)
          continue;
        seenIn[g] = search;
        before.push_back(g);
      }
  }
}

bool ContractedGraph::merge(unsigned a, unsigned b) {
  unsigned first = a, second = b;
  if (position[first] > position[second])
    std::swap(first, second);
  SmallVector<unsigned> behind, before;
  if (!findBetween(first, second, behind))
    return false;
  findBefore(first, second, before);

  // What reaches the second, then both as one, then what the first reaches, in
  // the places that all of these had. Nothing else between needs to move: it
  // is behind no `behind` and before no `before`.
  auto standsBefore = [&](unsigned x, unsigned y) {
    return position[x] < position[y];
  };
  llvm::sort(before, standsBefore);
  llvm::sort(behind, standsBefore);
  SmallVector<unsigned> sequence = before;
  sequence.push_back(b);
  sequence.append(behind);
  SmallVector<unsigned> places = {position[a]};
  for (unsigned g : sequence)
    places.push_back(position[g]);
  llvm::sort(places);
  for (auto [g, place] : llvm::zip(sequence, places))
    position[g] = place;

  for (unsigned member : members[a])
    group[member] = b;
  SmallVector<unsigned, 1> merged;
  std::merge(members[a].begin(), members[a].end(), members[b].begin(),
             members[b].end(), std::back_inserter(merged));
  members[b] = std::move(merged);
  members[a].clear();
  return true;
}

/// Kahn's algorithm.
SmallVector<unsigned> ContractedGraph::getOrder() const {
  SmallVector<unsigned> pending(group.size(), 0);
  for (unsigned node = 0; node < group.size(); ++node)
    for (unsigned successor : successors[node])
      if (group[successor] != group[node])
        ++pending[group[successor]];
  using Entry = std::pair<unsigned, unsigned>; // last member, group
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
  for (unsigned g = 0; g < members.size(); ++g)
    if (!members[g].empty() && pending[g] == 0)
      ready.push({members[g].back(), g});
  SmallVector<unsigned> order;
  while (!ready.empty()) {
    unsigned g = ready.top().second;
    ready.pop();
    order.push_back(g);
    for (unsigned member : members[g])
      for (unsigned successor : successors[member])
        if (group[successor] != g && --pending[group[successor]] == 0)
          ready.push({members[group[successor]].back(), group[successor]});
  }
  return order;
}
