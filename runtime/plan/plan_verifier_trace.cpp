//===- plan_verifier_trace.cpp - The check of what a plan traces ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/plan/plan_verifier_impl.h"

using namespace lns;
using plan::Segment;

static std::string_view nameOf(const plan::Binding &binding) {
  return binding.name()->string_view();
}

/// Columns of what is traced; 0 where the shape is not [.., .., d].
static uint64_t widthOf(const plan::Binding &binding) {
  const auto *shape = binding.shape();
  return shape && shape->size() == 3 && shape->Get(2) > 0
             ? uint64_t(shape->Get(2))
             : 0;
}

/// A stream for each block and one more; behind each but the last the branches
/// of its block. All of one shape, f32, apart from one another.
Error PlanVerifier::checkTrace(const Program &program,
                               const plan::EntryPoint &entry) {
  const auto &outputs = *entry.outputs();
  uint64_t batch = table.micro_batch() ? table.micro_batch() : table.batch();
  uint64_t streams = 0, width = 0;
  std::vector<std::pair<uint64_t, uint64_t>> ranges[2]; // io, arena
  for (const plan::Binding *output : outputs) {
    std::string_view name = nameOf(*output);
    bool isStream = name == getName(BindingKind::Stream);
    if (!isStream && (name != getName(BindingKind::Branch) || streams == 0))
      return bad("output '", name, "' of 'trace' where a stream is expected",
                 streams == 0 ? "" : ", or what a branch adds to it");
    streams += isStream;
    if (output->dtype() != plan::DType::f32)
      return bad("output '", name, "' of 'trace' has element type ",
                 int(output->dtype()), ", expected f32");
    if (!isAligned(output->shape()))
      return bad("the shape of output '", name, "' of 'trace' is misaligned");
    uint64_t columns = widthOf(*output);
    if (width == 0)
      width = columns;
    const plan::BufferRef &buffer = *output->buffer();
    auto bytes = checkedProduct({batch, table.sequence(), width, 4u});
    if (columns == 0 || columns != width || width > UINT32_MAX || !bytes ||
        uint64_t(output->shape()->Get(0)) != batch ||
        uint64_t(output->shape()->Get(1)) != table.sequence())
      return bad("output '", name, "' of 'trace' has an impossible shape");
    if (buffer.size() != *bytes)
      return bad("output '", name, "' of 'trace' has ", buffer.size(),
                 " bytes, its shape needs ", *bytes);
    if (buffer.segment() != Segment::io && buffer.segment() != Segment::arena)
      return bad("output '", name, "' of 'trace' is in segment ",
                 int(buffer.segment()), ", expected io or arena");
    if (Error error = checkBuffer(program, buffer, name, "trace"))
      return error;
    ranges[buffer.segment() == Segment::arena].push_back(
        {buffer.offset(), buffer.size()});
  }
  if (streams != uint64_t(table.layers()) + 1 ||
      nameOf(*outputs.Get(outputs.size() - 1)) != getName(BindingKind::Stream))
    return bad("'trace' gives the stream at ", streams,
               " places, expected one before each of the ", table.layers(),
               " blocks and one behind the last");
  for (auto &inSegment : ranges) {
    std::sort(inSegment.begin(), inSegment.end());
    for (size_t i = 1; i < inSegment.size(); ++i)
      if (inSegment[i - 1].first + inSegment[i - 1].second > inSegment[i].first)
        return bad("outputs of 'trace' overlap at offset ", inSegment[i].first);
  }
  return nullptr;
}

/// A caller has one buffer, whichever device fills it.
Error PlanVerifier::checkTracesAgree() {
  auto find = [](const auto &entries) -> const plan::EntryPoint * {
    for (const plan::EntryPoint *entry : entries)
      if (entry->name()->string_view() == "trace")
        return entry;
    return nullptr;
  };
  const plan::EntryPoint *cpu = find(*table.entry_points());
  const plan::EntryPoint *cuda = find(*table.cuda()->entry_points());
  if (!cpu || !cuda)
    return nullptr;
  const auto &a = *cpu->outputs(), &b = *cuda->outputs();
  bool agree = a.size() == b.size() && widthOf(*a.Get(0)) == widthOf(*b.Get(0));
  for (flatbuffers::uoffset_t i = 0; agree && i < a.size(); ++i)
    agree = nameOf(*a.Get(i)) == nameOf(*b.Get(i));
  if (!agree)
    return bad("'trace' gives ", a.size(), " values on the CPU and ", b.size(),
               " on CUDA, which are not alike");
  return nullptr;
}
