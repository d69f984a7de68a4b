//===- SafetensorsTarget.cpp - Weights in a safetensors file --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The first byte says whether the next eight are taken for the header's size,
// or the header ends at the last brace: a mutation that moves the header's end
// would otherwise be found out before anything else is looked at.
//
//===----------------------------------------------------------------------===//

#include "MemoryFile.h"
#include "TinyStore.h"

#include "tools/lns/checkpoint/safetensors.h"
#include "tools/lns/checkpoint/weights.h"

#include <cstring>

using namespace lns;

static std::string sizeBytes(uint64_t size) {
  return {reinterpret_cast<const char *>(&size), sizeof size};
}

static std::vector<std::string> seeds() {
  std::vector<std::string> seeds;
  struct Type {
    const char *name;
    size_t bytes;
  };
  for (Type type : {Type{"F32", 4}, {"BF16", 2}, {"F16", 2}, {"F64", 8}}) {
    auto range = [&](size_t first, size_t last) {
      return "[" + std::to_string(first * type.bytes) + "," +
             std::to_string(last * type.bytes) + "]";
    };
    std::string header =
        R"({"__metadata__":{"format":"pt"},"model.embed_tokens.weight":{)"
        R"("dtype":")" +
        std::string(type.name) + R"(","shape":[3,2],"data_offsets":)" +
        range(0, 6) + R"(},"model.norm.weight":{"dtype":")" + type.name +
        R"(","shape":[2],"data_offsets":)" + range(6, 8) + "}}";
    std::string data;
    for (size_t i = 0; i < 8 * type.bytes; ++i)
      data += char(17 * i + 60);
    seeds.push_back("\1" + header + data);
    seeds.push_back(std::string(1, '\0') + sizeBytes(header.size()) + header +
                    data);
  }
  return seeds;
}

static void run(std::string_view bytes) {
  static fuzz::MemoryFile file;
  if (bytes.empty())
    return;
  std::string_view rest = bytes.substr(1);
  if (bytes[0] & 1)
    file.write(sizeBytes(rest.rfind('}') + 1) + std::string(rest));
  else
    file.write(rest);

  auto opened = tool::SafetensorsFile::open(file.path());
  if (!opened)
    fuzz::requireError(opened.status());
  else
    for (const tool::SafetensorsEntry &entry : opened->tensors()) {
      fuzz::require(opened->find(entry.name) == &entry);
      // F16 has the fewest bytes of the types that can be read.
      if (entry.elements <= bytes.size()) {
        std::vector<float> values(entry.elements);
        tool::Status read = opened->readF32(entry, values);
        if (!read.ok())
          fuzz::requireError(read);
      }
    }
  static fuzz::TinyStore store;
  std::vector<std::string> notes;
  tool::Status loaded = tool::loadParameters(file.path(), store, notes);
  if (!loaded.ok())
    fuzz::requireError(loaded);
}

static const fuzz::RegisterTarget registered({"safetensors", seeds, run});
