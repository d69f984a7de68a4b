//===- plan_file.h - An opened and verified plan ------------------ C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_PLAN_PLAN_FILE_H
#define LNS_RUNTIME_PLAN_PLAN_FILE_H

#include "runtime/base/error.h"
#include "runtime/base/memory.h"
#include "runtime/base/session_memory.h"
#include "runtime/plan/plan_generated.h"
#include "runtime/plan/trainable.h"

#include <mutex>
#include <string>

struct lnsrt_plan {
  std::string path; ///< "memory" when it did not come from a file
  lns::PageMemory bytes;
  const lns::plan::Plan *table = nullptr; ///< inside `bytes`, verified
  bool documents = false; ///< entry points take the starts of documents
  bool decode = false;    ///< there is an entry point "decode"
  std::string json;       ///< lnsrt_plan_get_json's answer
  std::once_flag jsonOnce;
  uint32_t traceWidth = 0;             ///< 0: the plan traces nothing
  std::vector<uint32_t> traceBranches; ///< of each block

  const unsigned char *constants() const {
    return bytes.data() + table->constants_offset();
  }
  /// A plan has code for the CPU, for CUDA, or for both.
  bool hasCpu() const { return table->entry_points()->size() != 0; }
  /// Null when the plan has no code for CUDA.
  const lns::plan::CudaProgram *cuda() const { return table->cuda(); }
  /// Null when the plan's program for the CPU has no such entry point.
  const lns::plan::EntryPoint *entryPoint(std::string_view name) const;
  /// The same of the program for CUDA, which must be there.
  const lns::plan::EntryPoint *cudaEntryPoint(std::string_view name) const;
};

namespace lns {

/// Reads a plan from a file. The bytes are copied: a plan that is compiled anew
/// while a session trains with the old one does not pull memory from under it.
Error openPlan(const char *path, std::unique_ptr<lnsrt_plan> &out);

Error openPlanMemory(const void *bytes, uint64_t size,
                     std::unique_ptr<lnsrt_plan> &out);

/// Elements of one parameter. Only for verified plans.
uint64_t elementCount(const plan::Parameter &parameter);

/// Bytes that are stored of it, with padding. Only for verified plans.
uint64_t storedBytes(const plan::Parameter &parameter);

/// Whether more is stored of it than its elements. Only for verified plans.
bool isPadded(const plan::Parameter &parameter);

/// Describes the plan as JSON; the keys are in docs/plan-format.md.
std::string planJson(const lnsrt_plan &plan);

/// What a session on so many threads of the CPU takes.
SessionMemory planMemory(const lnsrt_plan &plan, uint32_t threads);

/// What a session on a CUDA device takes. The plan must have code for it.
SessionMemory cudaPlanMemory(const lnsrt_plan &plan);

/// Fills everything but `struct_size`.
void fillPlanInfo(const lnsrt_plan &plan, lnsrt_plan_info &info);

} // namespace lns

#endif // LNS_RUNTIME_PLAN_PLAN_FILE_H
