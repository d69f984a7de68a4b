//===- file_layout.h - How files of a class hold parameters -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Most classes of transformers keep the parameters under the names and in the
// shapes that a model here has. Where one does not, a table says where each
// parameter stands in its files, and both directions go by it.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_FILE_LAYOUT_H
#define LNS_TOOLS_LNS_CHECKPOINT_FILE_LAYOUT_H

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lns::tool {

/// One module, its weight and its bias: "self_attn.o_proj", "attn.c_proj".
/// Modules of one name in files stand there side by side, in the order of the
/// table.
struct LayoutRule {
  const char *model, *file;
  /// Weights are [in, out] in files, and [out, in] in the model.
  bool isTransposed = false;
};

struct FileLayout {
  const char *blocks;                ///< of files: "transformer.h."
  std::span<const LayoutRule> outer; ///< whole names of modules
  std::span<const LayoutRule> block; ///< names behind the block's number
  /// The end of a name that files of no other layout have.
  std::string_view sign;
};

/// GPT-2: query, key and value are one matrix, and all are transposed.
extern const FileLayout gpt2Layout;

struct NamedShape {
  std::string name;
  std::vector<int64_t> shape;
};

/// A tensor as files have it.
struct FileTensor {
  std::string name;
  std::vector<int64_t> shape;
  bool isTransposed = false;
  /// The parameters that it holds, by number, one behind the other: as rows of
  /// a vector, or as columns of a matrix that is transposed.
  std::vector<size_t> parts;
};

/// What files hold these parameters in, in the order of their first parts. What
/// the layout does not know, and everything where it is null, keeps name and
/// shape.
std::vector<FileTensor> layOut(const FileLayout *layout,
                               const std::vector<NamedShape> &parameters);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_FILE_LAYOUT_H
