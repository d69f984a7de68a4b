//===- safetensors.cpp - The safetensors format ---------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "safetensors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <set>

using nlohmann::json;

namespace lns::tool {

static_assert(std::endian::native == std::endian::little,
              "safetensors files are little-endian and read in place");

/// The format's own limit; it keeps a damaged size from becoming an allocation.
static constexpr uint64_t maxHeaderBytes = 100'000'000;

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

/// Parses the header and notices keys that stand twice in one object, which a
/// JSON library would silently merge.
static Expected<json> parseHeader(const std::string &path, const char *text,
                                  size_t size) {
  std::vector<std::set<std::string>> keys;
  std::string duplicate;
  auto watch = [&](int, json::parse_event_t event, json &value) {
    if (event == json::parse_event_t::object_start) {
      keys.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      keys.pop_back();
    } else if (event == json::parse_event_t::key) {
      const std::string &key = value.get_ref<const std::string &>();
      if (!keys.back().insert(key).second && duplicate.empty())
        duplicate = key;
    }
    return true;
  };
  json header = json::parse(text, text + size, watch, false);
  if (header.is_discarded() || !header.is_object())
    return Status::failure(fmt::format(
        "{}: the header is not a JSON object; the file is damaged", path));
  if (!duplicate.empty())
    return Status::failure(
        fmt::format("{}: '{}' stands twice in the header", path, duplicate));
  return header;
}

/// A non-negative integer of at most 63 bits.
static bool readSize(const json &value, int64_t &out) {
  if (!value.is_number_unsigned())
    return false;
  uint64_t number = value.get<uint64_t>();
  if (number > static_cast<uint64_t>(INT64_MAX))
    return false;
  out = static_cast<int64_t>(number);
  return true;
}

Expected<SafetensorsFile> SafetensorsFile::open(const std::string &path) {
  Expected<MappedFile> mapped = MappedFile::open(path);
  if (!mapped)
    return mapped.status();
  SafetensorsFile result;
  result.file = std::move(*mapped);
  LNS_RETURN_IF_ERROR(result.parse());
  return result;
}

Status SafetensorsFile::parse() {
  const std::string &path = file.path();
  std::span<const std::byte> all = file.bytes();
  uint64_t headerBytes = 0;
  if (all.size() < sizeof headerBytes)
    return Status::failure(fmt::format(
        "{}: {} bytes are too few for a safetensors file", path, all.size()));
  std::memcpy(&headerBytes, all.data(), sizeof headerBytes);
  if (headerBytes > maxHeaderBytes)
    return Status::failure(fmt::format(
        "{}: header of {} bytes, the format allows {}; not a safetensors file",
        path, headerBytes, maxHeaderBytes));
  if (headerBytes > all.size() - sizeof headerBytes)
    return Status::failure(fmt::format(
        "{}: header of {} bytes, the file has {} bytes; the file is truncated",
        path, headerBytes, all.size()));

  const char *text =
      reinterpret_cast<const char *>(all.data()) + sizeof headerBytes;
  Expected<json> header = parseHeader(path, text, headerBytes);
  if (!header)
    return header.status();
  std::span<const std::byte> data =
      all.subspan(sizeof headerBytes + headerBytes);

  for (const auto &[name, value] : header->items()) {
    if (!value.is_object())
      return Status::failure(
          fmt::format("{}: header entry '{}' is not an object", path, name));
    if (name == "__metadata__") {
      for (const auto &[key, item] : value.items()) {
        if (!item.is_string())
          return Status::failure(
              fmt::format("{}: metadata '{}' is not a string", path, key));
        extra[key] = item.get<std::string>();
      }
      continue;
    }

    SafetensorsEntry entry;
    entry.name = name;
    auto dtype = value.find("dtype");
    auto shape = value.find("shape");
    auto offsets = value.find("data_offsets");
    if (dtype == value.end() || !dtype->is_string() || shape == value.end() ||
        !shape->is_array() || offsets == value.end() || !offsets->is_array() ||
        offsets->size() != 2)
      return Status::failure(
          fmt::format("{}: tensor '{}' needs dtype, shape and two data_offsets",
                      path, name));
    entry.dtype = dtype->get<std::string>();
    uint64_t elementBytes = dtypeBytes(entry.dtype);
    if (elementBytes == 0)
      return Status::failure(
          fmt::format("{}: tensor '{}' has the unknown dtype '{}'", path, name,
                      entry.dtype));
    for (const json &item : *shape) {
      int64_t size = 0;
      if (!readSize(item, size))
        return Status::failure(fmt::format(
            "{}: tensor '{}' has the impossible size {} in its shape", path,
            name, item.dump(-1, ' ', false, json::error_handler_t::replace)));
      entry.shape.push_back(size);
    }
    int64_t begin = 0, end = 0;
    if (!readSize((*offsets)[0], begin) || !readSize((*offsets)[1], end) ||
        begin > end || static_cast<uint64_t>(end) > data.size())
      return Status::failure(fmt::format(
          "{}: tensor '{}' has data_offsets {}, the file has {} bytes of data; "
          "the file is truncated or damaged",
          path, name,
          offsets->dump(-1, ' ', false, json::error_handler_t::replace),
          data.size()));
    uint64_t bytes = 0;
    if (!countElements(entry.shape, entry.elements) ||
        __builtin_mul_overflow(entry.elements, elementBytes, &bytes))
      return Status::failure(fmt::format(
          "{}: tensor '{}' of shape {} is larger than memory can be", path,
          name, formatShape(entry.shape)));
    if (bytes != static_cast<uint64_t>(end - begin))
      return Status::failure(fmt::format(
          "{}: tensor '{}' of shape {} and dtype {} needs {} bytes, its "
          "data_offsets hold {}",
          path, name, formatShape(entry.shape), entry.dtype, bytes,
          end - begin));
    entry.bytes = data.subspan(static_cast<size_t>(begin),
                               static_cast<size_t>(end - begin));
    entries.push_back(std::move(entry));
  }

  // Empty tensors sort before the tensor that starts at the same byte.
  std::sort(entries.begin(), entries.end(),
            [](const SafetensorsEntry &a, const SafetensorsEntry &b) {
              if (a.bytes.data() != b.bytes.data())
                return a.bytes.data() < b.bytes.data();
              if (a.bytes.size() != b.bytes.size())
                return a.bytes.size() < b.bytes.size();
              return a.name < b.name;
            });
  // Overlaps first: moving a tensor onto another leaves a gap as well.
  for (size_t i = 1; i < entries.size(); ++i) {
    const SafetensorsEntry &before = entries[i - 1], &entry = entries[i];
    if (entry.bytes.data() < before.bytes.data() + before.bytes.size())
      return Status::failure(fmt::format("{}: tensors '{}' and '{}' overlap",
                                         path, before.name, entry.name));
  }
  const std::byte *covered = data.data();
  for (size_t i = 0; i < entries.size(); ++i) {
    const SafetensorsEntry &entry = entries[i];
    if (entry.bytes.data() != covered)
      return Status::failure(
          fmt::format("{}: {} bytes before tensor '{}' belong to no tensor",
                      path, entry.bytes.data() - covered, entry.name));
    covered = entry.bytes.data() + entry.bytes.size();
    index[entry.name] = i;
  }
  if (covered != data.data() + data.size())
    return Status::failure(
        fmt::format("{}: the last {} bytes belong to no tensor", path,
                    data.data() + data.size() - covered));
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

Status SafetensorsFile::readF32(const SafetensorsEntry &entry,
                                float *out) const {
  const std::byte *bytes = entry.bytes.data();
  if (entry.dtype == "F32") {
    if (!entry.bytes.empty())
      std::memcpy(out, bytes, entry.bytes.size());
    return Status::success();
  }
  if (entry.dtype == "F64") {
    for (uint64_t i = 0; i < entry.elements; ++i) {
      double value;
      std::memcpy(&value, bytes + i * sizeof value, sizeof value);
      out[i] = static_cast<float>(value);
    }
    return Status::success();
  }
  if (entry.dtype == "BF16" || entry.dtype == "F16") {
    bool brain = entry.dtype == "BF16";
    for (uint64_t i = 0; i < entry.elements; ++i) {
      uint16_t value;
      std::memcpy(&value, bytes + i * sizeof value, sizeof value);
      out[i] = brain ? std::bit_cast<float>(uint32_t{value} << 16)
                     : halfToFloat(value);
    }
    return Status::success();
  }
  return Status::failure(fmt::format(
      "{}: tensor '{}' has dtype {}, expected F32, F64, F16 or BF16", path(),
      entry.name, entry.dtype));
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
  std::vector<uint64_t> sizes;
  uint64_t offset = 0;
  for (const SafetensorsSpec &spec : specs) {
    uint64_t elements = 0, bytes = 0, end = 0;
    if (!countElements(spec.shape, elements) ||
        __builtin_mul_overflow(elements, sizeof(float), &bytes) ||
        __builtin_add_overflow(offset, bytes, &end))
      return Status::failure(
          fmt::format("{}: tensor '{}' of shape {} is too large", path,
                      spec.name, formatShape(spec.shape)));
    if (header.contains(spec.name))
      return Status::failure(
          fmt::format("{}: two tensors have the name '{}'", path, spec.name));
    header[spec.name] = {{"dtype", "F32"},
                         {"shape", spec.shape},
                         {"data_offsets", {offset, end}}};
    sizes.push_back(elements);
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
  return writer;
}

Status SafetensorsWriter::append(std::span<const float> data) {
  uint64_t expected = next < sizes.size() ? sizes[next] : 0;
  if (next >= sizes.size() || data.size() > expected - written)
    return Status::failure(
        fmt::format("{}: tensor number {} has {} elements, expected {}", path,
                    next, written + data.size(), expected));
  written += data.size();
  if (written == expected) {
    ++next;
    written = 0;
  }
  return file.write(data.data(), data.size_bytes());
}

Status SafetensorsWriter::commit() {
  if (next != sizes.size())
    return Status::failure(fmt::format("{}: {} of {} tensors were written",
                                       path, next, sizes.size()));
  return file.commit();
}

} // namespace lns::tool
