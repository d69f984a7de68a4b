//===- nvrtc.cpp - Emulated NVRTC --------------------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The C ABI of NVRTC over Compile.h. With LNS_EMU_CHECK=1 it compiles for
// checking. The minor version tells one emulator from another, and checking
// from not, so that caches keyed by version keep them apart.
//
//===----------------------------------------------------------------------===//

#include "test/emulation/Compile.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

using namespace lns::emulation;

enum nvrtcResult : int {
  NVRTC_SUCCESS = 0,
  NVRTC_ERROR_OUT_OF_MEMORY = 1,
  NVRTC_ERROR_PROGRAM_CREATION_FAILURE = 2,
  NVRTC_ERROR_INVALID_INPUT = 3,
  NVRTC_ERROR_INVALID_PROGRAM = 4,
  NVRTC_ERROR_INVALID_OPTION = 5,
  NVRTC_ERROR_COMPILATION = 6,
};

struct EmulatedNvrtcProgram {
  CompileRequest request;
  std::string image;
  std::string log;
};
using nvrtcProgram = EmulatedNvrtcProgram *;

#define LNS_EMU_API __attribute__((visibility("default"))) nvrtcResult

namespace {

constexpr int kArchs[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};

bool isChecked() {
  const char *text = std::getenv("LNS_EMU_CHECK");
  return text && *text && std::strcmp(text, "0") != 0;
}

/// Takes sm_90a or compute_80 apart; false where NVRTC knows no such one.
bool parseArch(const std::string &text, CompileRequest &request) {
  size_t digits = 0;
  if (text.rfind("sm_", 0) == 0)
    digits = 3;
  else if (text.rfind("compute_", 0) == 0)
    digits = 8;
  else
    return false;
  char *end = nullptr;
  long arch = std::strtol(text.c_str() + digits, &end, 10);
  bool isKnown = std::count(std::begin(kArchs), std::end(kArchs), arch) != 0;
  bool hasSuffix = (*end == 'a' || *end == 'f') && end[1] == '\0';
  if (!isKnown || (*end && !(hasSuffix && arch >= 90)))
    return false;
  request.arch = static_cast<unsigned>(arch);
  request.archSuffix = *end;
  request.isVirtualArch = digits == 8;
  return true;
}

/// One option of the documentation's list that has a meaning here or none to
/// the result; others are refused, as NVRTC refuses what it does not know.
class OptionParser {
public:
  OptionParser(CompileRequest &request, std::string &log)
      : request(request), log(log) {}

  bool parse(const std::vector<std::string> &options) {
    for (size_t i = 0; i < options.size(); ++i) {
      std::string name = options[i], value;
      size_t equals = name.find('=');
      bool hasValue = equals != std::string::npos;
      if (name.rfind("-D", 0) == 0 && name.size() > 2) {
        value = name.substr(2);
        name = "-D";
        hasValue = true;
      } else if (hasValue) {
        value = name.substr(equals + 1);
        name.resize(equals);
      } else if (takesValue(name) && i + 1 < options.size()) {
        value = options[++i];
        hasValue = true;
      }
      if (hasValue ? !parseValue(name, value) : !isFlag(name)) {
        log = "nvrtc: error: invalid value for option or unrecognized option "
              "'" +
              options[i] + "'\n";
        return false;
      }
    }
    return true;
  }

private:
  static bool isOneOf(const std::string &name,
                      std::initializer_list<const char *> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  }
  static bool isFlag(const std::string &name) {
    return isOneOf(name,
                   {"--use_fast_math", "-use_fast_math", "--generate-line-info",
                    "-lineinfo", "--device-as-default-execution-space",
                    "-default-device", "--extra-device-vectorization",
                    "-extra-device-vectorization", "--restrict", "-restrict",
                    "--disable-warnings", "-w", "--no-cache", "-no-cache",
                    "--std=c++17", "-std=c++17"});
  }
  static bool takesValue(const std::string &name) {
    return isOneOf(name, {"--gpu-architecture", "-arch", "--define-macro", "-D",
                          "--std", "--ptxas-options", "-Xptxas"});
  }
  bool parseValue(const std::string &name, const std::string &value) {
    if (isOneOf(name, {"--gpu-architecture", "-arch"}))
      return parseArch(value, request);
    if (isOneOf(name, {"--define-macro", "-D"})) {
      request.macros.push_back(value);
      return !value.empty();
    }
    if (isOneOf(name, {"--std", "-std"}))
      return isOneOf(value, {"c++17", "c++20"});
    if (isOneOf(name, {"--fmad", "-fmad", "--ftz", "-ftz", "--prec-div",
                       "-prec-div", "--prec-sqrt", "-prec-sqrt"}))
      return isOneOf(value, {"true", "false"});
    return isOneOf(name, {"--ptxas-options", "-Xptxas", "--maxrregcount",
                          "-maxrregcount", "--diag-suppress", "-diag-suppress",
                          "--split-compile", "-split-compile", "--minimal",
                          "--dopt", "-dopt"});
  }

  CompileRequest &request;
  std::string &log;
};

} // namespace

extern "C" {

LNS_EMU_API nvrtcVersion(int *major, int *minor) {
  if (!major || !minor)
    return NVRTC_ERROR_INVALID_INPUT;
  *major = 13;
  *minor = static_cast<int>(emulatorHash() % 100000) * 2 + isChecked();
  return NVRTC_SUCCESS;
}

__attribute__((visibility("default"))) const char *
nvrtcGetErrorString(nvrtcResult result) {
  switch (result) {
  case NVRTC_SUCCESS:
    return "NVRTC_SUCCESS";
  case NVRTC_ERROR_OUT_OF_MEMORY:
    return "NVRTC_ERROR_OUT_OF_MEMORY";
  case NVRTC_ERROR_PROGRAM_CREATION_FAILURE:
    return "NVRTC_ERROR_PROGRAM_CREATION_FAILURE";
  case NVRTC_ERROR_INVALID_INPUT:
    return "NVRTC_ERROR_INVALID_INPUT";
  case NVRTC_ERROR_INVALID_PROGRAM:
    return "NVRTC_ERROR_INVALID_PROGRAM";
  case NVRTC_ERROR_INVALID_OPTION:
    return "NVRTC_ERROR_INVALID_OPTION";
  case NVRTC_ERROR_COMPILATION:
    return "NVRTC_ERROR_COMPILATION";
  }
  return "NVRTC_ERROR unknown";
}

LNS_EMU_API nvrtcGetNumSupportedArchs(int *count) {
  if (!count)
    return NVRTC_ERROR_INVALID_INPUT;
  *count = static_cast<int>(std::size(kArchs));
  return NVRTC_SUCCESS;
}

LNS_EMU_API nvrtcGetSupportedArchs(int *archs) {
  if (!archs)
    return NVRTC_ERROR_INVALID_INPUT;
  std::copy(std::begin(kArchs), std::end(kArchs), archs);
  return NVRTC_SUCCESS;
}

LNS_EMU_API nvrtcCreateProgram(nvrtcProgram *program, const char *source,
                               const char *name, int numHeaders,
                               const char *const *headers,
                               const char *const *includeNames) {
  if (!program || !source || numHeaders < 0 ||
      (numHeaders && (!headers || !includeNames)))
    return NVRTC_ERROR_INVALID_INPUT;
  auto created = std::make_unique<EmulatedNvrtcProgram>();
  created->request.source = {name && *name ? name : "default_program", source};
  created->request.arch = 75;
  created->request.isVirtualArch = true;
  for (int i = 0; i < numHeaders; ++i)
    created->request.headers.push_back({includeNames[i], headers[i]});
  *program = created.release();
  return NVRTC_SUCCESS;
}

LNS_EMU_API nvrtcDestroyProgram(nvrtcProgram *program) {
  if (!program || !*program)
    return NVRTC_ERROR_INVALID_PROGRAM;
  delete *program;
  *program = nullptr;
  return NVRTC_SUCCESS;
}

LNS_EMU_API nvrtcCompileProgram(nvrtcProgram program, int numOptions,
                                const char *const *options) {
  if (!program)
    return NVRTC_ERROR_INVALID_PROGRAM;
  if (numOptions < 0 || (numOptions && !options))
    return NVRTC_ERROR_INVALID_INPUT;
  program->log.clear();
  program->image.clear();
  if (!OptionParser(program->request, program->log)
           .parse({options, options + numOptions}))
    return NVRTC_ERROR_INVALID_OPTION;
  program->request.isChecked = isChecked();
  CompileResult result = compile(program->request);
  program->log = std::move(result.log);
  program->image = std::move(result.image);
  return program->image.empty() ? NVRTC_ERROR_COMPILATION : NVRTC_SUCCESS;
}

// As of NVRTC, a virtual architecture has no cubin. What is called PTX is the
// same image: the driver of the emulator loads it too.

LNS_EMU_API nvrtcGetCUBINSize(nvrtcProgram program, size_t *size) {
  if (!program || program->image.empty())
    return NVRTC_ERROR_INVALID_PROGRAM;
  *size = program->request.isVirtualArch ? 0 : program->image.size();
  return NVRTC_SUCCESS;
}

LNS_EMU_API nvrtcGetCUBIN(nvrtcProgram program, char *cubin) {
  if (!program || program->image.empty() || program->request.isVirtualArch)
    return NVRTC_ERROR_INVALID_PROGRAM;
  std::memcpy(cubin, program->image.data(), program->image.size());
  return NVRTC_SUCCESS;
}

LNS_EMU_API nvrtcGetPTXSize(nvrtcProgram program, size_t *size) {
  if (!program || program->image.empty())
    return NVRTC_ERROR_INVALID_PROGRAM;
  *size = program->image.size() + 1;
  return NVRTC_SUCCESS;
}

LNS_EMU_API nvrtcGetPTX(nvrtcProgram program, char *ptx) {
  if (!program || program->image.empty())
    return NVRTC_ERROR_INVALID_PROGRAM;
  std::memcpy(ptx, program->image.c_str(), program->image.size() + 1);
  return NVRTC_SUCCESS;
}

LNS_EMU_API nvrtcGetProgramLogSize(nvrtcProgram program, size_t *size) {
  if (!program)
    return NVRTC_ERROR_INVALID_PROGRAM;
  *size = program->log.size() + 1;
  return NVRTC_SUCCESS;
}

LNS_EMU_API nvrtcGetProgramLog(nvrtcProgram program, char *log) {
  if (!program)
    return NVRTC_ERROR_INVALID_PROGRAM;
  std::memcpy(log, program->log.c_str(), program->log.size() + 1);
  return NVRTC_SUCCESS;
}

} // extern "C"
