//===- dataset_files.h - The files of a prepared data set -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_DATA_DATASET_FILES_H
#define LNS_TOOLS_LNS_DATA_DATASET_FILES_H

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/status.h"

#include <functional>
#include <string>
#include <vector>

namespace lns::tool {

/// One file, and what writes its bytes; `path` is for messages.
struct DatasetFile {
  std::string name;
  std::function<Status(AtomicFile &file, const std::string &path)> write;
};

/// Puts files into `folder`, which is made if need be: all appear, or none.
/// The last one is meta.json: a folder that has it is complete, and no mixture.
/// What a data set consists of, and is there already, is an error, unless
/// `replace`; then it goes away where `files` has no other in its place.
Status writeDatasetFiles(const std::string &folder, bool replace,
                         const std::vector<DatasetFile> &files);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_DATA_DATASET_FILES_H
