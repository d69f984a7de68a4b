//===- SerializePlan.cpp - The plan as a file -------------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/plan/Plan.h"
#include "runtime/plan/plan_format.h"
#include "runtime/plan/plan_generated.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cerrno>
#include <cstring>
#include <unistd.h>

using namespace lns;
namespace fb = lns::plan;

namespace {

/// Where a blob will stand in the file.
struct BlobPlace {
  uint64_t offset = 0;
  uint64_t size = 0;
};

fb::BufferRef toRef(const PlanBuffer &buffer) {
  return fb::BufferRef(buffer.offset, buffer.size,
                       static_cast<fb::Segment>(buffer.segment));
}

std::vector<flatbuffers::Offset<fb::Binding>>
serializeBindings(flatbuffers::FlatBufferBuilder &builder,
                  const std::vector<PlanBinding> &bindings) {
  std::vector<flatbuffers::Offset<fb::Binding>> result;
  for (const PlanBinding &binding : bindings) {
    fb::BufferRef ref = toRef(binding.buffer);
    result.push_back(
        fb::CreateBinding(builder, builder.CreateString(binding.name),
                          binding.isInteger ? fb::DType::i32 : fb::DType::f32,
                          builder.CreateVector(binding.shape), &ref));
  }
  return result;
}

flatbuffers::Offset<fb::Command>
serializeCommand(flatbuffers::FlatBufferBuilder &builder,
                 const PlanProgram &program, const PlanCommand &command);

flatbuffers::Offset<flatbuffers::Vector<flatbuffers::Offset<fb::Command>>>
serializeCommands(flatbuffers::FlatBufferBuilder &builder,
                  const PlanProgram &program,
                  const std::vector<PlanCommand> &commands) {
  std::vector<flatbuffers::Offset<fb::Command>> result;
  for (const PlanCommand &command : commands)
    result.push_back(serializeCommand(builder, program, command));
  return builder.CreateVector(result);
}

flatbuffers::Offset<fb::Command>
serializeCommand(flatbuffers::FlatBufferBuilder &builder,
                 const PlanProgram &program, const PlanCommand &command) {
  auto name = builder.CreateSharedString(command.name);
  fb::CommandBody kind = fb::CommandBody::NONE;
  flatbuffers::Offset<void> body;
  if (const auto *launch = std::get_if<PlanLaunch>(&command.body)) {
    std::vector<fb::BufferRef> refs;
    for (const PlanBuffer &buffer : launch->buffers)
      refs.push_back(toRef(buffer));
    kind = fb::CommandBody::Launch;
    body = fb::CreateLaunch(builder, launch->kernel,
                            builder.CreateVectorOfStructs(refs),
                            builder.CreateVector(launch->floats),
                            builder.CreateVector(launch->ints), launch->items,
                            launch->grid[0], launch->grid[1], launch->grid[2])
               .Union();
  } else if (const auto *matmul = std::get_if<PlanMatmul>(&command.body)) {
    fb::BufferRef a = toRef(matmul->a), b = toRef(matmul->b),
                  c = toRef(matmul->c);
    fb::BufferRef gain = toRef(matmul->gain.value_or(PlanBuffer()));
    kind = fb::CommandBody::Matmul;
    body = fb::CreateMatmul(builder, matmul->m, matmul->n, matmul->k,
                            matmul->transA, matmul->transB,
                            static_cast<float>(matmul->alpha),
                            static_cast<float>(matmul->beta), &a, &b, &c,
                            static_cast<fb::DType>(matmul->typeA),
                            static_cast<fb::DType>(matmul->typeB),
                            static_cast<fb::DType>(matmul->typeC),
                            matmul->gain ? &gain : nullptr)
               .Union();
  } else if (const auto *fill = std::get_if<PlanFill>(&command.body)) {
    fb::BufferRef target = toRef(fill->target);
    kind = fb::CommandBody::Fill;
    body = fb::CreateFill(builder, &target, static_cast<float>(fill->value))
               .Union();
  } else if (const auto *repeat = std::get_if<PlanRepeat>(&command.body)) {
    fb::BufferRef tokens = toRef(repeat->tokens),
                  targets = toRef(repeat->targets), loss = toRef(repeat->loss);
    unsigned entry = 0;
    while (program.entryPoints[entry].name != repeat->entry)
      ++entry;
    kind = fb::CommandBody::Repeat;
    fb::BufferRef starts = toRef(repeat->starts.value_or(PlanBuffer()));
    body = fb::CreateRepeat(builder, entry, repeat->count, &tokens, &targets,
                            &loss, repeat->starts ? &starts : nullptr)
               .Union();
  } else if (const auto *ways = std::get_if<PlanAlternatives>(&command.body)) {
    std::vector<flatbuffers::Offset<fb::Alternative>> options;
    for (const PlanAlternative &option : ways->options)
      options.push_back(fb::CreateAlternative(
          builder, builder.CreateSharedString(option.name),
          serializeCommands(builder, program, option.commands)));
    kind = fb::CommandBody::Alternatives;
    body =
        fb::CreateAlternatives(builder, builder.CreateVector(options)).Union();
  } else {
    const auto &copy = std::get<PlanCopy>(command.body);
    fb::BufferRef source = toRef(copy.source), target = toRef(copy.target);
    kind = fb::CommandBody::Copy;
    body = fb::CreateCopy(builder, &source, &target).Union();
  }
  return fb::CreateCommand(builder, name, kind, body, command.bytes,
                           command.flops);
}

using EntryPoints = std::vector<flatbuffers::Offset<fb::EntryPoint>>;

EntryPoints serializeEntryPoints(flatbuffers::FlatBufferBuilder &builder,
                                 const PlanProgram &program) {
  EntryPoints result;
  for (const PlanEntryPoint &entry : program.entryPoints) {
    auto name = builder.CreateString(entry.name);
    auto inputs =
        builder.CreateVector(serializeBindings(builder, entry.inputs));
    auto outputs =
        builder.CreateVector(serializeBindings(builder, entry.outputs));
    result.push_back(fb::CreateEntryPoint(
        builder, name, inputs, outputs,
        serializeCommands(builder, program, entry.commands), entry.flops,
        entry.arenaBytes, entry.activationBytes));
  }
  return result;
}

/// Where the file's blobs stand.
struct BlobPlaces {
  BlobPlace constants, cudaConstants;
  std::vector<BlobPlace> code, cubins;
};

flatbuffers::Offset<fb::CudaProgram>
serializeCuda(flatbuffers::FlatBufferBuilder &builder, const PlanCuda &cuda,
              const BlobPlaces &places) {
  std::vector<flatbuffers::Offset<fb::CudaKernel>> kernels;
  for (const cuda::KernelInfo &k : cuda.kernels)
    kernels.push_back(fb::CreateCudaKernel(
        builder, builder.CreateString(k.symbol), builder.CreateString(k.kind),
        builder.CreateString(k.source), builder.CreateString(k.text), k.buffers,
        k.floats, k.ints, k.threads, k.sharedBytes, k.isNorm, k.noSpills));
  std::vector<flatbuffers::Offset<fb::CudaHeader>> headers;
  for (const cuda::Header &header : cuda.headers)
    headers.push_back(fb::CreateCudaHeader(builder,
                                           builder.CreateString(header.name),
                                           builder.CreateString(header.text)));
  std::vector<flatbuffers::Offset<fb::CudaCubin>> cubins;
  for (auto [cubin, place] : llvm::zip(cuda.cubins, places.cubins))
    cubins.push_back(fb::CreateCudaCubin(builder, cubin.kernel,
                                         builder.CreateString(cubin.arch),
                                         place.offset, place.size));
  EntryPoints entryPoints = serializeEntryPoints(builder, cuda);
  return fb::CreateCudaProgram(
      builder, builder.CreateVector(kernels), builder.CreateVector(headers),
      builder.CreateVector(cubins), builder.CreateVector(entryPoints),
      cuda.arenaBytes, cuda.scratchBytes, places.cudaConstants.offset,
      places.cudaConstants.size, cuda.computeBytes);
}

bool hasFrozen(const Plan &plan) {
  return llvm::any_of(plan.parameters,
                      [](const PlanParameter &p) { return p.frozen; });
}

bool hasTrace(const Plan &plan) {
  auto isTrace = [](const PlanEntryPoint &entry) {
    return entry.name == "trace";
  };
  return llvm::any_of(plan.entryPoints, isTrace) ||
         (plan.cuda && llvm::any_of(plan.cuda->entryPoints, isTrace));
}

/// The table with blobs at `places`; its size does not depend on those numbers,
/// because they are fixed-width and written even when zero.
void serializeTable(flatbuffers::FlatBufferBuilder &builder, const Plan &plan,
                    const BlobPlaces &places) {
  builder.ForceDefaults(true);
  std::vector<flatbuffers::Offset<fb::Parameter>> parameters;
  for (const PlanParameter &p : plan.parameters)
    parameters.push_back(fb::CreateParameter(
        builder, builder.CreateString(p.name), builder.CreateVector(p.shape),
        fb::DType::f32, static_cast<fb::Role>(p.role),
        static_cast<fb::InitKind>(p.init), p.initValue, p.decay, p.offset,
        p.storageShape.empty() ? 0 : builder.CreateVector(p.storageShape),
        p.frozen ? std::optional(true) : std::nullopt));
  std::vector<flatbuffers::Offset<fb::Kernel>> kernels;
  for (const cpu::KernelInfo &k : plan.kernels)
    kernels.push_back(fb::CreateKernel(
        builder, builder.CreateString(k.symbol), builder.CreateString(k.kind),
        builder.CreateString(k.source), k.buffers, k.floats, k.ints,
        k.scratchBytes, k.isNorm));
  EntryPoints entryPoints = serializeEntryPoints(builder, plan);
  std::vector<flatbuffers::Offset<fb::CodeBlob>> blobs;
  for (auto [unit, place] : llvm::zip(plan.code, places.code))
    blobs.push_back(
        fb::CreateCodeBlob(builder, builder.CreateString(unit.level.name),
                           builder.CreateVectorOfStrings(unit.level.features),
                           place.offset, place.size));
  auto compiler = builder.CreateString("lnsc " LNS_VERSION);
  auto modelName = builder.CreateString(plan.modelName);
  auto config = builder.CreateString(plan.configJson);
  auto scheme = builder.CreateString(plan.normScheme);
  auto identity = builder.CreateString(plan.identity);
  auto parameterVector = builder.CreateVector(parameters);
  auto kernelVector = builder.CreateVector(kernels);
  auto entryVector = builder.CreateVector(entryPoints);
  auto codeVector = builder.CreateVector(blobs);
  std::vector<flatbuffers::Offset<fb::Schedule>> schedules;
  for (double steps : plan.ramps)
    schedules.push_back(
        fb::CreateSchedule(builder, fb::ScheduleKind::ramp, steps));
  auto scheduleVector = builder.CreateVector(schedules);
  flatbuffers::Offset<fb::CudaProgram> cuda;
  if (plan.cuda)
    cuda = serializeCuda(builder, *plan.cuda, places);
  builder.Finish(
      fb::CreatePlan(
          builder, compiler, modelName, plan.sourceHash, config, plan.batch,
          plan.sequence, plan.vocabulary, plan.layers, plan.parameterBytes,
          plan.arenaBytes, plan.ioBytes, places.constants.offset,
          places.constants.size, parameterVector, kernelVector, entryVector,
          codeVector, scheme, static_cast<fb::DType>(plan.dtype),
          plan.microBatch, cuda, identity, scheduleVector, plan.rampsOffset,
          hasFrozen(plan) ? std::optional(plan.trainableBytes) : std::nullopt,
          plan.cacheBytes ? std::optional(plan.cacheBytes) : std::nullopt),
      fb::PlanIdentifier());
}

} // namespace

bool lns::serializePlan(const Plan &plan, std::vector<char> &bytes,
                        std::string &error) {
  // The table's size decides where blobs stand, and the table names their
  // places: write it once to learn its size and once for good.
  BlobPlaces places;
  std::vector<std::pair<BlobPlace *, llvm::ArrayRef<char>>> blobs;
  places.code.resize(plan.code.size());
  blobs.push_back({&places.constants, plan.constants});
  for (auto [place, unit] : llvm::zip(places.code, plan.code))
    blobs.push_back({&place, unit.sharedObject});
  if (plan.cuda) {
    places.cubins.resize(plan.cuda->cubins.size());
    blobs.push_back({&places.cudaConstants, plan.cuda->constants});
    for (auto [place, cubin] : llvm::zip(places.cubins, plan.cuda->cubins))
      blobs.push_back({&place, cubin.bytes});
  }
  uint64_t tableSize = 0, fileSize = 0;
  flatbuffers::FlatBufferBuilder builder;
  for (int round = 0; round < 2; ++round) {
    builder.Clear();
    serializeTable(builder, plan, places);
    if (round == 1)
      break;
    tableSize = builder.GetSize();
    fileSize = sizeof(PlanHeader) + tableSize;
    for (auto &[place, bytes] : blobs) {
      fileSize = llvm::alignTo(fileSize, kPlanBlobAlignment);
      *place = {fileSize, bytes.size()};
      fileSize += bytes.size();
    }
  }
  if (builder.GetSize() != tableSize) {
    error = "plan table changed its size between two passes of the writer";
    return false;
  }
  if (tableSize >= FLATBUFFERS_MAX_BUFFER_SIZE) {
    error = "plan table has " + std::to_string(tableSize) +
            " bytes, but the format holds 2 GiB; use fewer layers";
    return false;
  }

  bytes.assign(fileSize, 0);
  auto put = [&](uint64_t offset, const void *data, size_t size) {
    if (size)
      memcpy(bytes.data() + offset, data, size);
  };
  put(sizeof(PlanHeader), builder.GetBufferPointer(), tableSize);
  for (auto &[place, blob] : blobs)
    put(place->offset, blob.data(), blob.size());

  PlanHeader header = {};
  memcpy(header.magic, kPlanMagic, sizeof(header.magic));
  header.version = kPlanVersion;
  header.header_size = sizeof(PlanHeader);
  header.feature_bits = (plan.documents ? kPlanDocuments : 0) |
                        (hasFrozen(plan) ? kPlanFrozen : 0) |
                        (hasTrace(plan) ? kPlanTrace : 0) |
                        (plan.decode ? kPlanDecode : 0);
  header.file_size = fileSize;
  header.table_size = tableSize;
  header.checksum = planChecksum(bytes.data() + sizeof(PlanHeader),
                                 bytes.size() - sizeof(PlanHeader));
  put(0, &header, sizeof(header));
  return true;
}

bool lns::writeFileAtomically(llvm::StringRef path, llvm::ArrayRef<char> bytes,
                              std::string &error) {
  llvm::SmallString<128> temporary;
  int descriptor = -1;
  auto fail = [&](llvm::StringRef what, std::error_code code) {
    error = ("cannot " + what + " '" + path + "': " + code.message()).str();
    if (descriptor >= 0)
      ::close(descriptor);
    if (!temporary.empty())
      llvm::sys::fs::remove(temporary);
    return false;
  };
  // The rename would replace a device or a pipe by a plain file.
  llvm::sys::fs::file_status status;
  if (!llvm::sys::fs::status(path, status) &&
      status.type() != llvm::sys::fs::file_type::regular_file) {
    error = ("cannot write '" + path +
             "': it is not a regular file; give the name of a file")
                .str();
    return false;
  }
  std::error_code code = llvm::sys::fs::createUniqueFile(
      path + ".%%%%%%.tmp", descriptor, temporary, llvm::sys::fs::OF_None,
      llvm::sys::fs::all_read | llvm::sys::fs::all_write);
  if (code) {
    temporary.clear();
    descriptor = -1;
    return fail("create", code);
  }
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t written =
        ::write(descriptor, bytes.data() + done, bytes.size() - done);
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      return fail("write", std::error_code(errno, std::generic_category()));
    done += written;
  }
  if (::fsync(descriptor) != 0 && errno != EINVAL)
    return fail("write", std::error_code(errno, std::generic_category()));
  int closed = ::close(descriptor);
  descriptor = -1;
  if (closed != 0)
    return fail("write", std::error_code(errno, std::generic_category()));
  if ((code = llvm::sys::fs::rename(temporary, path)))
    return fail("create", code);
  return true;
}
