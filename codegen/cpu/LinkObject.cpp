//===- LinkObject.cpp - From an object file to a shared object ------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/Compile.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace lns::cpu;

namespace {

/// A temporary file that is removed at the end of its scope.
class TemporaryFile {
public:
  bool create(llvm::StringRef suffix, std::string &error) {
    if (std::error_code code =
            llvm::sys::fs::createTemporaryFile("lns-kernels", suffix, path)) {
      error = "cannot make a temporary file: " + code.message();
      return false;
    }
    remover.setFile(path);
    return true;
  }

  llvm::SmallString<128> path;

private:
  llvm::FileRemover remover;
};

} // namespace

/// Plain ld is the fastest to start: 2 ms against 15 ms of lld.
static std::string findLinker() {
  for (const char *name : {"ld", "ld.lld-22", "ld.lld"})
    if (llvm::ErrorOr<std::string> path = llvm::sys::findProgramByName(name))
      return *path;
  return std::string();
}

/// The line that says what is wrong: ld's first one only says where.
static std::string readReason(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return std::string();
  llvm::StringRef text = (*buffer)->getBuffer();
  size_t undefined = text.find("undefined ");
  if (undefined != llvm::StringRef::npos)
    text = text.drop_front(undefined);
  return text.split('\n').first.str();
}

bool lns::cpu::linkSharedObject(llvm::StringRef object,
                                std::vector<char> &sharedObject,
                                std::string &error) {
  std::string linker = findLinker();
  if (linker.empty()) {
    error = "no linker found; install binutils or lld so that 'ld' or 'ld.lld' "
            "is in PATH";
    return false;
  }
  TemporaryFile input, output, messages;
  if (!input.create("o", error) || !output.create("so", error) ||
      !messages.create("txt", error))
    return false;
  {
    std::error_code code;
    llvm::raw_fd_ostream stream(input.path, code);
    stream << object;
    stream.close();
    if (code || stream.has_error()) {
      error = "cannot write " + input.path.str().str();
      stream.clear_error();
      return false;
    }
  }
  // "-z defs": a stray call of libm or libgcc fails here, not at load time.
  llvm::StringRef arguments[] = {linker,
                                 "-shared",
                                 "-z",
                                 "defs",
                                 "-z",
                                 "noexecstack",
                                 "--build-id=none",
                                 "--hash-style=gnu",
                                 "-s",
                                 "-o",
                                 output.path,
                                 input.path};
  std::optional<llvm::StringRef> redirects[] = {
      llvm::StringRef(), messages.path.str(), messages.path.str()};
  std::string why;
  int status = llvm::sys::ExecuteAndWait(linker, arguments, std::nullopt,
                                         redirects, /*SecondsToWait=*/60,
                                         /*MemoryLimit=*/0, &why);
  if (status != 0) {
    std::string message = readReason(messages.path);
    error = linker + " failed: " + (message.empty() ? why : message);
    return false;
  }
  auto buffer = llvm::MemoryBuffer::getFile(output.path, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  if (!buffer) {
    error = "cannot read what " + linker + " wrote";
    return false;
  }
  llvm::StringRef bytes = (*buffer)->getBuffer();
  sharedObject.assign(bytes.begin(), bytes.end());
  return true;
}
