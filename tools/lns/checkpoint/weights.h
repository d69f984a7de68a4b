//===- weights.h - Tensors from files into a store --------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_WEIGHTS_H
#define LNS_TOOLS_LNS_CHECKPOINT_WEIGHTS_H

#include "tools/lns/base/status.h"
#include "tools/lns/checkpoint/tensor_store.h"
#include "tools/lns/checkpoint/tensor_view.h"
#include "tools/lns/checkpoint/weight_files.h"

#include <string>
#include <vector>

namespace lns::tool {

/// One kind of tensor as it appears in a file: its names get a prefix.
struct Section {
  TensorKind kind;
  const char *prefix;
};

/// Compares the whole file, one that lns has written, with the store: every
/// name, shape and type. The error lists all that differs.
Status checkSections(const WeightFiles &file, TensorStore &store,
                     const std::vector<Section> &sections);

/// Writes the tensors of a file that checkSections() has accepted.
Status readSections(const WeightFiles &file, TensorStore &store,
                    const std::vector<Section> &sections);

/// Where the parameters `tensors` are in files as people have them, in their
/// order: loadParameters() without reading any.
Expected<std::vector<TensorView>>
matchParameters(const WeightFiles &files,
                const std::vector<TensorDescription> &tensors,
                std::vector<std::string> &notes);

/// Reads the parameters from files as people have them. Beyond what
/// checkSections() accepts: names that wrappers of modules have changed, with a
/// word in `notes`; a tied embedding under either name or, if they are equal
/// bit by bit, both; tensors without elements and tables of constants, which
/// are passed over; and the layout of a class that has another (file_layout.h),
/// which is known by its names. Nothing is written into the store unless all of
/// it fits.
Status loadParameters(const WeightFiles &files, TensorStore &store,
                      std::vector<std::string> &notes);

/// The same for a path that WeightFiles::open() understands. Files whose gains
/// are folded (fold_mark.h) are refused: whose they are is not asked here.
Status loadParameters(const std::string &path, TensorStore &store,
                      std::vector<std::string> &notes);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_WEIGHTS_H
