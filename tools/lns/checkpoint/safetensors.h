//===- safetensors.h - The safetensors format -------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_SAFETENSORS_H
#define LNS_TOOLS_LNS_CHECKPOINT_SAFETENSORS_H

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/status.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace lns::tool {

/// One tensor of an open file.
struct SafetensorsEntry {
  std::string name;
  std::string dtype; ///< "F32", "BF16", ... as in the file
  std::vector<int64_t> shape;
  uint64_t elements = 0;
  uint64_t offset = 0; ///< in the file; need not be aligned
  uint64_t bytes = 0;
};

/// A safetensors file: u64 header size, JSON header, tensor bytes. Everything
/// that the format demands is checked when it is opened: header within bounds,
/// no name or key twice, known element types, no overflow in any size, each
/// tensor's bytes equal its shape, and the data section covered by the tensors
/// exactly, without overlap, gap or tail. What is no such file at all is named
/// (a git-lfs pointer, a pickle). Tensors are read when they are asked for, not
/// mapped: a file that shrinks meanwhile is an error.
class SafetensorsFile {
public:
  static Expected<SafetensorsFile> open(const std::string &path);

  const std::string &path() const { return file.path(); }
  /// In order of offset.
  const std::vector<SafetensorsEntry> &tensors() const { return entries; }
  const SafetensorsEntry *find(const std::string &name) const;
  const std::map<std::string, std::string> &metadata() const { return extra; }

  /// Converts elements of a tensor of F32, F64, F16 or BF16 to f32: as many as
  /// `out` has, from `first` on.
  Status readF32(const SafetensorsEntry &entry, std::span<float> out,
                 uint64_t first = 0) const;

private:
  Expected<std::string> readHeader() const;
  Status parse();

  InputFile file;
  std::vector<SafetensorsEntry> entries;
  std::map<std::string, size_t> index;
  std::map<std::string, std::string> extra;
};

struct SafetensorsSpec {
  std::string name;
  std::vector<int64_t> shape;
  std::string dtype = "F32"; ///< or "BF16"
};

/// Writes tensors in the order of `specs`, each with one append() or, in parts,
/// with several, then commit(). Until then nothing stands at `path`.
class SafetensorsWriter {
public:
  static Expected<SafetensorsWriter>
  create(const std::string &path, const std::vector<SafetensorsSpec> &specs,
         const std::map<std::string, std::string> &metadata);

  /// Of a tensor of F32.
  Status append(std::span<const float> data);
  /// Of a tensor of BF16, whose bits these are.
  Status append(std::span<const uint16_t> data);
  Status commit();
  /// Of the whole file, once it is committed.
  FileSummary summary() const { return file.summary(); }

private:
  explicit SafetensorsWriter(AtomicFile file) : file(std::move(file)) {}

  Status append(const void *data, size_t count, size_t elementBytes);

  AtomicFile file;
  std::string path;
  std::vector<uint64_t> sizes;
  std::vector<uint64_t> widths; ///< bytes of an element
  size_t next = 0;
  uint64_t written = 0; ///< elements of the tensor `next`
};

/// "[2, 3]".
std::string formatShape(std::span<const int64_t> shape);

/// Product of the sizes; false when one is negative or the product overflows.
bool countElements(std::span<const int64_t> shape, uint64_t &count);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_SAFETENSORS_H
