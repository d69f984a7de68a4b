//===- safetensors.cpp - The safetensors format ---------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/safetensors.h"

#include "tools/lns/base/file_kind.h"
#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/safetensors_header.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <tuple>

namespace lns::tool {

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian and read in place");

/// The format's own limit; it keeps a damaged size from becoming an allocation.
static constexpr uint64_t maxHeaderBytes = 100'000'000;

/// Elements of other types that are converted at a time.
static constexpr size_t partElements = 1 << 18;

std::string formatShape(std::span<const int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

bool countElements(std::span<const int64_t> shape, uint64_t &count) {
  count = 1;
  for (int64_t size : shape)
    if (size < 0 ||
        __builtin_mul_overflow(count, static_cast<uint64_t>(size), &count))
      return false;
  return true;
}

/// Bytes per element, 0 for an unknown type.
static uint64_t dtypeBytes(const std::string &dtype) {
  static const std::map<std::string, uint64_t> sizes = {
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
      {"U16", 2},  {"I16", 2}, {"F16", 2}, {"BF16", 2},    {"U32", 4},
      {"I32", 4},  {"F32", 4}, {"U64", 8}, {"I64", 8},     {"F64", 8}};
  auto it = sizes.find(dtype);
  return it == sizes.end() ? 0 : it->second;
}

Expected<SafetensorsFile> SafetensorsFile::open(const std::string &path) {
  Expected<InputFile> opened = InputFile::open(path);
  if (!opened)
    return opened.status();
  SafetensorsFile result;
  result.file = std::move(*opened);
  LNS_RETURN_IF_ERROR(result.parse());
  return result;
}

Expected<std::string> SafetensorsFile::readHeader() const {
  const std::string &path = file.path();
  uint64_t headerBytes = 0;
  std::vector<std::byte> head(std::min<uint64_t>(file.size(), kindBytes));
  LNS_RETURN_IF_ERROR(file.read(0, head));
  if (head.size() >= sizeof headerBytes)
    std::memcpy(&headerBytes, head.data(), sizeof headerBytes);
  // A header begins with '{'; a few bytes of data could look like something
  // else.
  bool plausible = head.size() > sizeof headerBytes &&
                   head[sizeof headerBytes] == std::byte{'{'} &&
                   headerBytes <= maxHeaderBytes;
  if (!plausible)
    if (std::string kind = foreignKind(head); !kind.empty())
      return Status::failure(
          fmt::format("{}: not a safetensors file: {}", path, kind));
  if (head.size() < sizeof headerBytes)
    return Status::failure(fmt::format(
        "{}: {} bytes are too few for a safetensors file", path, file.size()));
  if (headerBytes > maxHeaderBytes)
    return Status::failure(fmt::format(
        "{}: header of {} bytes, the format allows {}; not a safetensors file",
        path, headerBytes, maxHeaderBytes));
  if (headerBytes > file.size() - sizeof headerBytes)
    return Status::failure(fmt::format(
        "{}: header of {} bytes, the file has {} bytes; the file is truncated",
        path, headerBytes, file.size()));
  std::string text(headerBytes, '\0');
  LNS_RETURN_IF_ERROR(
      file.read(sizeof headerBytes, std::as_writable_bytes(std::span(text))));
  return text;
}

/// Checks what a header says of one tensor against `dataBytes` bytes of data.
static Expected<SafetensorsEntry> checkEntry(const std::string &path,
                                             SafetensorsHeaderEntry &&raw,
                                             uint64_t dataBytes) {
  std::string name = printable(raw.name);
  uint64_t elementBytes = dtypeBytes(raw.dtype);
  if (elementBytes == 0)
    return Status::failure(
        fmt::format("{}: tensor '{}' has the unknown dtype '{}'", path, name,
                    printable(raw.dtype)));
  if (raw.begin > raw.end || raw.end > dataBytes)
    return Status::failure(fmt::format(
        "{}: tensor '{}' has data_offsets [{},{}], the file has {} bytes of "
        "data; the file is truncated or damaged",
        path, name, raw.begin, raw.end, dataBytes));
  SafetensorsEntry entry;
  if (!countElements(raw.shape, entry.elements) ||
      __builtin_mul_overflow(entry.elements, elementBytes, &entry.bytes))
    return Status::failure(
        fmt::format("{}: tensor '{}' of shape {} is larger than memory can be",
                    path, name, formatShape(raw.shape)));
  if (entry.bytes != raw.end - raw.begin)
    return Status::failure(fmt::format(
        "{}: tensor '{}' of shape {} and dtype {} needs {} bytes, its "
        "data_offsets hold {}",
        path, name, formatShape(raw.shape), raw.dtype, entry.bytes,
        raw.end - raw.begin));
  entry.name = std::move(raw.name);
  entry.dtype = std::move(raw.dtype);
  entry.shape = std::move(raw.shape);
  entry.offset = raw.begin;
  return entry;
}

Status SafetensorsFile::parse() {
  const std::string &path = file.path();
  uint64_t dataBegin = 0, dataBytes = 0;
  {
    Expected<std::string> text = readHeader();
    if (!text)
      return text.status();
    dataBegin = sizeof(uint64_t) + text->size();
    dataBytes = file.size() - dataBegin;
    Expected<SafetensorsHeader> header = parseSafetensorsHeader(path, *text);
    if (!header)
      return header.status();
    extra = std::move(header->metadata);
    entries.reserve(header->tensors.size());
    for (SafetensorsHeaderEntry &raw : header->tensors) {
      Expected<SafetensorsEntry> entry =
          checkEntry(path, std::move(raw), dataBytes);
      if (!entry)
        return entry.status();
      entries.push_back(std::move(*entry));
    }
  }

  // Empty tensors sort before the tensor that starts at the same byte.
  std::sort(entries.begin(), entries.end(),
            [](const SafetensorsEntry &a, const SafetensorsEntry &b) {
              return std::tie(a.offset, a.bytes, a.name) <
                     std::tie(b.offset, b.bytes, b.name);
            });
  // Overlaps first: moving a tensor onto another leaves a gap as well.
  for (size_t i = 1; i < entries.size(); ++i) {
    const SafetensorsEntry &before = entries[i - 1], &entry = entries[i];
    if (entry.offset < before.offset + before.bytes)
      return Status::failure(fmt::format("{}: tensors '{}' and '{}' overlap",
                                         path, printable(before.name),
                                         printable(entry.name)));
  }
  uint64_t covered = 0;
  for (size_t i = 0; i < entries.size(); ++i) {
    SafetensorsEntry &entry = entries[i];
    if (entry.offset != covered)
      return Status::failure(
          fmt::format("{}: {} bytes before tensor '{}' belong to no tensor",
                      path, entry.offset - covered, printable(entry.name)));
    covered = entry.offset + entry.bytes;
    entry.offset += dataBegin;
    index[entry.name] = i;
  }
  if (covered != dataBytes)
    return Status::failure(
        fmt::format("{}: the last {} bytes belong to no tensor", path,
                    dataBytes - covered));
  return Status::success();
}

const SafetensorsEntry *SafetensorsFile::find(const std::string &name) const {
  auto it = index.find(name);
  return it == index.end() ? nullptr : &entries[it->second];
}

static float halfToFloat(uint16_t bits) {
  int exponent = (bits >> 10) & 31;
  float mantissa = static_cast<float>(bits & 1023);
  float magnitude;
  if (exponent == 31)
    magnitude = (bits & 1023) ? NAN : INFINITY;
  else if (exponent == 0)
    magnitude = std::ldexp(mantissa, -24);
  else
    magnitude = std::ldexp(1024.0f + mantissa, exponent - 25);
  return (bits & 0x8000) ? -magnitude : magnitude;
}

template <typename Element, typename Convert>
static void convert(const std::byte *bytes, std::span<float> out,
                    Convert toFloat) {
  for (size_t i = 0; i < out.size(); ++i) {
    Element value;
    std::memcpy(&value, bytes + i * sizeof value, sizeof value);
    out[i] = toFloat(value);
  }
}

static float brainToFloat(uint16_t bits) {
  return std::bit_cast<float>(uint32_t{bits} << 16);
}

Status SafetensorsFile::readF32(const SafetensorsEntry &entry,
                                std::span<float> out, uint64_t first) const {
  if (entry.dtype == "F32")
    return file.read(entry.offset + first * sizeof(float),
                     std::as_writable_bytes(out));
  if (entry.dtype != "F64" && entry.dtype != "BF16" && entry.dtype != "F16")
    return Status::failure(fmt::format(
        "{}: tensor '{}' has dtype {}, expected F32, F64, F16 or BF16", path(),
        printable(entry.name), entry.dtype));
  uint64_t elementBytes = dtypeBytes(entry.dtype);
  uint64_t at = entry.offset + first * elementBytes;
  std::vector<std::byte> part(std::min(out.size(), partElements) *
                              elementBytes);
  for (size_t done = 0; done < out.size();) {
    size_t count = std::min<size_t>(out.size() - done, partElements);
    std::span<std::byte> bytes = std::span(part).first(count * elementBytes);
    LNS_RETURN_IF_ERROR(file.read(at, bytes));
    std::span<float> some = out.subspan(done, count);
    if (entry.dtype == "F64")
      convert<double>(part.data(), some,
                      [](double value) { return static_cast<float>(value); });
    else if (entry.dtype == "BF16")
      convert<uint16_t>(part.data(), some, brainToFloat);
    else
      convert<uint16_t>(part.data(), some, halfToFloat);
    at += bytes.size();
    done += count;
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

Expected<SafetensorsWriter>
SafetensorsWriter::create(const std::string &path,
                          const std::vector<SafetensorsSpec> &specs,
                          const std::map<std::string, std::string> &metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty())
    header["__metadata__"] = metadata;
  std::vector<uint64_t> sizes, widths;
  uint64_t offset = 0;
  for (const SafetensorsSpec &spec : specs) {
    uint64_t elements = 0, bytes = 0, end = 0, width = dtypeBytes(spec.dtype);
    if (!countElements(spec.shape, elements) ||
        __builtin_mul_overflow(elements, width, &bytes) ||
        __builtin_add_overflow(offset, bytes, &end))
      return Status::failure(
          fmt::format("{}: tensor '{}' of shape {} is too large", path,
                      spec.name, formatShape(spec.shape)));
    if (header.contains(spec.name))
      return Status::failure(
          fmt::format("{}: two tensors have the name '{}'", path, spec.name));
    header[spec.name] = {{"dtype", spec.dtype},
                         {"shape", spec.shape},
                         {"data_offsets", {offset, end}}};
    sizes.push_back(elements);
    widths.push_back(width);
    offset = end;
  }
  std::string text = header.dump(
      -1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  // The data section starts at a multiple of 8, so that readers may map it.
  text.append((8 - text.size() % 8) % 8, ' ');

  Expected<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.status();
  uint64_t headerBytes = text.size();
  LNS_RETURN_IF_ERROR(file->write(&headerBytes, sizeof headerBytes));
  LNS_RETURN_IF_ERROR(file->write(text));
  SafetensorsWriter writer(std::move(*file));
  writer.path = path;
  writer.sizes = std::move(sizes);
  writer.widths = std::move(widths);
  return writer;
}

Status SafetensorsWriter::append(std::span<const float> data) {
  return append(data.data(), data.size(), sizeof(float));
}

Status SafetensorsWriter::append(std::span<const uint16_t> data) {
  return append(data.data(), data.size(), sizeof(uint16_t));
}

Status SafetensorsWriter::append(const void *data, size_t count,
                                 size_t elementBytes) {
  uint64_t expected = next < sizes.size() ? sizes[next] : 0;
  if (next >= sizes.size() || count > expected - written)
    return Status::failure(
        fmt::format("{}: tensor number {} has {} elements, expected {}", path,
                    next, written + count, expected));
  if (widths[next] != elementBytes)
    return Status::failure(
        fmt::format("{}: tensor number {} has elements of {} bytes, expected "
                    "{}",
                    path, next, elementBytes, widths[next]));
  written += count;
  if (written == expected) {
    ++next;
    written = 0;
  }
  return file.write(data, count * elementBytes);
}

Status SafetensorsWriter::commit() {
  if (next != sizes.size())
    return Status::failure(fmt::format("{}: {} of {} tensors were written",
                                       path, next, sizes.size()));
  return file.commit();
}

} // namespace lns::tool
