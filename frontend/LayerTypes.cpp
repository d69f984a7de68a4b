//===- LayerTypes.cpp - Which layers see a window of a sequence -*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Five keys speak of windows, and each family reads some of them. One that a
// family does not read may only say what is so anyway.
//
//===----------------------------------------------------------------------===//

#include "frontend/DecoderConfig.h"

using namespace mlir;
using namespace lns;

namespace {

constexpr int64_t kDefaultWindow = 4096; ///< of all families that have one
constexpr int64_t kDefaultMaxWindowLayers = 28;

class LayerTypesReader {
public:
  LayerTypesReader(JsonSection &root, JsonConfig &config,
                   DecoderConfig &decoder)
      : root(root), config(config), decoder(decoder), family(*decoder.family) {}

  void read() {
    readTypes();
    switch (family.window) {
    case WindowRule::None:
    case WindowRule::NoneByFlag:
      return refuse();
    case WindowRule::EveryLayer:
      return readEveryLayer();
    case WindowRule::ByFlag:
      return readByFlag();
    case WindowRule::ByPattern:
      return readByPattern();
    }
  }

private:
  void readTypes() {
    std::optional<SmallVector<StringRef>> names =
        root.getStrings("layer_types");
    if (!names)
      return;
    if (names->size() != static_cast<size_t>(decoder.layers)) {
      root.mismatch("layer_types")
          << "has " << names->size() << " entries, and " << decoder.keys.layers
          << " is " << decoder.layers << "; give one entry for each layer";
      return;
    }
    types.emplace();
    for (StringRef name : *names) {
      if (name != "full_attention" && name != "sliding_attention") {
        root.mismatch("layer_types") << "only \"full_attention\" and "
                                        "\"sliding_attention\" are supported";
        types.reset();
        return;
      }
      types->push_back(name == "sliding_attention");
    }
  }

  bool typesSlide() const { return types && llvm::is_contained(*types, true); }

  std::string quoteType() const {
    return ("\"" + family.modelType + "\"").str();
  }

  /// The window that the file asks for; none if it is null.
  std::optional<int64_t> readWindow() {
    std::optional<int64_t> window = root.getInteger("sliding_window", 1);
    if (!window && !config.contains("sliding_window"))
      return kDefaultWindow;
    return window;
  }

  void setWindow(std::optional<int64_t> window, SmallVector<bool> slides) {
    if (!window || !llvm::is_contained(slides, true))
      return;
    decoder.window = window;
    decoder.slides = std::move(slides);
  }

  /// Of families whose code has no window.
  void refuse() {
    bool flag = root.getBool("use_sliding_window")
                    .value_or(family.window == WindowRule::None);
    root.ignore({"sliding_window", "sliding_window_pattern"});
    if (flag && root.has("sliding_window"))
      root.mismatch("sliding_window")
          << "a model of type " << quoteType()
          << " is supported with attention to all earlier tokens only; set it "
             "to null if no sequence is longer than the window";
    if (typesSlide())
      root.mismatch("layer_types")
          << "a model of type " << quoteType()
          << " is supported with \"full_attention\" only";
  }

  /// Mistral: the window is that of all layers.
  void readEveryLayer() {
    std::optional<int64_t> window = readWindow();
    root.ignore({"sliding_window_pattern"});
    std::optional<bool> flag = root.getBool("use_sliding_window");
    if (window && flag && !*flag)
      root.mismatch("use_sliding_window")
          << "a model of type " << quoteType()
          << " does not read it, and has the window of " << *window
          << " that sliding_window says; set that to null";
    SmallVector<bool> slides(decoder.layers, window.has_value());
    if (types && *types != slides)
      root.mismatch("layer_types")
          << "a model of type " << quoteType() << " does not read it, and has "
          << (window ? "the window of sliding_window in every layer"
                     : "no window")
          << "; remove it";
    setWindow(window, std::move(slides));
  }

  /// Qwen 2 and 3: a flag asks for windows, of the layers from a number on.
  void readByFlag() {
    bool flag = root.getBool("use_sliding_window").value_or(false);
    std::optional<int64_t> window = readWindow();
    int64_t first = root.getInteger("max_window_layers", 0)
                        .value_or(kDefaultMaxWindowLayers);
    root.ignore({"sliding_window_pattern"});
    if (!flag)
      window.reset();
    if (!window && typesSlide()) {
      root.mismatch("layer_types") << "there is no window: "
                                   << (flag ? "sliding_window is null"
                                            : "use_sliding_window is not true")
                                   << "; make them agree";
      return;
    }
    SmallVector<bool> slides;
    for (int64_t layer = 0; layer < decoder.layers; ++layer)
      slides.push_back(types ? (*types)[layer] : layer >= first);
    setWindow(window, std::move(slides));
  }

  /// Gemma and EXAONE: all layers but every so many.
  void readByPattern() {
    std::optional<int64_t> window = readWindow();
    // What layer_types says goes before it, and then it may be any text.
    root.ignore({"use_sliding_window", "sliding_window_pattern"});
    std::optional<int64_t> given;
    if (!types)
      given = root.getInteger("sliding_window_pattern", 1);
    int64_t pattern = given.value_or(family.windowPattern);
    if (!family.readsWindowPattern && given && *given != family.windowPattern)
      root.mismatch("sliding_window_pattern")
          << "a model of type " << quoteType() << " does not read it, and has "
          << family.windowPattern << "; remove it, or give layer_types";
    SmallVector<bool> slides;
    for (int64_t layer = 0; layer < decoder.layers; ++layer)
      slides.push_back(types ? (*types)[layer] : (layer + 1) % pattern != 0);
    // Without a window EXAONE's layers are all full, if nothing else is said.
    bool canLack = family.ropeWithWindowOnly && !types;
    if (!window && llvm::is_contained(slides, true) && !canLack)
      config.error("sliding_window")
          << "sliding_window is null, but it is that of layers of type "
             "\"sliding_attention\"; give it, or layer_types of "
             "\"full_attention\" alone";
    if (window && family.ropeWithWindowOnly)
      decoder.rotates = slides;
    setWindow(window, std::move(slides));
  }

  JsonSection &root;
  JsonConfig &config;
  DecoderConfig &decoder;
  const Family &family;
  std::optional<SmallVector<bool>> types; ///< by layer, whether it slides
};

} // namespace

void lns::readLayerTypes(JsonSection &root, JsonConfig &config,
                         DecoderConfig &decoder) {
  LayerTypesReader(root, config, decoder).read();
}
