//===- tensor_names.h - Names of tensors in the files of others -*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TOOLS_LNS_CHECKPOINT_TENSOR_NAMES_H
#define LNS_TOOLS_LNS_CHECKPOINT_TENSOR_NAMES_H

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace lns::tool {

/// `name` without what wrappers of modules put in: "module." of data parallel
/// training at its beginning; anywhere "_orig_mod." of torch.compile,
/// "_fsdp_wrapped_module." and "_checkpoint_wrapped_module.". Whatever was
/// taken away is added to `stripped`.
std::string withoutWrappers(std::string_view name,
                            std::set<std::string> &stripped);

/// A prefix of all `wanted` names among `found`, if it has them under no other
/// name: "net." where a model was saved as a part of another. Empty if there is
/// none.
template <typename Wanted, typename Found>
std::string commonPrefix(const Wanted &wanted, const Found &found) {
  if (wanted.empty())
    return "";
  const std::string &first = *wanted.begin();
  for (const auto &[name, tensor] : found) {
    if (!name.ends_with("." + first))
      continue;
    std::string prefix = name.substr(0, name.size() - first.size());
    bool all = true;
    for (const std::string &other : wanted)
      all &= found.contains(prefix + other);
    if (all)
      return prefix;
  }
  return "";
}

/// Tensors that exports carry and no model reads: tables of constants (RoPE's
/// frequencies, causal masks, positions).
bool isConstantTable(std::string_view name);

/// Whether it is one of the two factors of a low-rank adapter (LoRA).
bool isAdapterName(std::string_view name);

/// What a tensor that no plan has tells of its file, as a remedy: "the
/// checkpoint is quantized; ...". Empty if nothing.
std::string hintOf(std::string_view name);

} // namespace lns::tool

#endif // LNS_TOOLS_LNS_CHECKPOINT_TENSOR_NAMES_H
