//===- StateTarget.cpp - What a checkpoint says about its run -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Weights and optimizer state are right; the input is trainer_state.json, and
// the manifest says so.
//
//===----------------------------------------------------------------------===//

#include "MemoryFile.h"
#include "TinyStore.h"

#include "tools/lns/base/checksum.h"
#include "tools/lns/checkpoint/checkpoint.h"

#include <filesystem>
#include <fstream>
#include <iterator>

using namespace lns;

namespace {
/// A checkpoint folder with the state that it was saved with.
struct Checkpoint {
  Checkpoint() {
    tool::TrainerState state;
    state.step = 7;
    state.seed = 1;
    state.batch = 2;
    state.sequence = 8;
    state.elapsedSeconds = 1.5;
    fuzz::require(tool::saveCheckpoint(path(), store, state, "{}").ok());
    saved = read("/trainer_state.json");
    manifest = read("/manifest.json");
    place = manifest.find(entryOf(saved));
    fuzz::require(place != std::string::npos);
  }
  std::string path() const { return folder.path() + "/step-000007"; }
  std::string read(const char *name) const {
    std::ifstream file(path() + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  /// What the manifest says of such a state.
  static std::string entryOf(std::string_view bytes) {
    tool::Checksum sum;
    sum.add(bytes.data(), bytes.size());
    return "\"bytes\": " + std::to_string(bytes.size()) +
           ",\n      \"xxh64\": \"" + tool::checksumText(sum.value()) + "\"";
  }
  std::string manifestFor(std::string_view bytes) const {
    std::string text = manifest;
    return text.replace(place, entryOf(saved).size(), entryOf(bytes));
  }

  fuzz::ScratchFolder folder;
  fuzz::TinyStore store;
  std::string saved, manifest;
  size_t place = 0; ///< of the state's entry in the manifest
};
} // namespace

static Checkpoint &checkpoint() {
  static Checkpoint made;
  return made;
}

static std::vector<std::string> seeds() { return {checkpoint().saved}; }

static void run(std::string_view bytes) {
  Checkpoint &made = checkpoint();
  made.folder.write("step-000007/trainer_state.json", bytes);
  made.folder.write("step-000007/manifest.json", made.manifestFor(bytes));
  auto state = tool::loadCheckpoint(made.path(), made.store);
  if (!state)
    fuzz::requireError(state.status());
}

static const fuzz::RegisterTarget registered({"state", seeds, run});
