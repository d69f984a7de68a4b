//===- progress_test.cpp - Lines about a running job ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/progress.h"

#include "test_files.h"
#include "tools/lns/base/interrupt.h"

#include <csignal>
#include <unistd.h>

using namespace lns::tool;

namespace {
/// A stream into a pipe whose other end is ours.
class Pipe {
public:
  Pipe() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe(ends), 0);
    reader = ends[0];
    stream = ::fdopen(ends[1], "w");
  }
  ~Pipe() {
    std::fclose(stream);
    closeReader();
  }
  void closeReader() {
    if (reader >= 0)
      ::close(std::exchange(reader, -1));
  }
  std::string read(size_t most) {
    std::string text(most, ' ');
    ssize_t count = ::read(reader, text.data(), most);
    text.resize(count > 0 ? static_cast<size_t>(count) : 0);
    return text;
  }
  std::FILE *stream = nullptr;
  int reader = -1;
};
} // namespace

TEST(Progress, LinesFollowWhatTheStreamHasWritten) {
  Pipe pipe;
  std::fputs("before\n", pipe.stream);
  Progress progress(pipe.stream);
  progress.bar(0.5, "no terminal");
  progress.line("line");
  EXPECT_EQ(pipe.read(100), "before\nline\n");
  EXPECT_FALSE(progress.isClosed());
}

TEST(Progress, AReaderThatHasGoneIsSeenAndEndsNothing) {
  InterruptGuard guard;
  Pipe pipe;
  Progress progress(pipe.stream);
  pipe.closeReader();
  EXPECT_FALSE(progress.isClosed());
  progress.line("line");
  EXPECT_TRUE(progress.isClosed());
  progress.line("line");
}

// A reader that does not read keeps a run waiting, but not from saving.
TEST(Progress, DoesNotWaitForAReaderAfterAnInterrupt) {
  InterruptGuard guard;
  Pipe pipe;
  Progress progress(pipe.stream);
  std::raise(SIGTERM);
  for (int i = 0; i < 3; ++i)
    progress.line(std::string(70000, 'x'));
  EXPECT_FALSE(progress.isClosed());
  EXPECT_EQ(pipe.read(10), "xxxxxxxxxx");
}

TEST(Progress, AFullDiskIsNoEnd) {
  std::FILE *full = std::fopen("/dev/full", "w");
  ASSERT_TRUE(full);
  Progress progress(full);
  progress.line("line");
  EXPECT_FALSE(progress.isClosed());
  std::fclose(full);
}

TEST(Interrupt, IsNamedOnceAndLeavesNoTrace) {
  // The tests may have been started by nohup.
  auto old = std::signal(SIGHUP, SIG_DFL);
  for (auto [signal, name] :
       {std::pair{SIGINT, "SIGINT"}, std::pair{SIGTERM, "SIGTERM"},
        std::pair{SIGHUP, "SIGHUP"}}) {
    InterruptGuard guard;
    EXPECT_EQ(interruptName(), nullptr);
    EXPECT_TRUE(stopIfInterrupted().ok());
    std::raise(signal);
    std::raise(SIGINT);
    std::raise(signal);
    EXPECT_STREQ(interruptName(), name);
    EXPECT_EQ(stopIfInterrupted().exitCode(), 75);
  }
  EXPECT_EQ(interruptName(), nullptr);
  std::signal(SIGHUP, old);
}

// nohup lns train ... goes on when the terminal is closed.
TEST(Interrupt, ASignalThatIsIgnoredStaysIgnored) {
  auto old = std::signal(SIGHUP, SIG_IGN);
  {
    InterruptGuard guard;
    std::raise(SIGHUP);
    EXPECT_EQ(interruptName(), nullptr);
  }
  EXPECT_EQ(std::signal(SIGHUP, old), SIG_IGN);
}
