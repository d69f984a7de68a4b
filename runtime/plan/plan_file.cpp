//===- plan_file.cpp - An opened and verified plan ------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/plan/plan_file.h"

#include "runtime/plan/entry_points.h"
#include "runtime/plan/plan_format.h"
#include "runtime/plan/plan_verifier.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace lns;

static const plan::EntryPoint *
findEntry(const flatbuffers::Vector<flatbuffers::Offset<plan::EntryPoint>> &all,
          std::string_view name) {
  for (const plan::EntryPoint *entry : all)
    if (entry->name()->string_view() == name)
      return entry;
  return nullptr;
}

const plan::EntryPoint *lnsrt_plan::entryPoint(std::string_view name) const {
  return findEntry(*table->entry_points(), name);
}

const plan::EntryPoint *
lnsrt_plan::cudaEntryPoint(std::string_view name) const {
  return findEntry(*table->cuda()->entry_points(), name);
}

uint64_t lns::elementCount(const plan::Parameter &parameter) {
  uint64_t count = 1;
  for (int64_t extent : *parameter.shape())
    count *= uint64_t(extent);
  return count;
}

uint64_t lns::storedBytes(const plan::Parameter &parameter) {
  uint64_t bytes = sizeof(float);
  for (int64_t extent :
       isPadded(parameter) ? *parameter.storage_shape() : *parameter.shape())
    bytes *= uint64_t(extent);
  return bytes;
}

bool lns::isPadded(const plan::Parameter &parameter) {
  const auto *storage = parameter.storage_shape();
  return storage && storage->size() != 0 &&
         !std::equal(storage->begin(), storage->end(),
                     parameter.shape()->begin());
}

static Error checkHeader(const PlanHeader &header, uint64_t size,
                         std::string_view place) {
  auto bad = [&](const auto &...parts) {
    return makeError(LNSRT_INVALID_PLAN, place, parts...);
  };
  if (std::memcmp(header.magic, kPlanMagic, sizeof(kPlanMagic)) != 0)
    return bad("not a plan: the file does not start with 'LNSPLAN'; make one "
               "with lnsc");
  if (header.version != kPlanVersion)
    return bad("plan format version ", header.version, ", this runtime reads ",
               kPlanVersion, "; compile the model again");
  if (header.header_size != sizeof(PlanHeader))
    return bad("plan header of ", header.header_size, " bytes, expected ",
               sizeof(PlanHeader), "; compile the model again");
  if (uint64_t unknown = header.feature_bits & ~kPlanFeatures)
    return bad("plan needs features ", unknown,
               " that this runtime does not know; use a newer runtime");
  if (header.reserved[0] != 0 || header.reserved[1] != 0)
    return bad("reserved header fields are not zero; the plan is damaged: "
               "compile the model again");
  if (header.file_size != size)
    return bad("plan header says ", header.file_size, " bytes, the file has ",
               size,
               "; the plan is truncated or damaged: compile the model "
               "again");
  if (header.table_size == 0 || header.table_size > size - sizeof(PlanHeader))
    return bad("plan table of ", header.table_size, " bytes in a file of ",
               size, "; the plan is damaged: compile the model again");
  return nullptr;
}

/// What a verified plan traces; the same in both programs.
static void noteTrace(lnsrt_plan &plan) {
  const plan::EntryPoint *trace = plan.entryPoint("trace");
  if (!trace && plan.cuda())
    trace = plan.cudaEntryPoint("trace");
  if (!trace)
    return;
  for (const plan::Binding *output : *trace->outputs()) {
    plan.traceWidth = uint32_t(output->shape()->Get(2));
    if (output->name()->string_view() == getName(BindingKind::Stream))
      plan.traceBranches.push_back(0);
    else
      ++plan.traceBranches.back();
  }
  plan.traceBranches.pop_back(); // behind the last block there are none
}

/// Everything after the header, which `checkHeader` has accepted. `plan.bytes`
/// holds the whole file.
static Error checkContents(lnsrt_plan &plan) {
  PlanHeader header;
  std::memcpy(&header, plan.bytes.data(), sizeof(header));
  const unsigned char *table = plan.bytes.data() + sizeof(PlanHeader);
  uint64_t checksum =
      planChecksum(table, plan.bytes.size() - sizeof(PlanHeader));
  if (checksum != header.checksum)
    return makeError(LNSRT_INVALID_PLAN, plan.path, "plan checksum is ",
                     checksum, ", its header says ", header.checksum,
                     "; the plan was altered: compile the model again");
  // FlatBuffers offsets are 32 bits wide.
  if (header.table_size >= FLATBUFFERS_MAX_BUFFER_SIZE)
    return makeError(LNSRT_INVALID_PLAN, plan.path, "plan table of ",
                     header.table_size, " bytes, the format allows ",
                     uint64_t(FLATBUFFERS_MAX_BUFFER_SIZE) - 1,
                     "; compile the model again");
  flatbuffers::Verifier verifier(table, header.table_size);
  if (!plan::VerifyPlanBuffer(verifier))
    return makeError(LNSRT_INVALID_PLAN, plan.path,
                     "plan table is malformed; compile the model again");
  plan.table = plan::GetPlan(table);
  if (Error error = verifyPlan(*plan.table, plan.bytes.data(),
                               plan.bytes.size(), header.table_size, plan.path))
    return error;
  noteTrace(plan);
  // Bits that are the table's own to say stand in the header for readers that
  // do not know them.
  plan.documents = takesDocuments(*plan.table);
  plan.decode = canDecode(*plan.table);
  uint64_t features = (plan.documents ? kPlanDocuments : 0) |
                      (hasFrozen(*plan.table) ? kPlanFrozen : 0) |
                      (plan.traceWidth ? kPlanTrace : 0) |
                      (plan.decode ? kPlanDecode : 0);
  if (header.feature_bits != features)
    return makeError(LNSRT_INVALID_PLAN, plan.path, "plan header says ",
                     header.feature_bits, " as its features, its table ",
                     features,
                     "; the plan is damaged: compile the model again");
  plan.bytes.makeReadOnly();
  return nullptr;
}

static Error tooShort(uint64_t size, std::string_view place) {
  return makeError(LNSRT_INVALID_PLAN, place, "plan of ", size,
                   " bytes, its header alone needs ", sizeof(PlanHeader),
                   "; the plan is truncated: compile the model again");
}

namespace {
/// Closes a file descriptor.
struct FileDescriptor {
  int fd;
  ~FileDescriptor() {
    if (fd >= 0)
      close(fd);
  }
};
} // namespace

/// Reads exactly `size` bytes at the file's current position.
static Error readAll(int fd, void *to, uint64_t size, const char *path) {
  auto *bytes = static_cast<unsigned char *>(to);
  while (size != 0) {
    ssize_t got = read(fd, bytes, size);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return makeError(LNSRT_IO, path,
                       "cannot read plan: ", std::strerror(errno));
    if (got == 0)
      return makeError(LNSRT_INVALID_PLAN, path, "plan ends ", size,
                       " bytes early; it was changed while it was read: try "
                       "again");
    bytes += got;
    size -= uint64_t(got);
  }
  return nullptr;
}

Error lns::openPlan(const char *path, std::unique_ptr<lnsrt_plan> &out) {
  FileDescriptor file{open(path, O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0)
    return makeError(LNSRT_IO, path, "cannot open plan: ", std::strerror(errno),
                     "; make one with lnsc");
  struct stat status;
  if (fstat(file.fd, &status) != 0)
    return makeError(LNSRT_IO, path,
                     "cannot open plan: ", std::strerror(errno));
  if (!S_ISREG(status.st_mode))
    return makeError(
        LNSRT_IO, path,
        "cannot open plan: not a regular file; make one with lnsc");
  uint64_t size = uint64_t(status.st_size);
  PlanHeader header;
  if (size < sizeof(header))
    return tooShort(size, path);
  if (Error error = readAll(file.fd, &header, sizeof(header), path))
    return error;
  if (Error error = checkHeader(header, size, path))
    return error;
  auto plan = std::make_unique<lnsrt_plan>();
  plan->path = path;
  if (Error error = PageMemory::allocate(size, path, plan->bytes))
    return error;
  std::memcpy(plan->bytes.data(), &header, sizeof(header));
  if (Error error = readAll(file.fd, plan->bytes.data() + sizeof(header),
                            size - sizeof(header), path))
    return error;
  if (Error error = checkContents(*plan))
    return error;
  out = std::move(plan);
  return nullptr;
}

Error lns::openPlanMemory(const void *bytes, uint64_t size,
                          std::unique_ptr<lnsrt_plan> &out) {
  constexpr const char *kPlace = "memory";
  PlanHeader header;
  if (size < sizeof(header))
    return tooShort(size, kPlace);
  std::memcpy(&header, bytes, sizeof(header));
  if (Error error = checkHeader(header, size, kPlace))
    return error;
  auto plan = std::make_unique<lnsrt_plan>();
  plan->path = kPlace;
  if (Error error = PageMemory::allocate(size, kPlace, plan->bytes))
    return error;
  std::memcpy(plan->bytes.data(), bytes, size);
  if (Error error = checkContents(*plan))
    return error;
  out = std::move(plan);
  return nullptr;
}
