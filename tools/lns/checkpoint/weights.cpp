//===- weights.cpp - Tensors from files into a store ----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/checkpoint/weights.h"

#include "tools/lns/base/printable.h"
#include "tools/lns/checkpoint/families.h"
#include "tools/lns/checkpoint/fold_mark.h"
#include "tools/lns/checkpoint/tensor_names.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

namespace lns::tool {

using Tensors = std::map<std::string, WeightFiles::Tensor>;

static constexpr const char *headName = "lm_head.weight";

//===----------------------------------------------------------------------===//
// Comparing
//===----------------------------------------------------------------------===//

namespace {
/// What a store asks for under one name.
struct Wanted {
  std::string name;
  const TensorDescription *tensor;
  TensorKind kind;
  size_t index;
};

/// Differences of one kind, of which a message shows a few.
class Differences {
public:
  void add(std::string text) {
    if (count++ < shown)
      texts.push_back(std::move(text));
  }
  size_t size() const { return count; }

  /// "tensor X is missing", "3 tensors are missing: X, Y, Z".
  std::string describe(std::string_view one, std::string_view many) const {
    if (count == 1)
      return fmt::format("tensor {}{}", texts[0], one);
    return fmt::format("{} tensors {}: {}{}", count, many,
                       fmt::join(texts, ", "), count > shown ? ", ..." : "");
  }

private:
  static constexpr size_t shown = 5;
  std::vector<std::string> texts;
  size_t count = 0;
};
} // namespace

static std::string quotedName(std::string_view name) {
  return "'" + printable(name, 80) + "'";
}

static std::vector<Wanted> wantedBy(const TensorStore &store,
                                    const std::vector<Section> &sections) {
  std::vector<Wanted> all;
  for (const Section &section : sections)
    for (size_t i = 0; i < store.tensors().size(); ++i) {
      const TensorDescription &tensor = store.tensors()[i];
      if (!tensor.has(section.kind))
        continue;
      all.push_back({section.prefix + tensor.name, &tensor, section.kind, i});
    }
  return all;
}

static bool isFloat(const std::string &dtype) {
  return dtype == "F32" || dtype == "F64" || dtype == "BF16" || dtype == "F16";
}

/// The embedding that a model without a head of its own takes for one, "" if it
/// is not known by its name.
static std::string tiedEmbedding(const std::vector<Wanted> &wanted) {
  for (const Wanted &w : wanted)
    for (std::string_view end : {"embed_tokens.weight", "wte.weight"})
      if (w.name == end || w.name.ends_with("." + std::string(end)))
        return w.name;
  return "";
}

/// Compares what there is with what is wanted, and names all that differs.
static Status compare(const std::string &path, const Tensors &found,
                      const std::vector<Wanted> &wanted) {
  Differences missing, unknown, shapes, types;
  std::set<std::string> known;
  bool headIsMissing = false;
  for (const Wanted &w : wanted) {
    known.insert(w.name);
    auto it = found.find(w.name);
    if (it == found.end()) {
      missing.add(quotedName(w.name));
      headIsMissing |= w.name == headName;
      continue;
    }
    const SafetensorsEntry &entry = *it->second.entry;
    if (entry.shape != w.tensor->shape)
      shapes.add(fmt::format("{} has shape {}, the plan has {}",
                             quotedName(w.name), formatShape(entry.shape),
                             formatShape(w.tensor->shape)));
    else if (!isFloat(entry.dtype))
      types.add(fmt::format("{} has dtype {}, expected F32, F64, F16 or BF16",
                            quotedName(w.name), entry.dtype));
  }
  std::string hint;
  for (const auto &[name, tensor] : found) {
    if (known.contains(name) || tensor.entry->elements == 0 ||
        isConstantTable(name))
      continue;
    unknown.add(quotedName(name));
    if (hint.empty())
      hint = hintOf(name);
  }

  std::vector<std::string> problems;
  if (missing.size() > 0)
    problems.push_back(missing.describe(" is missing", "are missing"));
  if (unknown.size() > 0)
    problems.push_back(
        unknown.describe(" is unknown to the plan", "are unknown to the plan"));
  if (shapes.size() > 0)
    problems.push_back(shapes.describe("", "have other shapes"));
  if (types.size() > 0)
    problems.push_back(types.describe("", "have types of no parameter"));
  if (problems.empty())
    return Status::success();
  std::string embedding = tiedEmbedding(wanted);
  if (headIsMissing && found.contains(embedding) && missing.size() == 1)
    hint = fmt::format("the file's model ties it to {}, the plan does not: "
                       "compile it with \"tie_word_embeddings\": true",
                       quotedName(embedding));
  if (hint.empty())
    hint = missing.size() > 0 || unknown.size() > 0
               ? "the file does not belong to this plan"
               : "compile the plan for this model";
  return Status::failure(
      fmt::format("{}: {}; {}", path, fmt::join(problems, "; "), hint));
}

/// Reads what compare() has accepted.
static Status readAll(const WeightFiles &files, const Tensors &found,
                      const std::vector<Wanted> &wanted, TensorStore &store) {
  std::vector<float> buffer;
  for (const Wanted &w : wanted) {
    buffer.resize(w.tensor->elements);
    LNS_RETURN_IF_ERROR(files.readF32(found.at(w.name), buffer));
    LNS_RETURN_IF_ERROR(store.write(w.kind, w.index, buffer));
  }
  return Status::success();
}

Status checkSections(const WeightFiles &file, TensorStore &store,
                     const std::vector<Section> &sections) {
  return compare(file.path(), file.tensors(), wantedBy(store, sections));
}

Status readSections(const WeightFiles &file, TensorStore &store,
                    const std::vector<Section> &sections) {
  return readAll(file, file.tensors(), wantedBy(store, sections), store);
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

/// Moves every tensor whose name `rename` changes.
template <typename Rename>
static Status renameAll(const std::string &path, Tensors &found,
                        Rename &&rename) {
  Tensors renamed;
  for (const auto &[name, tensor] : found) {
    std::string target = rename(name);
    auto [it, isNew] = renamed.insert({target, tensor});
    if (!isNew)
      return Status::failure(
          fmt::format("{}: tensors {} and {} are both taken for {}; remove one",
                      path, quotedName(it->second.entry->name),
                      quotedName(tensor.entry->name), quotedName(target)));
  }
  found = std::move(renamed);
  return Status::success();
}

/// Gives tensors the names that the plan has, where only a prefix differs.
static Status adoptNames(const std::string &path,
                         const std::set<std::string> &names, Tensors &found,
                         std::vector<std::string> &notes) {
  std::set<std::string> stripped;
  LNS_RETURN_IF_ERROR(renameAll(path, found, [&](const std::string &name) {
    return names.contains(name) ? name : withoutWrappers(name, stripped);
  }));
  auto fits = [&](const auto &entry) { return names.contains(entry.first); };
  if (std::none_of(found.begin(), found.end(), fits))
    if (std::string prefix = commonPrefix(names, found); !prefix.empty()) {
      stripped.insert(prefix);
      LNS_RETURN_IF_ERROR(renameAll(path, found, [&](const std::string &name) {
        return name.starts_with(prefix) ? name.substr(prefix.size()) : name;
      }));
    }
  if (!stripped.empty())
    notes.push_back(
        fmt::format("{}: names of tensors are taken without '{}'", path,
                    printable(fmt::format("{}", fmt::join(stripped, "', '")))));

  // A model saved without its head lacks the first part of all names.
  for (const std::string prefix : {"model.", "transformer."}) {
    auto hasPrefix = [&](const auto &entry) {
      return entry.first.starts_with(prefix);
    };
    auto lacksPrefix = [&](const auto &entry) {
      return !names.contains(entry.first) &&
             names.contains(prefix + entry.first);
    };
    if (std::any_of(found.begin(), found.end(), hasPrefix) ||
        std::none_of(found.begin(), found.end(), lacksPrefix))
      continue;
    LNS_RETURN_IF_ERROR(renameAll(path, found, [&](const std::string &name) {
      bool lacks = !names.contains(name) && names.contains(prefix + name);
      return lacks ? prefix + name : name;
    }));
    notes.push_back(fmt::format("{}: names of tensors are taken with '{}' in "
                                "front",
                                path, prefix));
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Tied embeddings
//===----------------------------------------------------------------------===//

/// Position of the first element whose bits differ, or the number of elements.
static Expected<uint64_t> firstDifference(const WeightFiles &files,
                                          const WeightFiles::Tensor &a,
                                          const WeightFiles::Tensor &b) {
  std::vector<float> left(1 << 18), right(left.size());
  for (uint64_t at = 0; at < a.entry->elements;) {
    uint64_t count = std::min<uint64_t>(left.size(), a.entry->elements - at);
    LNS_RETURN_IF_ERROR(files.readF32(a, std::span(left).first(count), at));
    LNS_RETURN_IF_ERROR(files.readF32(b, std::span(right).first(count), at));
    for (uint64_t i = 0; i < count; ++i)
      if (std::memcmp(&left[i], &right[i], sizeof(float)) != 0)
        return at + i;
    at += count;
  }
  return a.entry->elements;
}

/// A plan with one tensor for embedding and head takes either name.
static Status adoptTiedHead(const WeightFiles &files,
                            const std::vector<Wanted> &wanted, Tensors &found,
                            std::vector<std::string> &notes) {
  auto head = found.find(headName);
  std::string name = tiedEmbedding(wanted);
  bool hasHead = std::any_of(wanted.begin(), wanted.end(), [](const Wanted &w) {
    return w.name == headName;
  });
  if (hasHead || head == found.end() || name.empty())
    return Status::success();
  auto embedding = found.find(name);
  if (embedding == found.end()) {
    notes.push_back(fmt::format("{}: '{}' is taken for {}, which the plan ties",
                                files.path(), headName, quotedName(name)));
    found[name] = head->second;
  } else {
    const SafetensorsEntry &a = *embedding->second.entry;
    const SafetensorsEntry &b = *head->second.entry;
    std::string difference;
    if (a.shape != b.shape) {
      difference = fmt::format("have shapes {} and {}", formatShape(a.shape),
                               formatShape(b.shape));
    } else if (isFloat(a.dtype) && isFloat(b.dtype)) {
      Expected<uint64_t> first =
          firstDifference(files, embedding->second, head->second);
      if (!first)
        return first.status();
      if (*first < a.elements)
        difference = fmt::format("differ at element {}", *first);
    } else {
      difference = fmt::format("have dtypes {} and {}", a.dtype, b.dtype);
    }
    if (!difference.empty())
      return Status::failure(fmt::format(
          "{}: tensors {} and '{}' {}, the plan ties them; compile it with "
          "\"tie_word_embeddings\": false",
          files.path(), quotedName(name), headName, difference));
  }
  found.erase(headName);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

/// The layout of the files; null where they have the model's own.
static const FileLayout *findLayout(const Tensors &found,
                                    const std::vector<NamedShape> &parameters) {
  for (const FamilyInfo &family : allFamilies()) {
    if (!family.layout)
      continue;
    auto isSign = [&](const std::string &name) {
      return name.ends_with(family.layout->sign);
    };
    if (std::any_of(found.begin(), found.end(),
                    [&](const auto &entry) { return isSign(entry.first); }) &&
        std::none_of(parameters.begin(), parameters.end(),
                     [&](const auto &own) { return isSign(own.name); }))
      return family.layout;
  }
  return nullptr;
}

Expected<std::vector<TensorView>>
matchParameters(const WeightFiles &files,
                const std::vector<TensorDescription> &tensors,
                std::vector<std::string> &notes) {
  std::vector<NamedShape> parameters;
  for (const TensorDescription &tensor : tensors)
    parameters.push_back({tensor.name, tensor.shape});
  std::vector<FileTensor> laidOut =
      layOut(findLayout(files.tensors(), parameters), parameters);
  std::vector<TensorDescription> asked;
  for (const FileTensor &tensor : laidOut)
    asked.push_back({tensor.name, tensor.shape, /*elements=*/0});
  std::vector<Wanted> wanted;
  std::set<std::string> names;
  for (size_t i = 0; i < asked.size(); ++i) {
    wanted.push_back({asked[i].name, &asked[i], TensorKind::Parameter, i});
    names.insert(asked[i].name);
  }
  Tensors found = files.tensors();
  LNS_RETURN_IF_ERROR(adoptNames(files.path(), names, found, notes));
  LNS_RETURN_IF_ERROR(adoptTiedHead(files, wanted, found, notes));
  LNS_RETURN_IF_ERROR(compare(files.path(), found, wanted));
  std::vector<TensorView> matched(tensors.size());
  for (const FileTensor &tensor : laidOut) {
    TensorView view = {found.at(tensor.name), tensor.isTransposed};
    if (view.isTransposed) {
      view.stride = static_cast<uint64_t>(tensor.shape.back());
      if (tensor.shape.size() == 2)
        view.columns = static_cast<uint64_t>(tensor.shape[0]);
    }
    for (size_t part : tensor.parts) {
      matched[part] = view;
      if (!view.isTransposed)
        continue;
      view.begin += static_cast<uint64_t>(tensors[part].shape[0]);
    }
  }
  return matched;
}

Status loadParameters(const WeightFiles &files, TensorStore &store,
                      std::vector<std::string> &notes) {
  Expected<std::vector<TensorView>> matched =
      matchParameters(files, store.tensors(), notes);
  if (!matched)
    return matched.status();
  std::vector<float> buffer;
  for (size_t i = 0; i < matched->size(); ++i) {
    buffer.resize(store.tensors()[i].elements);
    LNS_RETURN_IF_ERROR(readView(files, (*matched)[i], buffer));
    LNS_RETURN_IF_ERROR(store.write(TensorKind::Parameter, i, buffer));
  }
  return Status::success();
}

Status loadParameters(const std::string &path, TensorStore &store,
                      std::vector<std::string> &notes) {
  Expected<WeightFiles> files = WeightFiles::open(path);
  if (!files)
    return files.status();
  Expected<std::optional<FoldMark>> mark =
      readMetadataMark(files->metadata(markKey), files->path());
  if (!mark)
    return mark.status();
  if (*mark && (*mark)->unfolds())
    return Status::failure(
        fmt::format("{}: its gains hold the scales of the scheme '{}', which "
                    "the module has as well; make a checkpoint of it with 'lns "
                    "ckpt import-hf'",
                    files->path(), printable((*mark)->norm, 80)));
  return loadParameters(*files, store, notes);
}

} // namespace lns::tool
