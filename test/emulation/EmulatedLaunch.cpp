//===- EmulatedLaunch.cpp - Kernel text on the CPU, for unit tests C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/emulation/EmulatedLaunch.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace lns::emulation;
namespace fs = std::filesystem;

Bf16::Bf16(float value) {
  auto word = std::bit_cast<uint32_t>(value);
  bits = value != value
             ? 0x7fff
             : static_cast<uint16_t>((word + 0x7fff + (word >> 16 & 1)) >> 16);
}

Bf16::operator float() const {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

std::vector<Bf16> lns::emulation::toBf16(const std::vector<float> &values) {
  std::vector<Bf16> result;
  for (float value : values)
    result.emplace_back(value);
  return result;
}

std::vector<float> lns::emulation::toFloat(const std::vector<Bf16> &values) {
  std::vector<float> result;
  for (Bf16 value : values)
    result.push_back(static_cast<float>(value));
  return result;
}

static std::string readFile(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<SourceFile> lns::emulation::readHeaders(const std::string &folder) {
  std::vector<SourceFile> headers;
  std::error_code error;
  for (const fs::directory_entry &entry : fs::directory_iterator(folder, error))
    if (entry.path().extension() == ".cuh")
      headers.push_back({entry.path().filename(), readFile(entry.path())});
  std::sort(
      headers.begin(), headers.end(),
      [](const SourceFile &a, const SourceFile &b) { return a.name < b.name; });
  return headers;
}

EmulatedProgram::EmulatedProgram(const std::string &text,
                                 const std::vector<SourceFile> &headers,
                                 bool isChecked) {
  CompileRequest request;
  request.source = {"kernel.cu", text};
  request.headers = headers;
  request.isChecked = isChecked;

  uint64_t hash = hashText(text, emulatorHash() + isChecked);
  for (const SourceFile &header : headers)
    if (header.name != "device.cuh")
      hash = hashText(header.text, hashText(header.name, hash));
  fs::path cached = fs::path(LNS_EMU_CACHE) / (std::to_string(hash) + ".image");
  std::string image = readFile(cached);
  if (image.size() < sizeof(ImageHeader)) {
    CompileResult result = compile(request);
    errors = result.log;
    image = std::move(result.image);
    if (image.empty())
      return;
    // By renaming, so that nobody reads half of it. Without it, it is only
    // compiled again.
    std::error_code ignored;
    fs::create_directories(LNS_EMU_CACHE, ignored);
    fs::path unfinished = cached.string() + "." + std::to_string(getpid());
    std::ofstream file(unfinished, std::ios::binary);
    file << image;
    file.close();
    if (file)
      fs::rename(unfinished, cached, ignored);
  }
  std::string error;
  module = Module::load(image.data(), error);
  if (!module)
    errors += "the image " + error;
}

EmulatedLaunch &EmulatedLaunch::grid(unsigned x, unsigned y, unsigned z) {
  shape.grid = {x, y, z};
  return *this;
}

EmulatedLaunch &EmulatedLaunch::threads(unsigned count) {
  shape.threads = count;
  return *this;
}

EmulatedLaunch &EmulatedLaunch::shared(size_t bytes) {
  shape.sharedBytes = bytes;
  return *this;
}

EmulatedLaunch &EmulatedLaunch::seed(uint64_t number) {
  shape.seed = number;
  return *this;
}

EmulatedLaunch &EmulatedLaunch::buffer(const void *from, void *to,
                                       size_t bytes) {
  Argument argument;
  argument.from = from;
  argument.to = to;
  argument.bytes = bytes;
  arguments.push_back(argument);
  return *this;
}

EmulatedLaunch &EmulatedLaunch::alias(size_t index, size_t bytes) {
  Argument argument;
  argument.kind = Argument::Alias;
  argument.value = static_cast<long long>(index);
  argument.bytes = bytes;
  arguments.push_back(argument);
  return *this;
}

EmulatedLaunch &EmulatedLaunch::number(float value) {
  Argument argument;
  argument.kind = Argument::Float;
  argument.value = std::bit_cast<int32_t>(value);
  arguments.push_back(argument);
  return *this;
}

EmulatedLaunch &EmulatedLaunch::integer(long long value) {
  Argument argument;
  argument.kind = Argument::Integer;
  argument.value = value;
  arguments.push_back(argument);
  return *this;
}

std::string EmulatedLaunch::run(const EmulatedProgram &program,
                                const std::string &symbol) {
  const LnsEmuKernel *kernel = program.get().find(symbol);
  if (!kernel)
    return "the text has no kernel " + symbol;
  if (kernel->numParams != arguments.size())
    return symbol + " has " + std::to_string(kernel->numParams) +
           " parameters, and " + std::to_string(arguments.size()) +
           " arguments were given";

  // What an argument's pointer in the list of parameters points to.
  union Value {
    unsigned char *pointer;
    float number;
    long long integer;
  };
  DeviceMemory memory(size_t(1) << 40);
  std::vector<Value> values(arguments.size());
  std::vector<void *> params;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Argument &argument = arguments[i];
    size_t bytes = 8;
    switch (argument.kind) {
    case Argument::Buffer:
      // An empty buffer is a place of no bytes, which no access may touch.
      values[i].pointer = memory.allocate(argument.bytes);
      if (argument.bytes && !values[i].pointer)
        return "no memory for argument " + std::to_string(i);
      if (argument.bytes && argument.from)
        std::memcpy(values[i].pointer, argument.from, argument.bytes);
      break;
    case Argument::Alias:
      values[i].pointer = values.at(argument.value).pointer + argument.bytes;
      break;
    case Argument::Float:
      bytes = 4;
      values[i].number =
          std::bit_cast<float>(static_cast<int32_t>(argument.value));
      break;
    case Argument::Integer:
      values[i].integer = argument.value;
      break;
    }
    if (kernel->paramBytes[i] != bytes)
      return "parameter " + std::to_string(i) + " of " + symbol + " has " +
             std::to_string(kernel->paramBytes[i]) + " bytes, its argument " +
             std::to_string(bytes);
    params.push_back(&values[i]);
  }
  std::string error =
      runLaunch(program.get().description(), *kernel, params.data(), shape,
                program.get().range(), memory);
  if (!error.empty())
    return error;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Argument &argument = arguments[i];
    if (argument.kind != Argument::Buffer || argument.bytes == 0)
      continue;
    if (argument.to)
      std::memcpy(argument.to, values[i].pointer, argument.bytes);
    else if (std::memcmp(argument.from, values[i].pointer, argument.bytes))
      return symbol + " wrote to argument " + std::to_string(i) +
             ", which is an input";
  }
  return "";
}
