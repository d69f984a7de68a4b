//===- ContractedGraph.h - Nodes in groups, without cycles ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A graph whose nodes are merged into groups one by one, and which stays free
// of cycles all the way.
//
// The groups are kept in a topological order, so that whether one reaches
// another is searched only between their places, and a merge moves only groups
// that stand there and have to (Pearce and Kelly, A Dynamic Topological Sort
// Algorithm for Directed Acyclic Graphs, JEA 11, 2006). Groups that are merged
// are near each other in most graphs, whatever the graph's size.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_FUSE_CONTRACTEDGRAPH_H
#define LNS_PASSES_FUSE_CONTRACTEDGRAPH_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"

namespace lns {

class ContractedGraph {
public:
  /// Nodes 0 to `size` - 1, each a group of its own, whose number it is.
  explicit ContractedGraph(unsigned size);

  /// Requires from < to, and that nothing is merged yet.
  void addEdge(unsigned from, unsigned to);

  unsigned getGroup(unsigned node) const { return group[node]; }
  /// Ascending; empty where the group was merged into another.
  llvm::ArrayRef<unsigned> getMembers(unsigned g) const { return members[g]; }
  /// To which nodes there are edges.
  llvm::ArrayRef<unsigned> getSuccessors(unsigned node) const {
    return successors[node];
  }

  /// Merges `a` into `b`, unless a path over another group leads from one to
  /// the other, which would become a cycle. Says whether it did. Where the
  /// search for a path takes longer than `kMaxSearch` groups, there may be one.
  bool merge(unsigned a, unsigned b);

  /// The groups in topological order, near their nodes' original places: of
  /// those that could be next, the one whose last member stood first.
  llvm::SmallVector<unsigned> getOrder() const;

private:
  static constexpr unsigned kMaxSearch = 4096;

  bool findBetween(unsigned from, unsigned to,
                   llvm::SmallVectorImpl<unsigned> &behind);
  void findBefore(unsigned from, unsigned to,
                  llvm::SmallVectorImpl<unsigned> &before);

  llvm::SmallVector<unsigned> group; // node to group
  llvm::SmallVector<llvm::SmallVector<unsigned, 1>> members;
  llvm::SmallVector<llvm::SmallVector<unsigned, 2>> successors, predecessors;
  /// Where a group stands; some places are empty.
  llvm::SmallVector<unsigned> position;
  llvm::SmallVector<unsigned> seenIn; // group to the search that met it last
  unsigned search = 0;
};

} // namespace lns

#endif // LNS_PASSES_FUSE_CONTRACTEDGRAPH_H
