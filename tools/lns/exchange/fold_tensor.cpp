//===- fold_tensor.cpp - One tensor of an export --------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/exchange/fold_tensor.h"

#include "tools/lns/base/interrupt.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fmt/format.h>

namespace lns::tool {

/// Elements that are held at a time, but at least a row.
static constexpr int64_t partElements = 1 << 18;

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

Status writeFolded(const SourceModel &source, const ExportTensor &tensor,
                   bool bf16, SafetensorsWriter &writer) {
  const Fold &fold = tensor.fold;
  std::vector<float> gate, gain;
  for (auto [name, values] :
       {std::pair{&fold.gate, &gate}, std::pair{&fold.rowNorm, &gain}})
    if (!name->empty()) {
      Expected<std::vector<float>> read = readAll(source, *name);
      if (!read)
        return read.status();
      *values = std::move(*read);
    }
  int64_t rows = tensor.shape[0];
  int64_t columns = tensor.shape.size() > 1 ? tensor.shape[1] : 1;
  int64_t rowsOfPart = std::max<int64_t>(1, partElements / columns);
  std::vector<float> values;
  std::vector<double> folded;
  std::vector<uint16_t> brains;
  for (int64_t first = 0; first < rows; first += rowsOfPart) {
    LNS_RETURN_IF_ERROR(failIfInterrupted());
    int64_t count = std::min(rowsOfPart, rows - first);
    values.assign(static_cast<size_t>(count * columns), 1.0f);
    if (!tensor.source.empty())
      LNS_RETURN_IF_ERROR(
          source.files.readF32(source.files.tensors().at(tensor.source), values,
                               static_cast<uint64_t>(first * columns)));
    folded.assign(values.begin(), values.end());
    for (int64_t i = 0; i < count && !gain.empty(); ++i)
      normalize(std::span(folded).subspan(static_cast<size_t>(i * columns),
                                          static_cast<size_t>(columns)),
                gain, source.eps);
    brains.resize(folded.size());
    for (size_t at = 0; at < folded.size(); ++at) {
      size_t row =
          static_cast<size_t>(first) + at / static_cast<size_t>(columns);
      double x = folded[at];
      if (!gate.empty())
        x *= static_cast<double>(gate[gate.size() == 1 ? 0 : row]);
      x = x * fold.factor / fold.divisor + fold.offset;
      float before = values[at];
      brains[at] = roundToBrain(x);
      values[at] = bf16 ? std::bit_cast<float>(uint32_t{brains[at]} << 16)
                        : static_cast<float>(x);
      if (!std::isfinite(x) || !std::isfinite(values[at]))
        return Status::failure(fmt::format(
            "{}: element {} of '{}' is {}{}; {}", source.place,
            static_cast<uint64_t>(first * columns) + at,
            tensor.source.empty() ? tensor.name : tensor.source, before,
            std::isfinite(before) ? ", and beyond its type in the export" : "",
            std::isfinite(before) ? "export it with --dtype=f32"
                                  : "take another checkpoint"));
    }
    Status written = bf16 ? writer.append(std::span<const uint16_t>(brains))
                          : writer.append(std::span<const float>(values));
    LNS_RETURN_IF_ERROR(written);
  }
  return Status::success();
}

} // namespace lns::tool
