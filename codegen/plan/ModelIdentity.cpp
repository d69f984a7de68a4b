//===- ModelIdentity.cpp - What a model computes, as text -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/plan/ModelIdentity.h"
#include "dialect/LnsShapes.h"
#include "passes/analysis/NormPlacement.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include <charconv>
#include <cmath>
#include <numeric>

using namespace mlir;
using namespace lns;

namespace {

/// The shortest text that reads back as the same number.
std::string formatNumber(double value) {
  char text[32];
  auto [end, code] = std::to_chars(text, std::end(text), value);
  return std::string(text, end);
}

/// Frequencies are computed by pow, whose last bit is not the same in every
/// mathematical library: two machines must not take one model for two.
std::string formatFrequency(double value) {
  char text[32];
  auto [end, code] = std::to_chars(text, std::end(text), value,
                                   std::chars_format::general, 12);
  return std::string(text, end);
}

/// Whether the op's frequencies are those of its base.
bool hasPlainFrequencies(RopeOp op) {
  std::optional<ArrayRef<double>> given = op.getFrequencies();
  if (!given)
    return true;
  double base = op.getBase().convertToDouble();
  for (auto [index, frequency] : llvm::enumerate(*given)) {
    double plain =
        std::pow(base, -2.0 * static_cast<double>(index) / op.getHeadDim());
    if (std::abs(frequency - plain) > 1e-12 * plain)
      return false;
  }
  return true;
}

std::string formatAttribute(Attribute attribute) {
  if (auto number = dyn_cast<FloatAttr>(attribute))
    return formatNumber(number.getValueAsDouble());
  if (auto flag = dyn_cast<BoolAttr>(attribute))
    return flag.getValue() ? "true" : "false";
  if (auto number = dyn_cast<IntegerAttr>(attribute))
    return llvm::itostr(number.getInt());
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  // "#lns<norm_kind rms>" is rms.
  StringRef inner = text;
  if (inner.consume_front("#lns<") && inner.consume_back(">"))
    return inner.rsplit(' ').second.str();
  return text;
}

/// "?x?x4x16".
std::string formatShape(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::ListSeparator separator("x");
  for (int64_t extent : shape) {
    text += StringRef(separator);
    text += ShapedType::isDynamic(extent) ? "?" : llvm::itostr(extent);
  }
  return text;
}

/// The text of one block's ops, as far as its terminator depends on them.
/// Values of the block are numbered in the order in which they are written;
/// those from outside in the order in which they are read.
class BlockWriter {
public:
  BlockWriter(Block &block, llvm::SetVector<Operation *> &live)
      : block(block), live(live) {}

  /// Writes what `roots` depend on, and then `terminator` of them.
  void write(ValueRange roots, StringRef terminator);

  std::vector<std::string> lines;
  SmallVector<Value> captured; ///< values from outside

private:
  std::string getName(Value value);
  void writeDependencies(Operation *root);
  void writeOp(Operation *op);
  std::string getAttributes(Operation *op);
  std::string getOperands(Operation *op);
  void writeLayers(LayersOp layers);
  BlockWriter &getBody(LayersOp layers);
  LayersOp getRunBefore(LayersOp layers);
  /// What must be written before the op.
  SmallVector<Value> getInputs(Operation *op);

  Block &block;
  llvm::SetVector<Operation *> &live;
  llvm::DenseMap<Value, std::string> names;
  llvm::StringMap<unsigned> numbers; ///< of lines: an op written twice is one
  llvm::DenseMap<Operation *, std::unique_ptr<BlockWriter>> bodies;
  llvm::SmallPtrSet<Operation *, 16> written;
  llvm::DenseMap<Operation *, uint64_t> firstBlocks;
};

void BlockWriter::write(ValueRange roots, StringRef terminator) {
  for (auto [index, argument] : llvm::enumerate(block.getArguments()))
    names[argument] = isa<ModelOp>(block.getParentOp())
                          ? "tokens"
                          : ("h" + llvm::Twine(index)).str();
  // Blocks are counted over the whole model, in the order of the text.
  uint64_t blocks = 0;
  for (auto layers : block.getOps<LayersOp>()) {
    firstBlocks[layers] = blocks;
    blocks += layers.getDepth();
  }
  for (Value root : roots)
    if (Operation *op = root.getDefiningOp())
      writeDependencies(op);
  std::string line = terminator.str();
  for (Value root : roots)
    line += " " + getName(root);
  lines.push_back(line);
}

std::string BlockWriter::getName(Value value) {
  auto it = names.find(value);
  if (it != names.end())
    return it->second;
  if (auto param = value.getDefiningOp<ParamOp>()) {
    std::string &name = names[value];
    llvm::raw_string_ostream os(name);
    os << '"';
    llvm::printEscapedString(param.getName(), os);
    os << '"';
    return name;
  }
  // Only values from outside have no name yet.
  names[value] = "^" + llvm::utostr(captured.size());
  captured.push_back(value);
  return names[value];
}

void BlockWriter::writeDependencies(Operation *root) {
  SmallVector<Operation *> stack = {root};
  while (!stack.empty()) {
    Operation *op = stack.back();
    if (op->getBlock() != &block || isa<ParamOp>(op) || written.contains(op)) {
      stack.pop_back();
      continue;
    }
    Operation *missing = nullptr;
    for (Value input : getInputs(op)) {
      Operation *source = input.getDefiningOp();
      if (source && source->getBlock() == &block && !isa<ParamOp>(source) &&
          !written.contains(source)) {
        missing = source;
        break;
      }
    }
    if (missing) {
      stack.push_back(missing);
      continue;
    }
    writeOp(op);
    written.insert(op);
    stack.pop_back();
  }
}

SmallVector<Value> BlockWriter::getInputs(Operation *op) {
  SmallVector<Value> inputs(op->getOperands());
  if (auto layers = dyn_cast<LayersOp>(op)) {
    // What a run of equal blocks starts from, not what its last part does.
    LayersOp first = layers;
    while (LayersOp before = getRunBefore(first))
      first = before;
    inputs.assign(first.getInits().begin(), first.getInits().end());
    llvm::append_range(inputs, getBody(layers).captured);
  }
  return inputs;
}

/// Absent operands of a group are written, so that a gain is never taken for a
/// bias. A norm's alpha and shift, the last groups, were not there from the
/// beginning: where there are none, texts stay what they were.
std::string BlockWriter::getOperands(Operation *op) {
  llvm::ListSeparator separator(", ");
  std::string text;
  llvm::raw_string_ostream os(text);
  auto groups = op->getAttrOfType<DenseI32ArrayAttr>("operandSegmentSizes");
  if (!groups) {
    for (Value operand : op->getOperands())
      os << separator << getName(operand);
    return text;
  }
  unsigned next = 0;
  ArrayRef<int32_t> sizes = groups.asArrayRef();
  if (auto norm = dyn_cast<NormOp>(op))
    sizes = sizes.drop_back(norm.getShift() ? 0 : norm.getAlpha() ? 1 : 2);
  for (int32_t size : sizes) {
    os << separator;
    if (size == 0)
      os << "-";
    llvm::ListSeparator space(" ");
    for (int32_t i = 0; i < size; ++i)
      os << space << getName(op->getOperand(next++));
  }
  return text;
}

/// All attributes that the op knows, in the order of the alphabet, so that one
/// that is added to the dialect is here by itself.
std::string BlockWriter::getAttributes(Operation *op) {
  SmallVector<StringRef> keys;
  for (StringAttr name : op->getName().getAttributeNames())
    keys.push_back(name.getValue());
  llvm::sort(keys);
  std::string text;
  llvm::raw_string_ostream os(text);
  auto rope = dyn_cast<RopeOp>(op);
  for (StringRef key : keys) {
    std::optional<Attribute> attribute = op->getInherentAttr(key);
    if (key == "operandSegmentSizes" || key == "resultSegmentSizes")
      continue;
    if (rope && key == (hasPlainFrequencies(rope) ? "frequencies" : "base"))
      continue;
    if (auto attention = dyn_cast<AttentionOp>(op);
        attention && key == "softmax_scale") {
      os << " " << key << "=" << formatNumber(attention.getEffectiveScale());
      continue;
    }
    if (!attribute || !*attribute)
      continue;
    os << " " << key;
    if (rope && key == "frequencies") {
      llvm::ListSeparator separator(",");
      os << "=";
      ArrayRef<double> frequencies = *rope.getFrequencies();
      for (double frequency : frequencies)
        os << separator << formatFrequency(frequency);
    } else if (!isa<UnitAttr>(*attribute)) {
      os << "=" << formatAttribute(*attribute);
    }
  }
  return text;
}

void BlockWriter::writeOp(Operation *op) {
  if (auto layers = dyn_cast<LayersOp>(op))
    return writeLayers(layers);
  std::string line = (op->getName().stripDialect() + "(" + getOperands(op) +
                      ")" + getAttributes(op))
                         .str();
  for (Type type : op->getResultTypes()) {
    auto tensor = cast<RankedTensorType>(type);
    // Other types follow from those of operands, which in the end are
    // parameters; not how a view splits or joins.
    if (isa<ReshapeOp>(op))
      line += " " + formatShape(tensor.getShape());
    else if (op->getNumOperands() == 0)
      line += (" " + llvm::Twine(formatAttribute(TypeAttr::get(tensor)))).str();
    else if (!tensor.getElementType().isF32())
      line += " " + formatAttribute(TypeAttr::get(tensor.getElementType()));
  }
  auto [it, isNew] = numbers.try_emplace(line, numbers.size());
  std::string name = "%" + llvm::utostr(it->second);
  for (auto [index, result] : llvm::enumerate(op->getResults()))
    names[result] =
        op->getNumResults() == 1 ? name : name + "." + llvm::utostr(index);
  if (!isNew)
    return;
  lines.push_back(name + " = " + line);
  live.insert(op);
}

BlockWriter &BlockWriter::getBody(LayersOp layers) {
  std::unique_ptr<BlockWriter> &body = bodies[layers];
  if (!body) {
    Block &inner = layers.getBody().front();
    body = std::make_unique<BlockWriter>(inner, live);
    body->write(inner.getTerminator()->getOperands(), "yield");
  }
  return *body;
}

/// The layers whose results are all that `layers` carries, in the same order,
/// and that have the same body. Nothing else reads them.
LayersOp BlockWriter::getRunBefore(LayersOp layers) {
  auto before = layers.getInits().front().getDefiningOp<LayersOp>();
  if (!before || before->getBlock() != &block ||
      !llvm::equal(before.getResults(), layers.getInits()))
    return nullptr;
  // What counts blocks goes on where the first ones end.
  for (Operation *op = before->getNextNode(); op != layers;
       op = op->getNextNode())
    if (!op || isa<LayersOp>(op))
      return nullptr;
  for (Value result : before.getResults())
    if (!result.hasOneUse())
      return nullptr;
  BlockWriter &first = getBody(before), &second = getBody(layers);
  if (first.lines != second.lines || first.captured != second.captured)
    return nullptr;
  return before;
}

void BlockWriter::writeLayers(LayersOp layers) {
  BlockWriter &body = getBody(layers);
  uint64_t depth = layers.getDepth();
  live.insert(layers);
  LayersOp first = layers;
  while (LayersOp before = getRunBefore(first)) {
    live.insert(before);
    first = before;
    depth += first.getDepth();
  }
  uint64_t begin = firstBlocks.lookup(first);
  std::string line = "layers(";
  SmallVector<std::string> inits;
  for (Value value : first.getInits())
    inits.push_back(getName(value));
  line += llvm::join(inits, ", ") + ") blocks=" + llvm::utostr(begin) + ".." +
          llvm::utostr(begin + depth - 1);
  for (Value value : body.captured)
    line += " " + getName(value);
  line += " {";
  // No other layers have these blocks.
  auto [it, isNew] = numbers.try_emplace(line, numbers.size());
  std::string name = "%" + llvm::utostr(it->second);
  for (auto [index, result] : llvm::enumerate(layers.getResults()))
    names[result] =
        layers.getNumResults() == 1 ? name : name + "." + llvm::utostr(index);
  lines.push_back(name + " = " + line);
  for (const std::string &inner : body.lines)
    lines.push_back("  " + inner);
  lines.push_back("}");
}

/// What people say of a model. Each value once, in the order of the ops.
class Facts {
public:
  Facts(ModelOp model, const llvm::SetVector<Operation *> &live)
      : model(model), live(live) {}

  std::vector<std::string> collect();

private:
  void add(StringRef key, const llvm::Twine &value) {
    SmallVector<std::string> &known = values[key];
    std::string text = value.str();
    if (!llvm::is_contained(known, text))
      known.push_back(std::move(text));
  }
  void addNorm(NormOp norm);
  void addAttention(AttentionOp attention);
  void addRope(RopeOp rope);
  void addHead();

  ModelOp model;
  const llvm::SetVector<Operation *> &live;
  llvm::MapVector<StringRef, SmallVector<std::string>> values;
  SmallVector<NormOp> norms;
  unsigned innerNorms = 0, linears = 0, biases = 0;
};

void Facts::addNorm(NormOp norm) {
  norms.push_back(norm);
  add("norm_kind", stringifyEnum(norm.getKind()));
  if (norm.isOfRows())
    add("eps", formatNumber(norm.getEps().convertToDouble()));
  if (double scale = norm.getScale().convertToDouble(); scale != 1)
    add("norm_scale", formatNumber(scale));
  if (getNormPlace(norm) == NormPlace::Inner)
    ++innerNorms;
}

void Facts::addAttention(AttentionOp attention) {
  add("heads", llvm::Twine(attention.getHeads()));
  add("kv_heads", llvm::Twine(attention.getKvHeads()));
  add("head_dim", llvm::Twine(attention.getHeadDim()));
  add("attention", attention.getCausal() ? "causal" : "full");
  double scale = attention.getEffectiveScale();
  if (scale != 1.0 / std::sqrt(static_cast<double>(attention.getHeadDim())))
    add("attention_scale", formatNumber(scale));
}

void Facts::addRope(RopeOp rope) {
  add("positions", "rope");
  std::string text;
  if (hasPlainFrequencies(rope)) {
    text = "base " + formatNumber(rope.getBase().convertToDouble());
  } else {
    // All of them are in the graph; here it is enough to tell two apart.
    ArrayRef<double> all = *rope.getFrequencies();
    text = llvm::utostr(all.size()) + " frequencies that add up to " +
           formatFrequency(std::accumulate(all.begin(), all.end(), 0.0));
  }
  add("rope", text);
  add("rope_dim", llvm::Twine(rope.getHeadDim()));
}

void Facts::addHead() {
  auto output = cast<OutputOp>(model.getBody().front().getTerminator());
  auto head = output.getLogits().getDefiningOp<LinearOp>();
  auto weight = head ? head.getWeight().getDefiningOp<ParamOp>() : ParamOp();
  if (!weight)
    return;
  bool tied = llvm::any_of(live, [&](Operation *op) {
    auto embedding = dyn_cast<EmbeddingOp>(op);
    auto table =
        embedding ? embedding.getTable().getDefiningOp<ParamOp>() : ParamOp();
    return table && table.getName() == weight.getName();
  });
  add("tied_head", tied ? "yes" : "no");
}

std::vector<std::string> Facts::collect() {
  // The order of the lines.
  for (StringRef key : {"norm", "inner_norms", "norm_kind", "eps", "norm_scale",
                        "layers", "heads", "kv_heads", "head_dim", "attention",
                        "attention_scale", "positions", "rope", "rope_dim",
                        "activation", "residual_scale", "biases", "tied_head"})
    values[key];
  int64_t depth = 0;
  for (Operation *op : live) {
    if (auto norm = dyn_cast<NormOp>(op)) {
      addNorm(norm);
    } else if (auto layers = dyn_cast<LayersOp>(op)) {
      depth += layers.getDepth();
    } else if (auto attention = dyn_cast<AttentionOp>(op)) {
      addAttention(attention);
    } else if (auto rope = dyn_cast<RopeOp>(op)) {
      addRope(rope);
    } else if (isa<AddPositionsOp>(op)) {
      add("positions", "learned");
    } else if (auto activation = dyn_cast<ActivationOp>(op)) {
      add("activation", stringifyEnum(activation.getActivation()));
    } else if (auto gated = dyn_cast<GatedActivationOp>(op)) {
      add("activation", stringifyEnum(gated.getActivation()) + " gated");
    } else if (auto residual = dyn_cast<ResidualOp>(op)) {
      double skip = residual.getSkipScale().convertToDouble();
      double branch = residual.getBranchScale().convertToDouble();
      if (skip != 1 || branch != 1)
        add("residual_scale", formatNumber(skip) + " of the stream, " +
                                  formatNumber(branch) + " of the branch");
    } else if (auto linear = dyn_cast<LinearOp>(op)) {
      ++linears;
      biases += linear.getBias() != nullptr;
    }
  }
  add("norm", getNormPlacement(norms));
  if (innerNorms != 0)
    add("inner_norms", llvm::Twine(innerNorms));
  add("layers", llvm::Twine(depth));
  if (values["positions"].empty())
    add("positions", "none");
  add("biases", biases == 0 ? "none" : biases == linears ? "all" : "some");
  addHead();
  std::vector<std::string> lines;
  for (const auto &[key, set] : values)
    if (!set.empty())
      lines.push_back((key + ": " + llvm::join(set, ", ")).str());
  return lines;
}

} // namespace

std::string lns::getModelIdentity(ModelOp model) {
  llvm::SetVector<Operation *> live;
  Block &body = model.getBody().front();
  BlockWriter graph(body, live);
  graph.write(body.getTerminator()->getOperands(), "output");
  std::string text = "lnsc model 1\n";
  for (const std::string &line : Facts(model, live).collect())
    text += line + "\n";
  text += "graph:\n";
  for (const std::string &line : graph.lines)
    text += line + "\n";
  return text;
}
