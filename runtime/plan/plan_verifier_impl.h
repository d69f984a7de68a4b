//===- plan_verifier_impl.h - The parts of the plan's check ------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The table and its blobs are in plan_verifier.cpp, the entry points of a
// program and their commands in plan_verifier_program.cpp, what only CUDA has
// in plan_verifier_cuda.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_PLAN_PLAN_VERIFIER_IMPL_H
#define LNS_RUNTIME_PLAN_PLAN_VERIFIER_IMPL_H

#include "runtime/base/checked_math.h"
#include "runtime/base/error.h"
#include "runtime/plan/entry_points.h"
#include "runtime/plan/plan_format.h"
#include "runtime/plan/plan_generated.h"
#include "runtime/plan/plan_verifier.h"
#include "runtime/plan/trainable.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace lns {

/// Entry points, and the memory that they may use. `cuda` is null for the CPU.
struct ProgramToVerify {
  const plan::CudaProgram *cuda = nullptr;
  const flatbuffers::Vector<flatbuffers::Offset<plan::EntryPoint>> &entries;
  uint64_t arena = 0;
  uint64_t constants = 0;
  uint64_t scratch = 0;
  uint64_t compute = 0;
};

class PlanVerifier {
public:
  PlanVerifier(const plan::Plan &table, const unsigned char *file,
               uint64_t fileSize, uint64_t tableSize, std::string_view place)
      : table(table), file(file), fileSize(fileSize),
        tableEnd(sizeof(PlanHeader) + tableSize), place(place),
        documents(takesDocuments(table)) {}

  Error run();

private:
  struct Blob {
    uint64_t offset;
    uint64_t size;
    std::string name;
  };
  using Program = ProgramToVerify;

  template <typename... Parts> Error bad(const Parts &...parts) const {
    return makeError(LNSRT_INVALID_PLAN, place, parts...,
                     "; the plan is damaged: compile the model again");
  }

  Error checkName(const char *what, std::string_view name) const;

  // The table.
  Error checkSizes();
  Error checkBlobs();
  Error checkParameters();
  Error checkKernels();
  Error checkSchedules();

  // A program.
  Error checkEntryPoints(const Program &program);
  Error checkEntryPoint(const Program &program, const plan::EntryPoint &entry,
                        const EntryPointRule &rule);
  Error checkBindings(
      const Program &program,
      const flatbuffers::Vector<flatbuffers::Offset<plan::Binding>> &bindings,
      std::span<const BindingKind> expected, const char *direction,
      const EntryPointRule &rule);
  Error checkTrace(const Program &program, const plan::EntryPoint &entry);
  Error checkTracesAgree();
  Error checkBuffer(const Program &program, const plan::BufferRef &buffer,
                    std::string_view user, std::string_view entry);
  Error checkTarget(const Program &program, const plan::BufferRef &buffer,
                    std::string_view user, std::string_view entry);
  Error checkLaunch(const Program &program, const plan::Launch &launch,
                    std::string_view name, std::string_view entry);
  Error checkMatmul(const Program &program, const plan::Matmul &matmul,
                    std::string_view name, std::string_view entry);
  Error checkRepeat(const Program &program, const plan::Repeat &repeat,
                    std::string_view name, std::string_view entry);
  Error checkCommand(const Program &program, const plan::Command &command,
                     std::string_view entry);

  // What only CUDA has.
  Error addCudaBlobs(std::vector<Blob> &blobs);
  Error checkCudaSizes();
  Error checkCudaKernels();
  Error checkCudaHeaders();
  Error checkGrid(const plan::Launch &launch, std::string_view name,
                  std::string_view entry);
  Error checkCudaMatmul(const plan::Matmul &matmul, std::string_view name,
                        std::string_view entry);
  Error checkAlternatives(const Program &program,
                          const plan::Alternatives &alternatives,
                          std::string_view name, std::string_view entry);
  Error checkCudaRepeats(const plan::EntryPoint &entry);
  Error checkRefresh();

  const plan::Plan &table;
  const unsigned char *file;
  uint64_t fileSize;
  uint64_t tableEnd;
  std::string_view place;
  bool documents; ///< all entry points then take them, or none does
};

/// A name that is there twice, or "".
inline std::string_view findTwin(std::vector<std::string_view> names) {
  std::sort(names.begin(), names.end());
  auto twin = std::adjacent_find(names.begin(), names.end());
  return twin == names.end() ? std::string_view() : *twin;
}

/// Whether elements lie where their type wants them. FlatBuffers' own verifier
/// asks that only of the vector's length in front of them. What has no elements
/// may lie anywhere.
template <typename Element>
bool isAligned(const flatbuffers::Vector<Element> *vector) {
  return !vector || vector->size() == 0 ||
         uintptr_t(vector->Data()) % alignof(std::remove_pointer_t<Element>) ==
             0;
}

inline bool overlap(const plan::BufferRef &a, const plan::BufferRef &b) {
  return a.segment() == b.segment() &&
         rangesOverlap(a.offset(), a.size(), b.offset(), b.size());
}

} // namespace lns

#endif // LNS_RUNTIME_PLAN_PLAN_VERIFIER_IMPL_H
