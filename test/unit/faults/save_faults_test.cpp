//===- save_faults_test.cpp - Saving and loading when the disk says no ----===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Every system call of a save fails in turn, in every way that it can; then the
// process dies at each. What was saved before is there, a save that says that
// it succeeded did, and one that did not leaves nothing behind that could be
// taken for a checkpoint.
//
//===----------------------------------------------------------------------===//

#include "SystemFaults.h"

#include "test/unit/libfuzzer/TinyStore.h"
#include "test/unit/tools/test_files.h"
#include "tools/lns/base/file_io.h"
#include "tools/lns/checkpoint/checkpoint.h"

#include <cerrno>
#include <sys/wait.h>
#include <unistd.h>

using namespace lns;
using namespace lns::tool;
using faults::Action;
using faults::Call;

namespace {
/// A store whose values all depend on `step`.
struct StepStore : fuzz::TinyStore {
  explicit StepStore(uint64_t step) {
    float value = 0.25f * float(step);
    for (TensorKind kind :
         {TensorKind::Parameter, TensorKind::ExpAvg, TensorKind::ExpAvgSq})
      for (size_t i = 0; i < tensors().size(); ++i) {
        std::vector<float> data(tensors()[i].elements);
        for (float &x : data)
          x = (value += 0.37f);
        if (!write(kind, i, data).ok())
          std::abort();
      }
  }
  std::vector<float> all() {
    std::vector<float> values;
    for (TensorKind kind :
         {TensorKind::Parameter, TensorKind::ExpAvg, TensorKind::ExpAvgSq})
      for (size_t i = 0; i < tensors().size(); ++i) {
        std::vector<float> data(tensors()[i].elements);
        if (!read(kind, i, 0, data).ok())
          std::abort();
        values.insert(values.end(), data.begin(), data.end());
      }
    return values;
  }
};

class SaveFaults : public testing::Test {
protected:
  std::string path(uint64_t step) const {
    return folder / ("step-00000" + std::to_string(step));
  }
  Status save(uint64_t step) {
    StepStore store(step);
    TrainerState state;
    state.step = step;
    state.seed = 7;
    state.batch = 2;
    state.sequence = 8;
    return saveCheckpoint(path(step), store, state, "{}\n");
  }
  Expected<TrainerState> load(uint64_t step, StepStore &store) {
    return loadCheckpoint(path(step), store);
  }
  void expectWhole(uint64_t step) {
    StepStore store(9);
    auto state = load(step, store);
    ASSERT_TRUE(state) << state.status().message();
    EXPECT_EQ(state->step, step);
    EXPECT_EQ(store.all(), StepStore(step).all());
  }

  TempFolder folder;
};

struct Way {
  Call call;
  Action action;
  int error;
  bool mustSucceed; ///< The save, or the load, goes on.
};

std::ostream &operator<<(std::ostream &out, const Way &way) {
  return out << "call " << int(way.call) << " action " << int(way.action)
             << " error " << way.error;
}
} // namespace

TEST_F(SaveFaults, EveryCallOfASave) {
  ASSERT_TRUE(save(1).ok());
  const Way ways[] = {{Call::Open, Action::Fail, EACCES, false},
                      {Call::Open, Action::Fail, EIO, false},
                      {Call::Open, Action::Fail, EMFILE, false},
                      {Call::Mkdir, Action::Fail, ENOSPC, false},
                      {Call::Write, Action::Fail, ENOSPC, false},
                      {Call::Write, Action::Fail, EIO, false},
                      {Call::Write, Action::Fail, EINTR, true},
                      {Call::Write, Action::Short, 0, true},
                      {Call::Sync, Action::Fail, EIO, false},
                      {Call::Sync, Action::Fail, ENOSPC, false},
                      {Call::Sync, Action::Fail, EINTR, false},
                      {Call::Close, Action::Fail, EIO, false},
                      {Call::Rename, Action::Fail, EIO, false},
                      {Call::Rename, Action::Fail, ENOSPC, false}};
  long refused = 0;
  for (const Way &way : ways)
    for (long at = 1;; ++at) {
      faults::arm({folder.path, way.call, way.action, way.error, at});
      Status saved = save(2);
      long seen = faults::disarm();
      SCOPED_TRACE(testing::Message() << way << " at " << at << " of " << seen);
      expectWhole(1);
      if (seen < at) {
        EXPECT_GT(at, 1) << "there is no such call";
        ASSERT_TRUE(saved.ok()) << saved.message();
      }
      if (way.mustSucceed) {
        EXPECT_TRUE(saved.ok()) << saved.message();
      }
      if (saved.ok()) {
        expectWhole(2);
      } else {
        ++refused;
        EXPECT_NE(saved.message().find(folder.path), std::string::npos)
            << saved.message();
        // The last flush comes after the folder has its name.
        if (pathExists(path(2)))
          expectWhole(2);
        else
          EXPECT_EQ(folder.list(), std::vector<std::string>{"step-000001"});
        if (way.error == ENOSPC) {
          EXPECT_NE(saved.message().find("free some space"), std::string::npos)
              << saved.message();
        }
      }
      std::filesystem::remove_all(path(2));
      if (seen < at)
        break;
    }
  EXPECT_GT(refused, 40);
}

TEST_F(SaveFaults, ShortCallsOnly) {
  faults::arm({folder.path, Call::Write, Action::Short, 0, 0});
  Status saved = save(2);
  EXPECT_GT(faults::disarm(), 20);
  ASSERT_TRUE(saved.ok()) << saved.message();
  expectWhole(2);
  faults::arm({folder.path, Call::Read, Action::Short, 0, 0});
  expectWhole(2);
  faults::disarm();
}

TEST_F(SaveFaults, EveryCallOfALoad) {
  ASSERT_TRUE(save(1).ok());
  const Way ways[] = {{Call::Open, Action::Fail, EIO, false},
                      {Call::Open, Action::Fail, EMFILE, false},
                      {Call::Read, Action::Fail, EIO, false},
                      {Call::Read, Action::Fail, EINTR, true},
                      {Call::Read, Action::Short, 0, true}};
  for (const Way &way : ways)
    for (long at = 1;; ++at) {
      StepStore store(9);
      faults::arm({folder.path, way.call, way.action, way.error, at});
      auto loaded = load(1, store);
      long seen = faults::disarm();
      SCOPED_TRACE(testing::Message() << way << " at " << at << " of " << seen);
      if (way.mustSucceed || seen < at) {
        EXPECT_TRUE(loaded) << loaded.status().message();
      }
      if (loaded)
        EXPECT_EQ(store.all(), StepStore(1).all());
      else
        EXPECT_NE(loaded.status().message().find(path(1)), std::string::npos)
            << loaded.status().message();
      if (seen < at)
        break;
    }
}

// The process dies in, and instead of, every call of a save.
TEST_F(SaveFaults, DeathAtEveryCallOfASave) {
  ASSERT_TRUE(save(1).ok());
  long deaths = 0;
  for (long at = 1;; ++at) {
    SCOPED_TRACE(testing::Message() << "call " << at);
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      faults::arm({folder.path, Call::Any, Action::Kill, 0, at});
      _exit(save(2).ok() ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    expectWhole(1);
    if (WIFEXITED(status)) {
      EXPECT_EQ(WEXITSTATUS(status), 0);
      expectWhole(2);
      break;
    }
    ++deaths;
    // Whatever has a checkpoint's name is one.
    if (pathExists(path(2))) {
      expectWhole(2);
      std::filesystem::remove_all(path(2));
    } else {
      // What the dead left is in nobody's way.
      ASSERT_TRUE(save(2).ok());
      expectWhole(2);
      std::filesystem::remove_all(path(2));
    }
    removeStaleFolders(folder.path);
    EXPECT_EQ(folder.list(), std::vector<std::string>{"step-000001"});
  }
  EXPECT_GE(deaths, 30);
}
