//===- json_text.cpp - JSON from untrusted text ---------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/json_text.h"

#include "tools/lns/base/printable.h"

#include <fmt/format.h>
#include <utility>
#include <vector>

using nlohmann::json;

namespace lns::tool {

static constexpr int maxDepth = 32;

nlohmann::json parseJson(const std::string &text) {
  using Event = nlohmann::json::parse_event_t;
  bool isDeep = false;
  auto watch = [&](int depth, Event, nlohmann::json &) {
    isDeep |= depth > maxDepth;
    return !isDeep;
  };
  nlohmann::json json = nlohmann::json::parse(text, watch, false);
  return isDeep ? nlohmann::json(nlohmann::json::value_t::discarded) : json;
}

namespace {
/// Builds a value; every event returns whether the parser shall go on.
class StrictReader : public json::json_sax_t {
public:
  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t &) override {
    return add(value);
  }
  bool string(string_t &value) override { return add(std::move(value)); }
  bool binary(binary_t &) override { return fail("binary data"); }

  bool start_object(size_t) override { return open(json::object()); }
  bool key(string_t &value) override {
    if (frames.back()->contains(value))
      return fail(fmt::format("the key '{}' is there twice; remove one of them",
                              printable(value, 40)));
    keys.back() = std::move(value);
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(json::array()); }
  bool end_array() override { return close(); }

  bool parse_error(size_t position, const std::string &,
                   const nlohmann::detail::exception &what) override {
    constexpr int numberRange = 406;
    return fail(fmt::format("{}, at byte {}",
                            what.id == numberRange
                                ? "a number that no double holds"
                                : "no JSON, or not UTF-8",
                            position));
  }

  json root;
  std::string error;

private:
  bool fail(std::string what) {
    error = std::move(what);
    return false;
  }
  bool add(json value, json **placed = nullptr) {
    json *slot = &root;
    if (!frames.empty())
      slot = frames.back()->is_object() ? &(*frames.back())[keys.back()]
                                        : &frames.back()->emplace_back();
    *slot = std::move(value);
    if (placed)
      *placed = slot;
    return true;
  }
  bool open(json empty) {
    if (frames.size() == maxDepth)
      return fail(fmt::format("nested deeper than {}", maxDepth));
    json *placed = nullptr;
    add(std::move(empty), &placed);
    frames.push_back(placed);
    keys.emplace_back();
    return true;
  }
  bool close() {
    frames.pop_back();
    keys.pop_back();
    return true;
  }

  std::vector<json *> frames; ///< the objects and arrays that are open
  std::vector<std::string> keys;
};
} // namespace

Expected<nlohmann::json> parseStrictJson(std::string_view text) {
  // The reader takes it for the end.
  if (text.find('\0') != text.npos)
    return Status::failure("a byte 0 in JSON, which has none; remove it");
  StrictReader reader;
  bool whole = json::sax_parse(text.begin(), text.end(), &reader);
  if (!reader.error.empty())
    return Status::failure(std::move(reader.error));
  if (!whole)
    return Status::failure("no JSON");
  return std::move(reader.root);
}

} // namespace lns::tool
