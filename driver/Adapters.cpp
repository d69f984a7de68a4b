//===- Adapters.cpp - LoRA, as the command line and plans say it ----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "driver/Adapters.h"
#include "codegen/plan/ModelFacts.h"
#include "dialect/NearestName.h"
#include "driver/Forms.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include <cmath>

using namespace lns;
using llvm::StringRef;

static constexpr llvm::StringLiteral kWords[] = {"rank", "alpha", "targets",
                                                 "save", "rslora"};
static constexpr llvm::StringLiteral kGraph = "\ngraph:\n";

/// "q_proj:v_proj". Names go into a line of the identity.
static bool parseNames(StringRef text, std::vector<std::string> &names) {
  llvm::SmallVector<StringRef> parts;
  text.split(parts, ':');
  for (StringRef part : parts) {
    if (part.empty() || llvm::any_of(part, [](char c) {
          return !llvm::isAlnum(c) && c != '_' && c != '.' && c != '-';
        }))
      return false;
    names.push_back(part.str());
  }
  return true;
}

std::optional<AdapterChoice> lns::parseAdapters(StringRef text,
                                                std::string &error) {
  AdapterChoice choice;
  llvm::StringSet<> seen;
  llvm::SmallVector<StringRef> options;
  text.split(options, ',');
  auto fail = [&](const llvm::Twine &message) {
    error = message.str();
    return std::nullopt;
  };
  for (StringRef option : options) {
    auto [word, value] = option.split('=');
    if (!llvm::is_contained(kWords, word))
      return fail(
          "unknown word '" + word + "'" +
          suggestName(word, kWords, [](StringRef name) { return name; }) +
          "; write for example rank=8,alpha=16,targets=q_proj:v_proj");
    if (!seen.insert(word).second)
      return fail("'" + word + "' is given twice; give it once");
    if (word == "rank" && (value.getAsInteger(10, choice.rank) ||
                           choice.rank < 1 || choice.rank > 65536))
      return fail("rank is '" + value + "', expected a number from 1 to 65536");
    if (word == "alpha" && (value.getAsDouble(choice.alpha) ||
                            !std::isfinite(choice.alpha) || choice.alpha <= 0))
      return fail("alpha is '" + value + "', expected a finite number above 0");
    if ((word == "targets" && !parseNames(value, choice.targets)) ||
        (word == "save" && !parseNames(value, choice.save)))
      return fail(word + " is '" + value +
                  "', expected names of modules, as q_proj:v_proj");
    if (word == "rslora") {
      if (option != word)
        return fail("'rslora' takes no value, got '" + value + "'");
      choice.rslora = true;
    }
  }
  if (choice.targets.empty())
    return fail("no targets; name the modules that get an adapter, as "
                "targets=q_proj:v_proj, or targets=all-linear");
  return choice;
}

std::string lns::formatAdapters(const AdapterChoice &choice) {
  std::string text = "rank=" + std::to_string(choice.rank) +
                     ",alpha=" + formatNumber(choice.alpha) +
                     ",targets=" + llvm::join(choice.targets, ":");
  if (!choice.save.empty())
    text += ",save=" + llvm::join(choice.save, ":");
  return choice.rslora ? text + ",rslora" : text;
}

std::string lns::joinIdentities(const std::string &adapted,
                                const std::string &base,
                                const AdapterChoice &choice) {
  size_t graph = adapted.find(kGraph.str()),
         baseGraph = base.find(kGraph.str());
  std::string facts =
      addFact(base.substr(0, baseGraph + 1), "lora", formatAdapters(choice));
  return facts + adapted.substr(graph + 1) + "base:\n" +
         base.substr(baseGraph + kGraph.size());
}
