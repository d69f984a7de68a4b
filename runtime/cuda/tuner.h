//===- tuner.h - Which of the alternatives is run ----------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Alternatives with the same kernels, sizes and shapes share one choice: the
// layers of a model do. It is made by timing, remembered in the cache, and the
// first option's unless another one is clearly faster. What cannot run here,
// for want of cuBLASLt or of an algorithm, is not an option.
//
//   LNSRT_CUDA_PRODUCTS=generated  no option with a product of cuBLASLt
//                       library    one with such a product, where there is one
//                       auto       the fastest
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_CUDA_TUNER_H
#define LNS_RUNTIME_CUDA_TUNER_H

#include "runtime/cuda/command_list.h"

#include <map>

namespace lns::cuda {

enum class ProductChoice { Auto, Generated, Library };

/// What LNSRT_CUDA_PRODUCTS says; an error for what it cannot.
Error productChoice(ProductChoice &choice);

/// Whether the program has products that cuBLASLt computes, in any option, and
/// LNSRT_CUDA_PRODUCTS does not rule that out.
bool wantsLibraryProducts(const plan::CudaProgram &program);

class Tuner {
public:
  /// `libraryError` says why cuBLASLt is not there; null when it is.
  Error create(const lnsrt_plan &plan, CommandContext &context,
               const DeviceFacts &device, const DiskCache &cache,
               const Timer &timer, ProductChoice choice, Error libraryError);

  /// Adds the command to the list; of alternatives, the chosen one's commands.
  Error add(const plan::Command &command, CommandList &list);

  /// How many alternatives, of all commands, took an option of this name.
  const std::map<std::string, unsigned> &choices() const { return counts; }
  /// Distinct alternatives that were timed, and that the cache knew.
  unsigned timed = 0;
  unsigned remembered = 0;

private:
  using Options = flatbuffers::Vector<flatbuffers::Offset<plan::Alternative>>;

  Digest signature(const Options &options) const;
  bool isPossible(const plan::Alternative &option, std::string &why);
  bool recall(const Options &options, const Digest &key, size_t &chosen);
  Error choose(std::string_view name, const Options &options, const Digest &key,
               size_t &chosen);
  Error resolve(const plan::Alternative &option, CommandList &list);
  Error measure(const plan::Alternative &option, double &seconds);

  CommandContext *context = nullptr;
  const DeviceFacts *device = nullptr;
  const DiskCache *cache = nullptr;
  const Timer *timer = nullptr;
  ProductChoice choice = ProductChoice::Auto;
  Error libraryError;
  Digest programDigest = {}; ///< of the headers and this device
  std::vector<Digest> kernelDigests;
  std::map<Digest, size_t> known;
  std::map<std::string, unsigned> counts;
};

} // namespace lns::cuda

#endif // LNS_RUNTIME_CUDA_TUNER_H
