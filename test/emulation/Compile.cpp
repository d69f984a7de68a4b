//===- Compile.cpp - Kernel text to an image for the emulator ----- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/emulation/Compile.h"

#include "test/emulation/Module.h"
#include "test/emulation/embedded.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <spawn.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

using namespace lns::emulation;
namespace fs = std::filesystem;

extern char **environ;

namespace {

/// A folder that lives as long as this.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::error_code ignored;
    std::string name = fs::temp_directory_path(ignored) / "lns-emu-XXXXXX";
    if (mkdtemp(name.data()))
      path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path.empty())
      fs::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  fs::path path;
};

bool writeText(const fs::path &path, const std::string &text) {
  std::error_code ignored;
  fs::create_directories(path.parent_path(), ignored);
  std::ofstream file(path, std::ios::binary);
  file << text;
  return static_cast<bool>(file.flush());
}

std::string readText(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What comes behind the kernels: the module that describes them.
std::string describeModule(const CompileRequest &request) {
  std::string text = "static const LnsEmuKernel lnsEmuKernels[] = {\n";
  std::vector<KernelDeclaration> kernels = findKernels(request.source.text);
  for (const KernelDeclaration &kernel : kernels) {
    std::string entry = "decltype(lnsEmuEntryOf(&" + kernel.name + "))";
    text += "{\"" + kernel.name + "\", [](void **params) { " + entry +
            "::enter(&" + kernel.name + ", params); }, " + entry +
            "::paramBytes, lnsEmuNumParams(" + entry +
            "::paramBytes), lnsEmuMaxThreads(" + kernel.launchBounds + ")},\n";
  }
  text += "{}};\n"
          "extern \"C\" __attribute__((visibility(\"default\")))\n"
          "LnsEmuModule lnsEmuModule = {LNS_EMU_ABI, ";
  text += request.isChecked ? "true" : "false";
  text += ", lnsEmuKernels, " + std::to_string(kernels.size()) +
          ", &lnsEmuHost, &threadIdx, &blockIdx, &blockDim, &gridDim, "
          "&lnsEmuDynamicShared};\n";
  return text;
}

std::vector<std::string> compilerArguments(const CompileRequest &request) {
  std::vector<std::string> arguments = {
      LNS_EMU_CXX, "-std=c++17", "-O1", "-shared", "-fPIC",
      "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti",
      // As on the device: no errno, loads of any type from any memory.
      "-fno-math-errno", "-fno-strict-aliasing",
      // A kernel's text has no headers but those that come with it.
      "-nostdinc", "-nostdinc++", "-I.", "-ffp-contract=off", "-nostdlib",
      "-lm", "-lc", "-fno-color-diagnostics"};
  if (*LNS_EMU_LLD)
    arguments.push_back("--ld-path=" LNS_EMU_LLD);
#ifdef __x86_64__
  // fmaf is an instruction where there is one.
  if (__builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2")) {
    arguments.push_back("-mfma");
    arguments.push_back("-mavx2");
  }
#endif
  if (request.isChecked)
    for (const char *argument :
         {"-fsanitize=thread", "-fno-sanitize-link-runtime", "-mllvm",
          "-tsan-instrument-func-entry-exit=0"})
      arguments.push_back(argument);
  for (const std::string &macro : request.macros)
    arguments.push_back("-D" + macro);
  return arguments;
}

/// Runs a program in a folder with its output in a file there. Returns its exit
/// status, or -1.
int runIn(const fs::path &folder, const char *output,
          const std::vector<std::string> &arguments) {
  std::vector<char *> argv;
  for (const std::string &argument : arguments)
    argv.push_back(const_cast<char *>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());
  posix_spawn_file_actions_addopen(&actions, 1, output,
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t child = 0;
  int failed =
      posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed)
    return -1;
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

} // namespace

uint64_t lns::emulation::hashText(const std::string &text, uint64_t hash) {
  for (unsigned char c : text)
    hash = (hash ^ c) * 0x100000001b3;
  return hash;
}

uint64_t lns::emulation::emulatorHash() {
  static const uint64_t hash = [] {
    uint64_t result = hashText(kEmbeddedKernelAbi, hashText(kEmbeddedDevice));
    for (bool isChecked : {false, true}) {
      CompileRequest request;
      request.isChecked = isChecked;
      result = hashText(describeModule(request), result);
      for (const std::string &argument : compilerArguments(request))
        result = hashText(argument, result);
    }
    return result;
  }();
  return hash;
}

CompileResult lns::emulation::compile(const CompileRequest &request) {
  CompileResult result;
  TemporaryFolder folder;
  std::string main = request.source.name.empty() ? std::string("kernel.cu")
                                                 : request.source.name;
  std::vector<SourceFile> files = request.headers;
  files.push_back({main, request.source.text});
  files.push_back({"kernel_abi.h", kEmbeddedKernelAbi});
  files.push_back({"device.cuh", kEmbeddedDevice});
  files.push_back({"emulated.cpp", "#include \"device.cuh\"\n#include \"" +
                                       main + "\"\n" +
                                       describeModule(request)});
  for (const SourceFile &file : files) {
    fs::path name = fs::path(file.name).lexically_normal();
    if (name.is_absolute() || name.begin()->string() == "..") {
      result.log = "error: '" + file.name +
                   "' is no name for a header: it must "
                   "be relative and stay inside of its folder\n";
      return result;
    }
    const char *replaced =
        name.filename() == "device.cuh" ? kEmbeddedDevice : nullptr;
    if (folder.path.empty() ||
        !writeText(folder.path / name, replaced ? replaced : file.text)) {
      result.log = "error: cannot write temporary files\n";
      return result;
    }
  }
  std::vector<std::string> arguments = compilerArguments(request);
  for (const char *argument : {"-o", "kernel.so", "emulated.cpp"})
    arguments.emplace_back(argument);
  int status = runIn(folder.path, "log.txt", arguments);
  result.log = readText(folder.path / "log.txt");
  if (status != 0) {
    if (result.log.empty())
      result.log = "error: cannot run " LNS_EMU_CXX "\n";
    return result;
  }
  std::string object = readText(folder.path / "kernel.so");
  ImageHeader header = {};
  std::memcpy(header.magic, ImageHeader::kMagic, sizeof(header.magic));
  header.emulatorHash = emulatorHash();
  header.arch = request.arch;
  header.archSuffix = static_cast<unsigned char>(request.archSuffix);
  header.isVirtual = request.isVirtualArch;
  header.isChecked = request.isChecked;
  header.objectBytes = object.size();
  result.image.assign(reinterpret_cast<const char *>(&header), sizeof(header));
  result.image += object;
  return result;
}
