//===- StateTarget.cpp - What a checkpoint says about its run -------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Weights and optimizer state are right; the input is trainer_state.json.
//
//===----------------------------------------------------------------------===//

#include "MemoryFile.h"
#include "TinyStore.h"

#include "tools/lns/checkpoint.h"

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
    std::ifstream file(path() + "/trainer_state.json", std::ios::binary);
    saved.assign(std::istreambuf_iterator<char>(file), {});
  }
  std::string path() const { return folder.path() + "/step-000007"; }

  fuzz::ScratchFolder folder;
  fuzz::TinyStore store;
  std::string saved;
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
  auto state = tool::loadCheckpoint(made.path(), made.store);
  if (!state)
    fuzz::requireError(state.status());
}

static const fuzz::RegisterTarget registered({"state", seeds, run});
