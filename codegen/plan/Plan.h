//===- Plan.h - A plan before it is bytes -----------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The plan as plain structs: buildPlan collects it from fused graph form,
// serializePlan turns it into the file that the runtime opens. The fields mean
// what runtime/plan/plan.fbs says.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_CODEGEN_PLAN_PLAN_H
#define LNS_CODEGEN_PLAN_PLAN_H

#include "codegen/cpu/CpuKernels.h"
#include "codegen/cuda/CudaKernels.h"
#include "runtime/base/session_memory.h"

#include "mlir/IR/BuiltinOps.h"
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace lns {

enum class PlanSegment {
  Arena,
  Parameters,
  Gradients,
  ExpAvg,
  ExpAvgSq,
  Constants,
  Io,
  Scratch,
  Compute,
  Cache
};

/// Same numbers in the file.
enum class PlanDType { F32 = 0, I32 = 1, Bf16 = 2 };

struct PlanBuffer {
  PlanSegment segment = PlanSegment::Arena;
  uint64_t offset = 0;
  uint64_t size = 0;
};

struct PlanLaunch {
  unsigned kernel = 0;
  std::vector<PlanBuffer> buffers;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  uint64_t items = 0;
  std::array<uint32_t, 3> grid = {0, 0, 0};
};

struct PlanMatmul {
  uint64_t m = 0, n = 0, k = 0;
  bool transA = false, transB = false;
  double alpha = 1, beta = 0;
  PlanBuffer a, b, c;
  PlanDType typeA = PlanDType::F32, typeB = PlanDType::F32,
            typeC = PlanDType::F32;
  std::optional<PlanBuffer> gain;
};

struct PlanCopy {
  PlanBuffer source, target;
};

struct PlanFill {
  PlanBuffer target;
  double value = 0; ///< of every f32
};

struct PlanRepeat {
  std::string entry; ///< name of the entry point
  unsigned count = 0;
  PlanBuffer tokens, targets, loss;
  std::optional<PlanBuffer> starts; ///< of plans for documents
};

struct PlanCommand;

struct PlanAlternative {
  std::string name;
  std::vector<PlanCommand> commands;
};

struct PlanAlternatives {
  std::vector<PlanAlternative> options;
};

struct PlanCommand {
  std::string name;
  std::variant<PlanLaunch, PlanMatmul, PlanFill, PlanCopy, PlanRepeat,
               PlanAlternatives>
      body;
  uint64_t bytes = 0, flops = 0;
};

struct PlanBinding {
  std::string name;
  bool isInteger = false;
  std::vector<int64_t> shape;
  PlanBuffer buffer;
};

struct PlanEntryPoint {
  std::string name;
  std::vector<PlanBinding> inputs, outputs;
  std::vector<PlanCommand> commands;
  uint64_t flops = 0, arenaBytes = 0, activationBytes = 0;
};

struct PlanParameter {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<int64_t> storageShape; ///< empty: shape
  unsigned role = 0,
           init = 0; ///< the dialect's enums, same numbers in the file
  double initValue = 0;
  bool decay = false, frozen = false;
  uint64_t offset = 0, bytes = 0; ///< of what is stored
};

struct PlanCode {
  cpu::CodeLevel level;
  std::vector<char> sharedObject;
};

/// What a plan has once for each kind of device.
struct PlanProgram {
  uint64_t arenaBytes = 0;
  std::vector<PlanEntryPoint> entryPoints;
  std::vector<char> constants;
};

struct PlanCubin {
  unsigned kernel = 0;
  std::string arch;
  std::vector<char> bytes;
};

struct PlanCuda : PlanProgram {
  std::vector<cuda::KernelInfo> kernels;
  std::vector<cuda::Header> headers;
  std::vector<PlanCubin> cubins;
  uint64_t scratchBytes = 0;
  uint64_t computeBytes = 0; ///< compute weights
};

/// A plan and its program for CPUs, which is empty in a plan without one.
struct Plan : PlanProgram {
  std::string modelName, configJson, normScheme;
  std::string identity;             ///< getModelIdentity of the model form
  PlanDType dtype = PlanDType::F32; ///< of activations
  uint64_t sourceHash = 0;
  unsigned batch = 0, sequence = 0, vocabulary = 0, layers = 0;
  unsigned microBatch = 0; ///< 0: a step is of one part
  bool documents = false;  ///< several in a row: entry points take starts
  bool decode = false;     ///< there is an entry point "decode"
  uint64_t cacheBytes = 0; ///< of what it keeps
  uint64_t parameterBytes = 0, ioBytes = 0;
  /// Of parameterBytes, from their beginning.
  uint64_t trainableBytes = 0;
  std::vector<double> ramps; ///< steps of each
  uint64_t rampsOffset = 0;  ///< in io
  std::vector<PlanParameter> parameters;
  std::vector<cpu::KernelInfo> kernels;
  std::vector<PlanCode> code;
  std::optional<PlanCuda> cuda;
};

/// Collects `module` (fused graph form, memory planned) into `plan`, all but
/// the machine code, and lowers its kernels into `kernels`. Emits errors.
llvm::LogicalResult buildPlan(mlir::ModuleOp module,
                              cpu::KernelLowering &kernels, Plan &plan);

/// The same for the plan's CUDA program. The model is the same as that of the
/// CPU's program, if there is one.
llvm::LogicalResult buildCudaPlan(mlir::ModuleOp module,
                                  cuda::KernelLowering &kernels, Plan &plan);

/// What a session on so many threads will allocate.
SessionMemory getSessionMemory(const Plan &plan, uint32_t threads);

/// The same on a CUDA device. The plan has a program for it.
SessionMemory getCudaSessionMemory(const Plan &plan);

/// The file's bytes. Fails, with a message, when a size does not fit the
/// format.
bool serializePlan(const Plan &plan, std::vector<char> &bytes,
                   std::string &error);

/// Writes `bytes` into a temporary file beside `path`, syncs it and renames it
/// into place: nobody ever sees half a plan.
bool writeFileAtomically(llvm::StringRef path, llvm::ArrayRef<char> bytes,
                         std::string &error);

} // namespace lns

#endif // LNS_CODEGEN_PLAN_PLAN_H
