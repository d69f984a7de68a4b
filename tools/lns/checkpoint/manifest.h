//===- manifest.h - What a checkpoint's files were when written -*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_MANIFEST_H
#define LNS_TOOLS_LNS_CHECKPOINT_MANIFEST_H

#include "tools/lns/base/file_io.h"
#include "tools/lns/base/status.h"

#include <map>
#include <optional>
#include <string>

namespace lns::tool {

/// manifest.json: size and XXH64 of every other file that was saved into its
/// folder. Files that it does not name may stand beside them.
class Manifest {
public:
  static constexpr const char *fileName = "manifest.json";

  /// That of `folder`; nothing when there is none. An error when it is damaged.
  static Expected<std::optional<Manifest>> read(const std::string &folder);
  Status write(const std::string &folder) const;

  void add(const std::string &name, const FileSummary &summary) {
    files[name] = summary;
  }
  const std::map<std::string, FileSummary> &entries() const { return files; }

  /// Compares the file `name` of `folder` with what it was when written. The
  /// error names the file and the damage.
  Status verify(const std::string &folder, const std::string &name) const;

private:
  std::map<std::string, FileSummary> files;
};

/// Verifies a file against the manifest beside it, if that is there and names
/// the file.
Status verifyWithManifest(const std::string &path);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_MANIFEST_H
