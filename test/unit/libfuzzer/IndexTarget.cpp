//===- IndexTarget.cpp - Weights in several files, and their index --------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The files are right; the input is model.safetensors.index.json beside them.
//
//===----------------------------------------------------------------------===//

#include "MemoryFile.h"
#include "TinyStore.h"

#include "tools/lns/checkpoint/safetensors.h"
#include "tools/lns/checkpoint/weight_files.h"
#include "tools/lns/checkpoint/weights.h"

using namespace lns;

namespace {
struct ShardedWeights {
  ShardedWeights() {
    write("a.safetensors", "model.embed_tokens.weight", {3, 2}, 6);
    write("b.safetensors", "model.norm.weight", {2}, 2);
  }
  void write(const char *file, const char *name, std::vector<int64_t> shape,
             size_t elements) const {
    auto writer = tool::SafetensorsWriter::create(
        folder.path() + "/" + file, {{name, std::move(shape)}}, {});
    fuzz::require(bool(writer));
    std::vector<float> data(elements, 0.25f);
    fuzz::require(writer->append(data).ok() && writer->commit().ok());
  }

  fuzz::ScratchFolder folder;
  fuzz::TinyStore store;
};
} // namespace

static std::vector<std::string> seeds() {
  return {R"({"metadata":{"total_size":32},"weight_map":{)"
          R"("model.embed_tokens.weight":"a.safetensors",)"
          R"("model.norm.weight":"b.safetensors"}})",
          R"({"weight_map":{"model.norm.weight":"../b.safetensors"}})"};
}

static void run(std::string_view bytes) {
  static ShardedWeights weights;
  weights.folder.write("model.safetensors.index.json", bytes);
  auto files = tool::WeightFiles::open(weights.folder.path());
  if (!files)
    fuzz::requireError(files.status());
  std::vector<std::string> notes;
  tool::Status loaded =
      tool::loadParameters(weights.folder.path(), weights.store, notes);
  if (!loaded.ok())
    fuzz::requireError(loaded);
}

static const fuzz::RegisterTarget registered({"index", seeds, run});
