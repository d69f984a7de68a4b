//===- GuardedParse.cpp - Reading MLIR that may be damaged ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/GuardedParse.h"
#include "frontend/SourceKind.h"

#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;
using namespace lns;

namespace {

/// What a child answers with, before its text.
constexpr char kModule = 'M', kError = 'E';
constexpr size_t kMaxMessage = 1000;
/// A model is read in a blink; what takes a minute has no end.
constexpr rlim_t kMaxSeconds = 60;

/// Where an error about the file as a whole stands.
Location getStart(llvm::StringRef path, MLIRContext *context) {
  return FileLineColLoc::get(context, path, 1, 1);
}

/// Everything that a crash would print is kept from the terminal.
void becomeChild() {
  for (int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGTRAP, SIGINT,
                     SIGTERM, SIGPIPE})
    ::signal(signal, SIG_DFL);
  rlimit noCore = {0, 0}, seconds = {kMaxSeconds, kMaxSeconds};
  ::setrlimit(RLIMIT_CORE, &noCore);
  ::setrlimit(RLIMIT_CPU, &seconds);
  int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null < 0)
    return;
  ::dup2(null, STDOUT_FILENO);
  ::dup2(null, STDERR_FILENO);
}

void writeAll(int descriptor, llvm::StringRef text) {
  while (!text.empty()) {
    ssize_t written = ::write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return;
    text = text.drop_front(written);
  }
}

/// Reads until the other side closes.
std::string readAll(int descriptor) {
  std::string text;
  char buffer[1 << 16];
  while (true) {
    ssize_t size = ::read(descriptor, buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR)
      continue;
    if (size <= 0)
      return text;
    text.append(buffer, size);
  }
}

/// Runs `work` in a child process and gives what it answers; fails, with an
/// error, when it ends in any other way than by answering.
FailureOr<std::string> runInChild(llvm::function_ref<std::string()> work,
                                  llvm::StringRef path, MLIRContext *context) {
  auto fail = [&](const llvm::Twine &message) -> FailureOr<std::string> {
    return emitError(getStart(path, context)) << message;
  };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return fail("cannot make a pipe to read the file: " +
                llvm::Twine(std::strerror(errno)));
  pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    becomeChild();
    writeAll(ends[1], work());
    ::_exit(0);
  }
  int error = errno;
  ::close(ends[1]);
  std::string answer;
  if (child > 0)
    answer = readAll(ends[0]);
  ::close(ends[0]);
  if (child < 0)
    return fail("cannot make a process to read the file: " +
                llvm::Twine(std::strerror(error)));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status))
    return fail("the file cannot be read: MLIR ends with signal " +
                llvm::Twine(WTERMSIG(status)) + " (" +
                llvm::Twine(::strsignal(WTERMSIG(status))) +
                ") on it; it is damaged, or nests too deep");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || answer.empty())
    return fail("the file cannot be read: MLIR gives up on it; it is damaged");
  return answer;
}

/// Parses, verifies and prints; in the child.
std::string parseAndPrint(llvm::StringRef bytes, llvm::StringRef path,
                          const DialectRegistry &registry) {
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (message.empty() &&
        diagnostic.getSeverity() == DiagnosticSeverity::Error)
      llvm::raw_string_ostream(message) << diagnostic;
    return success();
  });
  ParserConfig config(&context);
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(bytes, config, path);
  if (!module)
    return kError + message.substr(0, kMaxMessage);
  std::string text(1, kModule);
  llvm::raw_string_ostream os(text);
  module->print(os, OpPrintingFlags().enableDebugInfo());
  // What is reachable is freed with the process.
  static_cast<void>(module.release());
  return text;
}

/// Fails, with an error at the place, where brackets outside of strings and
/// comments nest deeper than kMaxTextNesting.
LogicalResult checkNesting(llvm::StringRef text, llvm::StringRef path,
                           MLIRContext *context) {
  unsigned depth = 0, line = 1;
  size_t lineStart = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '\n') {
      ++line;
      lineStart = i + 1;
    } else if (c == '"') {
      // Strings end with their line.
      for (++i; i < text.size() && text[i] != '"' && text[i] != '\n'; ++i)
        i += text[i] == '\\';
      i -= i < text.size() && text[i] == '\n';
    } else if (c == '/' && text.substr(i).starts_with("//")) {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if (c == '-' && text.substr(i).starts_with("->")) {
      ++i;
    } else if (llvm::StringRef("([{<").contains(c)) {
      if (++depth > kMaxTextNesting)
        return emitError(FileLineColLoc::get(context, path, line,
                                             unsigned(i - lineStart + 1)))
               << "brackets nest more than " << kMaxTextNesting
               << " deep; a model needs no more than a few";
    } else if (llvm::StringRef(")]}>").contains(c) && depth > 0) {
      --depth;
    }
  }
  return success();
}

FailureOr<std::string> convertBytecode(llvm::StringRef bytes,
                                       llvm::StringRef path,
                                       const DialectRegistry &registry,
                                       MLIRContext *context) {
  FailureOr<std::string> answer = runInChild(
      [&] { return parseAndPrint(bytes, path, registry); }, path, context);
  if (failed(answer))
    return failure();
  if (answer->front() == kModule)
    return answer->substr(1);
  return emitError(getStart(path, context))
         << "the bytecode cannot be read: " << answer->substr(1);
}

/// Whether a child survives the text. It is printed only because that may
/// recurse, too.
LogicalResult tryParse(llvm::StringRef text, llvm::StringRef path,
                       const DialectRegistry &registry, llvm::StringRef marker,
                       MLIRContext *context) {
  SmallVector<llvm::StringRef> parts = {text};
  if (!marker.empty()) {
    parts.clear();
    text.split(parts, marker);
  }
  auto tryParts = [&] {
    for (llvm::StringRef part : parts)
      parseAndPrint(part, path, registry);
    return std::string(1, kModule);
  };
  return runInChild(tryParts, path, context);
}

} // namespace

std::unique_ptr<llvm::MemoryBuffer>
lns::guardSource(std::unique_ptr<llvm::MemoryBuffer> file,
                 const DialectRegistry &registry, MLIRContext *context,
                 llvm::StringRef marker) {
  std::string path = file->getBufferIdentifier().str();
  if (isBytecode(file->getMemBufferRef())) {
    FailureOr<std::string> text =
        convertBytecode(file->getBuffer(), path, registry, context);
    return succeeded(text) ? llvm::MemoryBuffer::getMemBufferCopy(*text, path)
                           : nullptr;
  }
  llvm::StringRef text = dropByteOrderMark(file->getBuffer());
  if (failed(checkNesting(text, path, context)) ||
      failed(tryParse(text, path, registry, marker, context)))
    return nullptr;
  return text.size() == file->getBufferSize()
             ? std::move(file)
             : llvm::MemoryBuffer::getMemBufferCopy(text, path);
}

std::unique_ptr<llvm::MemoryBuffer>
lns::guardSource(std::unique_ptr<llvm::MemoryBuffer> file,
                 const DialectRegistry &registry, llvm::StringRef marker) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  llvm::SourceMgr noSources;
  SourceMgrDiagnosticHandler handler(noSources, &context);
  return guardSource(std::move(file), registry, &context, marker);
}
