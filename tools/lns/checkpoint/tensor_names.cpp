//===- tensor_names.cpp - Names of tensors in the files of others ---------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/tensor_names.h"

#include <algorithm>

namespace lns::tool {

std::string withoutWrappers(std::string_view name,
                            std::set<std::string> &stripped) {
  static constexpr std::string_view wrappers[] = {
      "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"};
  std::string out;
  while (!name.empty()) {
    size_t dot = name.find('.');
    std::string_view part = name.substr(0, dot);
    bool wraps = std::find(std::begin(wrappers), std::end(wrappers), part) !=
                     std::end(wrappers) ||
                 (part == "module" && out.empty());
    if (wraps && dot != std::string_view::npos) {
      stripped.insert(std::string(part) + ".");
      name.remove_prefix(dot + 1);
      continue;
    }
    out += name.substr(0, dot == std::string_view::npos ? dot : dot + 1);
    name.remove_prefix(std::min(name.size(), part.size() + 1));
  }
  return out;
}

bool isConstantTable(std::string_view name) {
  for (std::string_view end :
       {"rotary_emb.inv_freq", "rotary_pos_emb.inv_freq",
        "rotary_emb.cos_cached", "rotary_emb.sin_cached", ".attn.bias",
        ".attn.masked_bias", ".attention.bias", ".attention.masked_bias",
        "position_ids"})
    if (name.ends_with(end))
      return true;
  return false;
}

bool isAdapterName(std::string_view name) {
  return name.ends_with(".lora_A.weight") || name.ends_with(".lora_B.weight");
}

std::string hintOf(std::string_view name) {
  for (std::string_view part :
       {".qweight", ".qzeros", ".g_idx", ".weight_scale", ".absmax",
        ".quant_state", ".SCB", ".weight_packed"})
    if (name.find(part) != std::string_view::npos)
      return "the checkpoint is quantized: use the one that it was made from";
  for (std::string_view part : {"lora_A", "lora_B", "lora_embedding"})
    if (name.find(part) != std::string_view::npos)
      return "these are the weights of an adapter (LoRA): merge them with 'lns "
             "ckpt merge', or compile the plan with --lora";
  return "";
}

} // namespace lns::tool
