//===- safetensors_header.cpp - A header as it stands ---------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/safetensors_header.h"

#include "tools/lns/base/printable.h"

#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

using nlohmann::json;

namespace lns::tool {

/// Values of fields that the format does not have are passed over this deep.
static constexpr unsigned maxDepth = 64;
/// Far more than any tensor has; the shape of a damaged file is no allocation.
static constexpr size_t maxRank = 32;

namespace {
/// Every event returns whether the parser shall go on; `error` says why not.
class HeaderReader : public json::json_sax_t {
public:
  bool null() override { return scalar("null"); }
  bool boolean(bool value) override { return scalar(value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override {
    return scalar(std::to_string(value));
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > uint64_t{std::numeric_limits<int64_t>::max()})
      return scalar(std::to_string(value));
    if (place == Place::Shape && depth == 3) {
      if (entry.shape.size() == maxRank)
        return fail(fmt::format("tensor '{}' has more than {} sizes in its "
                                "shape",
                                printable(entry.name), maxRank));
      entry.shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (place == Place::Offsets && depth == 3) {
      if (offsets < 2)
        (offsets == 0 ? entry.begin : entry.end) = value;
      ++offsets;
      return true;
    }
    return scalar(std::to_string(value));
  }
  bool number_float(number_float_t, const string_t &text) override {
    return scalar(text);
  }
  bool string(string_t &value) override {
    if (depth == 2 && place == Place::Metadata) {
      header.metadata[field] = std::move(value);
      return true;
    }
    if (depth == 2 && place == Place::Dtype) {
      entry.dtype = std::move(value);
      place = Place::Tensor;
      return true;
    }
    return scalar(value);
  }
  bool binary(binary_t &) override { return scalar("binary data"); }

  bool start_object(size_t) override {
    if (depth == 0 || (depth == 1 && place == Place::Entry)) {
      if (depth == 1) {
        entry = {.name = field, .dtype = {}, .shape = {}};
        seen = {};
        offsets = 0;
        place = field == "__metadata__" ? Place::Metadata : Place::Tensor;
      }
      ++depth;
      return true;
    }
    return descend();
  }
  bool end_object() override {
    --depth;
    if (depth != 1)
      return passedOver();
    if (place == Place::Metadata)
      return true;
    if (!seen.contains("dtype") || !seen.contains("shape") || offsets != 2)
      return needsFields();
    header.tensors.push_back(std::move(entry));
    return true;
  }
  bool start_array(size_t) override {
    if (depth == 0)
      return fail(notAnObject);
    if (depth == 2 && (place == Place::Shape || place == Place::Offsets)) {
      ++depth;
      return true;
    }
    return descend();
  }
  bool end_array() override {
    --depth;
    if (depth == 2 && (place == Place::Shape || place == Place::Offsets)) {
      place = Place::Tensor;
      return true;
    }
    return passedOver();
  }

  bool key(string_t &name) override {
    if (depth == 1) {
      place = Place::Entry;
      field = std::move(name);
      return names.insert(field).second || failTwice(field);
    }
    if (depth != 2)
      return true;
    if (place == Place::Metadata) {
      field = std::move(name);
      return !header.metadata.contains(field) || failTwice(field);
    }
    place = name == "dtype"          ? Place::Dtype
            : name == "shape"        ? Place::Shape
            : name == "data_offsets" ? Place::Offsets
                                     : Place::Other;
    if (place == Place::Other)
      return true;
    return seen.insert(name).second || failTwice(name);
  }

  bool parse_error(size_t, const std::string &,
                   const nlohmann::detail::exception &) override {
    return fail(notAnObject);
  }

  std::string error; ///< without the path
  SafetensorsHeader header;

private:
  /// What the next value is.
  enum class Place { Entry, Metadata, Tensor, Dtype, Shape, Offsets, Other };

  static constexpr const char *notAnObject =
      "the header is not a JSON object; the file is damaged";

  bool fail(std::string text) {
    if (error.empty())
      error = std::move(text);
    return false;
  }
  bool failTwice(const std::string &name) {
    return fail(
        fmt::format("'{}' stands twice in the header", printable(name)));
  }
  bool needsFields() {
    return fail(
        fmt::format("tensor '{}' needs dtype, shape and two data_offsets",
                    printable(entry.name)));
  }

  /// A value that is no object and not what its place asks for.
  bool scalar(const std::string &text) {
    if (depth == 0)
      return fail(notAnObject);
    if (depth == 1)
      return fail(
          fmt::format("header entry '{}' is not an object", printable(field)));
    if (place == Place::Metadata)
      return fail(
          fmt::format("metadata '{}' is not a string", printable(field)));
    if (place == Place::Shape && depth == 3)
      return fail(fmt::format("tensor '{}' has the impossible size {} in its "
                              "shape",
                              printable(entry.name), printable(text)));
    if (place == Place::Offsets && depth == 3)
      return fail(fmt::format("tensor '{}' has the impossible number {} in its "
                              "data_offsets",
                              printable(entry.name), printable(text)));
    if (place != Place::Other)
      return needsFields();
    return passedOver();
  }
  /// An object or array where the format has none.
  bool descend() {
    if (place != Place::Other)
      return scalar(place == Place::Shape || place == Place::Offsets ? "[...]"
                                                                     : "{...}");
    if (++depth > maxDepth)
      return fail(fmt::format("the header is nested more than {} deep; the "
                              "file is damaged",
                              maxDepth));
    return true;
  }
  bool passedOver() {
    if (depth == 2)
      place = Place::Tensor;
    return true;
  }

  unsigned depth = 0; ///< open objects and arrays
  Place place = Place::Entry;
  std::string field; ///< entry at depth 1, key of the metadata at depth 2
  std::set<std::string> names;
  SafetensorsHeaderEntry entry;
  std::set<std::string> seen; ///< fields of `entry`
  int offsets = 0;            ///< numbers in its data_offsets
};
} // namespace

Expected<SafetensorsHeader> parseSafetensorsHeader(const std::string &path,
                                                   std::string_view text) {
  HeaderReader reader;
  if (!json::sax_parse(text.begin(), text.end(), &reader))
    return Status::failure(fmt::format("{}: {}", path, reader.error));
  return std::move(reader.header);
}

} // namespace lns::tool
