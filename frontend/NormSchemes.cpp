//===- NormSchemes.cpp - The norm schemes that have a name ------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "frontend/NormSchemes.h"
#include "dialect/NearestName.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include <charconv>
#include <cmath>

using namespace lns;
using llvm::StringRef;

namespace {

struct SchemeEntry {
  NormScheme scheme;
  llvm::StringLiteral name, formula, source;
};

constexpr SchemeEntry kSchemes[] = {
    {NormScheme::Pre, "pre", "x + F(N x)", "arXiv 2002.04745"},
    {NormScheme::Lns, "lns", "x + F(N x / sqrt l)",
     "LayerNorm Scaling, arXiv 2502.05795"},
    {NormScheme::LnsFoldedInit, "lns-folded-init",
     "pre, gains start at 1/sqrt l", "not lns: a gain learns faster"},
    {NormScheme::Post, "post", "N(x + F x), no final norm", "arXiv 1706.03762"},
    {NormScheme::DeepNorm, "deepnorm", "N((2L)^(1/4) x + F x), Xavier init",
     "arXiv 2203.00555"},
    {NormScheme::Mix, "mix", "first blocks post, the others pre",
     "Mix-LN, arXiv 2412.13795"},
    {NormScheme::Sandwich, "sandwich", "x + N(F(N x))",
     "arXiv 2105.13290, Gemma 2"},
    {NormScheme::Peri, "peri", "sandwich, and a norm of the embedding",
     "Peri-LN, arXiv 2502.02732"},
    {NormScheme::Reordered, "reordered", "x + N(F x)", "OLMo 2"},
    {NormScheme::Keel, "keel", "N(2L x + F(N x)), no final norm", "KEEL"},
    {NormScheme::SubLn, "sub-ln", "pre, and a norm before each output matrix",
     "arXiv 2210.06423"},
    {NormScheme::ScaledInit, "scaled-init", "pre, outputs start at std/sqrt 2L",
     "GPT-2"},
    {NormScheme::DepthScaledInit, "depth-scaled-init",
     "pre, outputs start at std/sqrt 2l", "arXiv 1908.11365"},
    {NormScheme::Mitchell, "mitchell", "pre, starts by widths and 1/sqrt 2l",
     "OLMo"},
    {NormScheme::ResidualMultiplier, "residual-multiplier", "x + c F(N x)",
     "Granite, MiniCPM"},
    {NormScheme::LayerScale, "layerscale", "x + v F(N x), v learned",
     "arXiv 2103.17239"},
    {NormScheme::SkipInit, "skipinit", "x + a F(N x), a learned",
     "arXiv 2002.10444"},
    {NormScheme::ReZero, "rezero", "x + a F(x), a learned, of a block",
     "arXiv 2003.04887"},
    {NormScheme::DyT, "dyt", "pre, g tanh(a x) for every norm",
     "arXiv 2503.10622"},
    {NormScheme::Derf, "derf", "pre, g erf(a x + s) + b for every norm",
     "arXiv 2512.10938"},
    {NormScheme::Gpas, "gpas", "y = x + F(N x), y - silu(c) sg(y)",
     "arXiv 2506.22049"},
    {NormScheme::ProRes, "prores", "x + min(t/(T l), 1) F(N x)",
     "arXiv 2603.05369"},
    {NormScheme::Hybrid, "hybrid", "y = N(x + A x), y + M y; q, k, v norms",
     "HybridNorm, arXiv 2503.04598"},
    {NormScheme::HybridStar, "hybrid-star", "hybrid, its first block pre",
     "HybridNorm*, arXiv 2503.04598"},
    {NormScheme::NGpt, "ngpt", "L2(x + |a| (L2(F x) - x)), lengths all 1",
     "nGPT, arXiv 2410.01131"},
    {NormScheme::CompleteP, "completep", "x + (L/L0)^-a F(N x), rates by size",
     "arXiv 2505.01618"},
};

constexpr bool standInOrder() {
  for (size_t i = 0; i < std::size(kSchemes); ++i)
    if (static_cast<size_t>(kSchemes[i].scheme) != i)
      return false;
  return true;
}
static_assert(standInOrder(), "getEntry looks schemes up by their number");

const SchemeEntry &getEntry(NormScheme scheme) {
  return kSchemes[static_cast<size_t>(scheme)];
}

constexpr std::pair<InitRule, llvm::StringLiteral> kInitRules[] = {
    {InitRule::Plain, "plain"},
    {InitRule::Scaled, "scaled"},
    {InitRule::DepthScaled, "depth-scaled"},
    {InitRule::DepthScaledUp, "depth-scaled-up"},
    {InitRule::Mitchell, "mitchell"}};

constexpr std::pair<QkNorm, llvm::StringLiteral> kQkNorms[] = {
    {QkNorm::Off, "off"},
    {QkNorm::Head, "head"},
    {QkNorm::Full, "full"},
    {QkNorm::Free, "free"}};

/// An option: how its value is read and written.
struct Option {
  llvm::StringLiteral name, values, meaning;
  /// Schemes that have it; none: all but nGPT, which has no norm that could be
  /// left out, and no length that a gate could change.
  llvm::ArrayRef<NormScheme> schemes;
  bool (*read)(StringRef value, NormChoice &choice);
  /// Empty where the value is the default one.
  std::string (*write)(const NormChoice &choice);
};

std::string formatNumber(double value) {
  char text[32];
  auto [end, code] = std::to_chars(text, std::end(text), value);
  return std::string(text, end);
}

bool readNumber(StringRef text, double least, double most, double &value) {
  auto [end, code] = std::from_chars(text.begin(), text.end(), value);
  return code == std::errc() && end == text.end() && std::isfinite(value) &&
         value >= least && value <= most;
}

bool readInteger(StringRef text, int64_t most, int64_t &value) {
  return !text.getAsInteger(10, value) && value >= 1 && value <= most;
}

/// A flag without a value is on.
bool readFlag(StringRef text, bool &value) {
  value = text.empty() || text == "on";
  return value || text == "off";
}

constexpr NormScheme kMix[] = {NormScheme::Mix};
constexpr NormScheme kKeel[] = {NormScheme::Keel};
constexpr NormScheme kPeri[] = {NormScheme::Peri};
constexpr NormScheme kLearned[] = {NormScheme::LayerScale, NormScheme::SkipInit,
                                   NormScheme::ReZero};
constexpr NormScheme kCompleteP[] = {NormScheme::CompleteP};
constexpr NormScheme kFunctions[] = {NormScheme::DyT, NormScheme::Derf};
constexpr NormScheme kGpas[] = {NormScheme::Post, NormScheme::DeepNorm,
                                NormScheme::Mix, NormScheme::Sandwich};
constexpr NormScheme kProRes[] = {NormScheme::ProRes};
constexpr NormScheme kOpening[] = {NormScheme::Post, NormScheme::DeepNorm,
                                   NormScheme::Sandwich};
constexpr NormScheme kMultiplier[] = {NormScheme::ResidualMultiplier};
constexpr NormScheme kPlainInit[] = {NormScheme::Pre,
                                     NormScheme::Lns,
                                     NormScheme::Post,
                                     NormScheme::Mix,
                                     NormScheme::Peri,
                                     NormScheme::Sandwich,
                                     NormScheme::Reordered,
                                     NormScheme::Keel,
                                     NormScheme::ResidualMultiplier,
                                     NormScheme::LayerScale,
                                     NormScheme::SkipInit,
                                     NormScheme::ReZero,
                                     NormScheme::DyT,
                                     NormScheme::Derf,
                                     NormScheme::Gpas,
                                     NormScheme::ProRes};

/// Multipliers beyond this are mistakes, and would overflow f32.
constexpr double kMaxMultiplier = 1e6;
constexpr llvm::StringLiteral kFactor = "a number from 1e-6 to 1e6";

/// Beyond these, models have other limits.
constexpr int64_t kMaxBaseLayers = 2048, kMaxBaseWidth = 1000000;

/// Of a block's opening, times its depth.
constexpr double kMaxSteps = 1e9;
constexpr llvm::StringLiteral kSteps = "a number of steps from 1 to 1e9";

const Option kOptions[] = {
    {"init", "plain|scaled|depth-scaled|depth-scaled-up|mitchell",
     "how matrices start", kPlainInit,
     [](StringRef value, NormChoice &choice) {
       for (const auto &[rule, name] : kInitRules)
         if (value == name) {
           choice.init = rule;
           return true;
         }
       return false;
     },
     [](const NormChoice &choice) {
       return choice.init
                  ? kInitRules[static_cast<size_t>(*choice.init)].second.str()
                  : std::string();
     }},
    {"fraction", "a number from 0 to 1", "share of blocks that are post; 0.25",
     kMix,
     [](StringRef value, NormChoice &choice) {
       return readNumber(value, 0, 1, choice.fraction);
     },
     [](const NormChoice &choice) {
       return choice.fraction == NormChoice().fraction
                  ? std::string()
                  : formatNumber(choice.fraction);
     }},
    {"skip", kFactor, "what the skip is multiplied by; 2L", kKeel,
     [](StringRef value, NormChoice &choice) {
       return readNumber(value, 1 / kMaxMultiplier, kMaxMultiplier,
                         choice.skip.emplace());
     },
     [](const NormChoice &choice) {
       return choice.skip ? formatNumber(*choice.skip) : std::string();
     }},
    {"branch", kFactor, "what branches are multiplied by; 1/sqrt L",
     kMultiplier,
     [](StringRef value, NormChoice &choice) {
       return readNumber(value, 1 / kMaxMultiplier, kMaxMultiplier,
                         choice.branch.emplace());
     },
     [](const NormChoice &choice) {
       return choice.branch ? formatNumber(*choice.branch) : std::string();
     }},
    {"start", "a number from -1e6 to 1e6",
     "where learned factors of branches start", kLearned,
     [](StringRef value, NormChoice &choice) {
       return readNumber(value, -kMaxMultiplier, kMaxMultiplier,
                         choice.start.emplace());
     },
     [](const NormChoice &choice) {
       return choice.start ? formatNumber(*choice.start) : std::string();
     }},
    {"alpha", kFactor, "where alphas start; 0.5", kFunctions,
     [](StringRef value, NormChoice &choice) {
       return readNumber(value, 1 / kMaxMultiplier, kMaxMultiplier,
                         choice.alpha);
     },
     [](const NormChoice &choice) {
       return choice.alpha == NormChoice().alpha ? std::string()
                                                 : formatNumber(choice.alpha);
     }},
    {"alpha", "a number from 0.5 to 1", "a of (L/L0)^-a; 1", kCompleteP,
     [](StringRef value, NormChoice &choice) {
       return readNumber(value, 0.5, 1, choice.depthExponent);
     },
     [](const NormChoice &choice) {
       return choice.depthExponent == NormChoice().depthExponent
                  ? std::string()
                  : formatNumber(choice.depthExponent);
     }},
    {"base-layers", "a number of blocks from 1 to 2048",
     "L0, the depth for which rates were found; 2", kCompleteP,
     [](StringRef value, NormChoice &choice) {
       return readInteger(value, kMaxBaseLayers, choice.baseLayers.emplace());
     },
     [](const NormChoice &choice) {
       return choice.baseLayers ? std::to_string(*choice.baseLayers)
                                : std::string();
     }},
    {"base-width", "a number of columns from 1 to 1000000",
     "hidden_size for which rates were found; the model's", kCompleteP,
     [](StringRef value, NormChoice &choice) {
       return readInteger(value, kMaxBaseWidth, choice.baseWidth.emplace());
     },
     [](const NormChoice &choice) {
       return choice.baseWidth ? std::to_string(*choice.baseWidth)
                               : std::string();
     }},
    {"T", kSteps,
     "steps until block 1 is open, l times as many of block l; 1000", kProRes,
     [](StringRef value, NormChoice &choice) {
       return readNumber(value, 1, kMaxSteps, choice.openingSteps.emplace());
     },
     [](const NormChoice &choice) {
       return choice.scheme == NormScheme::ProRes && choice.openingSteps
                  ? formatNumber(*choice.openingSteps)
                  : std::string();
     }},
    {"prores", kSteps, "branches open as those of prores, with this T; 1000",
     kOpening,
     [](StringRef value, NormChoice &choice) {
       choice.openingSteps = kDefaultOpeningSteps;
       return value.empty() ||
              readNumber(value, 1, kMaxSteps, *choice.openingSteps);
     },
     [](const NormChoice &choice) {
       return choice.scheme != NormScheme::ProRes && choice.openingSteps
                  ? formatNumber(*choice.openingSteps)
                  : std::string();
     }},
    {"gpas", "on|off", "the stream is scaled as by gpas; off", kGpas,
     [](StringRef value, NormChoice &choice) {
       return readFlag(value, choice.gpas);
     },
     [](const NormChoice &choice) {
       return choice.gpas ? std::string("on") : std::string();
     }},
    {"final-norm",
     "on|off",
     "norm before the head; what the scheme has",
     {},
     [](StringRef value, NormChoice &choice) {
       return readFlag(value, choice.finalNorm.emplace());
     },
     [](const NormChoice &choice) {
       return !choice.finalNorm   ? std::string()
              : *choice.finalNorm ? std::string("on")
                                  : std::string("off");
     }},
    {"embed-norm", "on|off", "norm of the embedding; on", kPeri,
     [](StringRef value, NormChoice &choice) {
       return readFlag(value, choice.embeddingNorm);
     },
     [](const NormChoice &choice) {
       return choice.embeddingNorm ? std::string() : std::string("off");
     }},
    {"qk-norm",
     "head|full|free|off",
     "norms of query and key, of each head (free: without a gain) or of all; "
     "what the scheme or the family has",
     {},
     [](StringRef value, NormChoice &choice) {
       if (value.empty())
         value = "head";
       for (const auto &[kind, name] : kQkNorms)
         if (value == name) {
           choice.qkNorm = kind;
           return true;
         }
       return false;
     },
     [](const NormChoice &choice) {
       return choice.qkNorm
                  ? kQkNorms[static_cast<size_t>(*choice.qkNorm)].second.str()
                  : std::string();
     }},
    {"value-residual",
     "on|off",
     "values mixed with those of block 1; off",
     {},
     [](StringRef value, NormChoice &choice) {
       return readFlag(value, choice.valueResidual);
     },
     [](const NormChoice &choice) {
       return choice.valueResidual ? std::string("on") : std::string();
     }},
    {"head-gate",
     "on|off",
     "heads times 2 sigmoid(G x); off",
     {},
     [](StringRef value, NormChoice &choice) {
       return readFlag(value, choice.headGate);
     },
     [](const NormChoice &choice) {
       return choice.headGate ? std::string("on") : std::string();
     }}};

bool hasOption(const Option &option, NormScheme scheme) {
  return option.schemes.empty() ? scheme != NormScheme::NGpt
                                : llvm::is_contained(option.schemes, scheme);
}

std::string joinSchemes() {
  llvm::SmallVector<StringRef> names;
  for (const SchemeEntry &entry : kSchemes)
    names.push_back(entry.name);
  return llvm::join(names, ", ");
}

std::string joinOptions(NormScheme scheme) {
  llvm::SmallVector<StringRef> names;
  for (const Option &option : kOptions)
    if (hasOption(option, scheme))
      names.push_back(option.name);
  return names.empty() ? "none" : llvm::join(names, ", ");
}

/// Reads one "KEY=VALUE"; `given` are those before it.
bool parseOption(StringRef text, NormChoice &choice, llvm::StringSet<> &given,
                 std::string &error) {
  auto [key, value] = text.split('=');
  StringRef scheme = lns::getName(choice.scheme);
  // Two options have one name where schemes mean something else by it.
  auto isNamed = [&](const Option &option) { return option.name == key; };
  const Option *option = llvm::find_if(kOptions, [&](const Option &option) {
    return isNamed(option) && hasOption(option, choice.scheme);
  });
  if (option == std::end(kOptions))
    option = llvm::find_if(kOptions, isNamed);
  if (option == std::end(kOptions)) {
    if (llvm::any_of(kSchemes, [&](const SchemeEntry &entry) {
          return entry.name == key;
        }))
      error = llvm::formatv("'{0}' and '{1}' are two schemes, and a model has "
                            "one; give one of them",
                            scheme, key);
    else
      error = llvm::formatv(
          "'{0}' is no option of '{1}', which has: {2}{3}", key, scheme,
          joinOptions(choice.scheme),
          suggestName(key, kOptions, [](const Option &o) { return o.name; }));
    return false;
  }
  if (!hasOption(*option, choice.scheme)) {
    llvm::SmallVector<StringRef> names;
    for (const Option &one : kOptions)
      if (isNamed(one))
        for (NormScheme other : one.schemes)
          names.push_back(lns::getName(other));
    if (names.empty())
      names.push_back("all other schemes");
    error = llvm::formatv("'{0}' is an option of {1}, not of '{2}', which has: "
                          "{3}",
                          key, llvm::join(names, ", "), scheme,
                          joinOptions(choice.scheme));
    return false;
  }
  if (!given.insert(option->name).second) {
    error = llvm::formatv("'{0}' is given twice; give it once", key);
    return false;
  }
  if (!option->read(value, choice)) {
    error = llvm::formatv("'{0}' of '{1}' is '{2}', but must be {3}", key,
                          scheme, value, option->values);
    return false;
  }
  return true;
}

} // namespace

StringRef lns::getName(NormScheme scheme) { return getEntry(scheme).name; }

llvm::SmallVector<NormScheme> lns::getNormSchemes() {
  return llvm::map_to_vector(
      kSchemes, [](const SchemeEntry &entry) { return entry.scheme; });
}

std::optional<NormChoice> lns::parseNormChoice(StringRef text,
                                               std::string &error) {
  llvm::SmallVector<StringRef> parts;
  text.split(parts, ',');
  const SchemeEntry *entry = llvm::find_if(
      kSchemes, [&](const SchemeEntry &e) { return e.name == parts.front(); });
  if (entry == std::end(kSchemes)) {
    StringRef name = parts.front();
    if (llvm::any_of(kOptions, [&](const Option &option) {
          return option.name == name.split('=').first;
        })) {
      error = llvm::formatv("'{0}' is an option, and stands behind a scheme; "
                            "write for example pre,{0}",
                            name);
      return std::nullopt;
    }
    // "Pre-LN" is pre.
    std::string lower = name.lower();
    StringRef bare = lower;
    bare.consume_back("-ln");
    error =
        llvm::formatv("'{0}' is no norm scheme{1}; there are: {2}", name,
                      suggestName(bare, kSchemes,
                                  [](const SchemeEntry &e) { return e.name; }),
                      joinSchemes());
    return std::nullopt;
  }
  NormChoice choice;
  choice.scheme = entry->scheme;
  llvm::StringSet<> given;
  for (StringRef part : llvm::drop_begin(parts))
    if (!parseOption(part, choice, given, error))
      return std::nullopt;
  if (choice.gpas && choice.openingSteps) {
    error = "'gpas' and 'prores' have no published meaning together; give one "
            "of them";
    return std::nullopt;
  }
  return choice;
}

std::string lns::formatNormChoice(const NormChoice &choice) {
  std::string text = getName(choice.scheme).str();
  for (const Option &option : kOptions)
    if (std::string value = option.write(choice); !value.empty())
      text += llvm::formatv(",{0}={1}", option.name, value);
  return text;
}

void lns::printNormSchemes(llvm::raw_ostream &os) {
  os << "norm schemes, --norm=SCHEME[,OPTION=VALUE]...; N is a norm, F "
        "attention or feed-forward, l the block of L:\n";
  for (const SchemeEntry &entry : kSchemes)
    os << llvm::formatv("  {0,-20} {1,-42} {2}\n", entry.name, entry.formula,
                        entry.source);
  os << "\noptions:\n";
  for (const Option &option : kOptions) {
    os << llvm::formatv("  {0,-20} {1}: {2}", option.name, option.meaning,
                        option.values);
    if (!option.schemes.empty()) {
      os << " (";
      llvm::interleaveComma(option.schemes, os, [&](NormScheme scheme) {
        os << lns::getName(scheme);
      });
      os << ")";
    }
    os << "\n";
  }
}
