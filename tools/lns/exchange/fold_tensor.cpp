//===- fold_tensor.cpp - One tensor of an export --------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/exchange/fold_tensor.h"

#include "tools/lns/base/interrupt.h"
#include "tools/lns/checkpoint/tensor_view.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fmt/format.h>

namespace lns::tool {

/// Elements that are held at a time, but at least a row. A transposed tensor is
/// read in pieces of rows, which are the longer the more there are of them.
static constexpr int64_t heldElements = 1 << 18;
static constexpr int64_t heldTransposed = 1 << 22;

uint16_t roundToBrain(double value) {
  // First to f32, to odd: with the lowest bit set where something was lost,
  // the second rounding sees on which side of a tie the number was.
  auto rounded = static_cast<float>(value);
  auto bits = std::bit_cast<uint32_t>(rounded);
  if (static_cast<double>(rounded) != value && std::isfinite(rounded) &&
      (bits & 1) == 0)
    bits = std::abs(static_cast<double>(rounded)) < std::abs(value) ? bits + 1
                                                                    : bits - 1;
  uint32_t lowest = (bits >> 16) & 1;
  return static_cast<uint16_t>((bits + 0x7fff + lowest) >> 16);
}

Status failIfInterrupted() {
  const char *name = interruptName();
  if (!name)
    return Status::success();
  return Status::failure(
      fmt::format("interrupted by {}; nothing was written", name));
}

/// All of a small tensor.
static Expected<std::vector<float>> readAll(const SourceModel &source,
                                            const std::string &name) {
  const WeightFiles::Tensor &tensor = source.files.tensors().at(name);
  std::vector<float> values(tensor.entry->elements);
  LNS_RETURN_IF_ERROR(source.files.readF32(tensor, values));
  return values;
}

/// x * gain / sqrt(mean x^2 + eps), over one row.
static void normalize(std::span<double> row, const std::vector<float> &gain,
                      double eps) {
  double sum = 0;
  for (double x : row)
    sum += x * x;
  double scale = 1 / std::sqrt(sum / static_cast<double>(row.size()) + eps);
  for (size_t j = 0; j < row.size(); ++j)
    row[j] *= scale * static_cast<double>(gain[j]);
}

namespace {
/// A part of a tensor, with what is folded into it.
struct OpenPart {
  const ExportPart *part;
  bool isTransposed;
  int64_t columns; ///< of the tensor
  TensorView view; ///< of its source, as the tensor has it
  std::vector<float> gate, gain;
};
} // namespace

static Expected<OpenPart> openPart(const SourceModel &source,
                                   const ExportPart &part, bool isTransposed) {
  int64_t first = part.shape[0];
  int64_t second = part.shape.size() > 1 ? part.shape[1] : 1;
  OpenPart open = {&part, isTransposed, isTransposed ? first : second,
                   {},    {},           {}};
  if (!part.source.empty())
    open.view.tensor = source.files.tensors().at(part.source);
  open.view.isTransposed = isTransposed && second > 1;
  open.view.stride = static_cast<uint64_t>(second);
  open.view.columns = static_cast<uint64_t>(first);
  for (auto [name, values] : {std::pair{&part.fold.gate, &open.gate},
                              std::pair{&part.fold.rowNorm, &open.gain}})
    if (!name->empty()) {
      Expected<std::vector<float>> read = readAll(source, *name);
      if (!read)
        return read.status();
      *values = std::move(*read);
    }
  return open;
}

/// What becomes of rows of a part, the first of which is `firstRow`.
static void fold(const OpenPart &open, int64_t firstRow, double eps,
                 std::span<double> values) {
  const Fold &fold = open.part->fold;
  auto columns = static_cast<size_t>(open.columns);
  for (size_t at = 0; at < values.size() && !open.gain.empty(); at += columns)
    normalize(values.subspan(at, columns), open.gain, eps);
  for (size_t at = 0; at < values.size(); ++at) {
    size_t row = open.isTransposed
                     ? at % columns
                     : static_cast<size_t>(firstRow) + at / columns;
    double x = values[at];
    if (!open.gate.empty())
      x *= static_cast<double>(open.gate[open.gate.size() == 1 ? 0 : row]);
    values[at] = x * fold.factor / fold.divisor + fold.offset;
  }
}

Status writeFolded(const SourceModel &source, const ExportTensor &tensor,
                   bool bf16, SafetensorsWriter &writer) {
  std::vector<OpenPart> parts;
  int64_t columns = 0;
  for (const ExportPart &part : tensor.parts) {
    Expected<OpenPart> open = openPart(source, part, tensor.isTransposed);
    if (!open)
      return open.status();
    columns += open->columns;
    parts.push_back(std::move(*open));
  }
  bool isRow = tensor.isTransposed && tensor.shape.size() == 1;
  int64_t rows = isRow ? 1 : tensor.shape[0];
  int64_t held = tensor.isTransposed ? heldTransposed : heldElements;
  int64_t rowsHeld = std::max<int64_t>(1, held / columns);
  std::vector<float> before, after;
  std::vector<double> folded;
  std::vector<uint16_t> brains;
  for (int64_t first = 0; first < rows; first += rowsHeld) {
    int64_t count = std::min(rowsHeld, rows - first);
    after.resize(static_cast<size_t>(count * columns));
    if (bf16)
      brains.resize(after.size());
    int64_t begin = 0; // of the part's columns
    for (const OpenPart &open : parts) {
      LNS_RETURN_IF_ERROR(failIfInterrupted());
      before.assign(static_cast<size_t>(count * open.columns), 1.0f);
      if (!open.part->source.empty())
        LNS_RETURN_IF_ERROR(
            readView(source.files, open.view, before,
                     static_cast<uint64_t>(first * open.columns)));
      folded.assign(before.begin(), before.end());
      fold(open, first, source.eps, folded);
      for (size_t at = 0; at < folded.size(); ++at) {
        int64_t row = static_cast<int64_t>(at) / open.columns;
        int64_t column = static_cast<int64_t>(at) % open.columns;
        auto to = static_cast<size_t>(row * columns + begin + column);
        double x = folded[at];
        after[to] = static_cast<float>(x);
        if (bf16) {
          brains[to] = roundToBrain(x);
          after[to] = std::bit_cast<float>(uint32_t{brains[to]} << 16);
        }
        if (std::isfinite(x) && std::isfinite(after[to]))
          continue;
        const std::string &name =
            open.part->source.empty() ? open.part->name : open.part->source;
        bool wasFinite = std::isfinite(before[at]);
        return Status::failure(fmt::format(
            "{}: element {} of '{}' is {}{}; {}", source.place,
            tensor.isTransposed ? column * rows + first + row
                                : (first + row) * open.columns + column,
            name, before[at],
            wasFinite ? ", and beyond its type in the export" : "",
            wasFinite ? "export it with --dtype=f32"
                      : "take another checkpoint"));
      }
      begin += open.columns;
    }
    Status written = bf16 ? writer.append(std::span<const uint16_t>(brains))
                          : writer.append(std::span<const float>(after));
    LNS_RETURN_IF_ERROR(written);
  }
  return Status::success();
}

} // namespace lns::tool
