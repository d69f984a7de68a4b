//===- dataset_files.cpp - The files of a prepared data set ---------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/data/dataset_files.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <unistd.h>

namespace lns::tool {

/// All that a data set may consist of.
static constexpr std::array names = {"train.bin", "val.bin",    "train.mask",
                                     "val.mask",  "train.docs", "val.docs",
                                     "meta.json"};

Status writeDatasetFiles(const std::string &folder, bool replace,
                         const std::vector<DatasetFile> &files) {
  const std::string base = folder + "/";
  for (const char *name : names)
    if (!replace && pathExists(base + name))
      return Status::failure(
          fmt::format("{}{}: exists already; choose another -o, or replace it "
                      "with --force",
                      base, name));
  bool created = false;
  LNS_RETURN_IF_ERROR(makeFolder(folder, &created));
  Status status = [&]() -> Status {
    std::vector<AtomicFile> opened;
    for (const DatasetFile &file : files) {
      Expected<AtomicFile> made = AtomicFile::create(base + file.name);
      if (!made)
        return made.status();
      opened.push_back(std::move(*made));
    }
    for (size_t i = 0; i < files.size(); ++i)
      LNS_RETURN_IF_ERROR(files[i].write(opened[i], base + files[i].name));
    // meta.json last, and an old one away first, then what the new shards would
    // take for theirs.
    if (replace) {
      ::unlink((base + "meta.json").c_str());
      for (const char *name : names)
        if (std::none_of(
                files.begin(), files.end(),
                [&](const DatasetFile &file) { return file.name == name; }))
          ::unlink((base + name).c_str());
    }
    for (AtomicFile &file : opened)
      LNS_RETURN_IF_ERROR(file.commit());
    return Status::success();
  }();
  if (!status.ok() && created)
    ::rmdir(folder.c_str()); // Succeeds only while it is empty.
  return status;
}

} // namespace lns::tool
