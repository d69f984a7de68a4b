//===- document_rows.h - Rows of whole documents ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_DOCUMENT_ROWS_H
#define LNS_TOOLS_LNS_DATA_DOCUMENT_ROWS_H

#include "tools/lns/base/status.h"
#include "tools/lns/data/batch.h"
#include "tools/lns/data/packing.h"
#include "tools/lns/data/shard.h"
#include "tools/lns/data/side_file.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lns::tool {

/// A shard with what stands beside it.
struct DocumentShard {
  Shard shard;
  DocumentFile documents;
  std::optional<MaskFile> mask; ///< without it every token may be a target
};

/// How documents become rows.
struct DocumentLayout {
  bool packed =
      false;          ///< as many as fit into a row, for plans that take starts
  uint64_t align = 1; ///< documents of a row start at multiples of it
  /// Order in which documents are packed: drawn, or that of the shards.
  std::optional<uint64_t> seed;
};

/// Rows of T places. A document of n tokens takes n - 1 of them: its last token
/// is only a target, so that nothing is predicted across a border. It is cut
/// when it takes more than T; one that has no target then is left out, so that
/// every row has one. What is left of a row is padding: token 0, no target, and
/// each place a document of its own.
///
/// Rows are made once. Training takes all of them in each epoch, in an order
/// that seed and epoch fix.
class DocumentRows : public TrainingSource, public HeldOutSource {
public:
  static Expected<DocumentRows> create(std::vector<DocumentShard> shards,
                                       uint32_t sequence, uint32_t vocabulary,
                                       const DocumentLayout &layout);

  Status fill(uint64_t seed, uint64_t step, Batch &batch) const override;
  uint64_t rowsPerEpoch() const override { return rows.count(); }

  Status fillRows(uint64_t first, Batch &batch) const override;
  uint64_t rowCount() const override { return rows.count(); }
  uint64_t targetCount() const override { return targetTotal; }

  uint64_t documentCount() const { return documents.size(); }
  /// Places that are no padding.
  uint64_t tokenCount() const { return tokenTotal; }
  /// What was cut and left out.
  const std::vector<std::string> &notes() const { return remarks; }

private:
  struct Document {
    uint32_t shard = 0;
    uint64_t begin = 0; ///< in the shard
    uint32_t length = 0;
    uint32_t targets = 0;
  };

  Status readDocuments();
  Status fillRow(uint64_t row, uint32_t place, Batch &batch) const;
  void clear(Batch &batch) const;

  std::vector<DocumentShard> shards;
  std::vector<Document> documents; ///< those with targets
  PackedRows rows;
  bool packed = false;
  uint32_t sequence = 0;
  uint32_t vocabulary = 0;
  uint64_t tokenTotal = 0;
  uint64_t targetTotal = 0;
  std::vector<std::string> remarks;
};

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_DOCUMENT_ROWS_H
