//===- EmulatedLaunch.h - Kernel text on the CPU, for unit tests -- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
//   EmulatedProgram program(text, readHeaders(folder));
//   ASSERT_TRUE(program) << program.log();
//   EmulatedLaunch launch;
//   launch.threads(128).grid(4).shared(1024);
//   launch.input(x).output(y).number(0.5f).integer(n);  // as the parameters
//   are ASSERT_EQ(launch.run(program, "symbol"), "");
//
// By default every access of a kernel is checked: each buffer is an allocation
// of its own, and races are found whatever the order in which threads run.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_EMULATION_EMULATEDLAUNCH_H
#define LNS_TEST_EMULATION_EMULATEDLAUNCH_H

#include "test/emulation/Compile.h"
#include "test/emulation/Module.h"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace lns::emulation {

/// A number as kernels know it, in buffers of the host.
struct Bf16 {
  uint16_t bits = 0;
  Bf16() = default;
  /// Rounds to nearest even.
  explicit Bf16(float value);
  explicit operator float() const;
  bool operator==(const Bf16 &) const = default;
};

std::vector<Bf16> toBf16(const std::vector<float> &values);
std::vector<float> toFloat(const std::vector<Bf16> &values);

/// All .cuh files of a folder.
std::vector<SourceFile> readHeaders(const std::string &folder);

/// Text, compiled. Images are kept in a folder of the build, by their text.
class EmulatedProgram {
public:
  EmulatedProgram(const std::string &text,
                  const std::vector<SourceFile> &headers,
                  bool isChecked = true);
  explicit operator bool() const { return module != nullptr; }
  const std::string &log() const { return errors; }
  const Module &get() const { return *module; }

private:
  std::unique_ptr<Module> module;
  std::string errors;
};

/// One launch: its shape, and its arguments in the kernel's order. Buffers are
/// the caller's and must live until the run.
class EmulatedLaunch {
public:
  EmulatedLaunch &grid(unsigned x, unsigned y = 1, unsigned z = 1);
  EmulatedLaunch &threads(unsigned count);
  EmulatedLaunch &shared(size_t bytes);
  /// The order of threads and blocks; 0, as their numbers are.
  EmulatedLaunch &seed(uint64_t number);

  /// The kernel reads it; that it writes to it is an error.
  template <class T> EmulatedLaunch &input(const std::vector<T> &values) {
    return buffer(values.data(), nullptr, values.size() * sizeof(T));
  }
  template <class T> EmulatedLaunch &input(std::vector<T> &&) = delete;
  /// The kernel writes it; what it leaves out stays 0xff in every byte.
  template <class T> EmulatedLaunch &output(std::vector<T> &values) {
    return buffer(nullptr, values.data(), values.size() * sizeof(T));
  }
  template <class T> EmulatedLaunch &inOut(std::vector<T> &values) {
    return buffer(values.data(), values.data(), values.size() * sizeof(T));
  }
  /// The same memory as argument `index` (from 0), `bytes` further on.
  EmulatedLaunch &alias(size_t index, size_t bytes = 0);
  EmulatedLaunch &number(float value);
  EmulatedLaunch &integer(long long value);

  /// Copies in, runs, copies out; "" or what went wrong. May be called again.
  std::string run(const EmulatedProgram &program, const std::string &symbol);

private:
  struct Argument {
    const void *from = nullptr;
    void *to = nullptr;
    size_t bytes = 0;
    /// The value of a number, or the index of the argument that is aliased.
    long long value = 0;
    enum { Buffer, Alias, Float, Integer } kind = Buffer;
  };

  EmulatedLaunch &buffer(const void *from, void *to, size_t bytes);

  LaunchShape shape;
  std::vector<Argument> arguments;
};

} // namespace lns::emulation

#endif // LNS_TEST_EMULATION_EMULATEDLAUNCH_H
