//===- ModelIdentity.cpp - What a model computes, as text -------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/plan/ModelIdentity.h"
#include "codegen/plan/ModelFacts.h"
#include "dialect/BlockTypes.h"
#include "dialect/LnsShapes.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace lns;

namespace {

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
  /// `type` is that of the block in lns.layers, if it has one.
  BlockWriter(Block &block, llvm::SetVector<Operation *> &live,
              StringRef type = "")
      : block(block), live(live), type(type) {}

  /// Writes what `roots` depend on, and then `terminator` of them.
  void write(ValueRange roots, StringRef terminator);

  std::vector<std::string> lines;
  SmallVector<Value> captured; ///< values from outside

private:
  std::string getName(Value value);
  void writeDependencies(Operation *root);
  void writeOp(Operation *op);
  std::string getLine(Operation *op);
  std::string getAttributes(Operation *op);
  std::string getOperands(Operation *op);
  void writeLayers(LayersOp layers);
  void writeTypedLayers(LayersOp layers);
  SmallVector<std::string> writeRun(ArrayRef<std::string> inits, uint64_t begin,
                                    uint64_t depth, const BlockWriter &body,
                                    unsigned count);
  BlockWriter &getBody(LayersOp layers, StringRef type = "");
  LayersOp getRunBefore(LayersOp layers);
  bool computesSame(const BlockWriter &other) const {
    return lines == other.lines && captured == other.captured;
  }
  /// What must be written before the op.
  SmallVector<Value> getInputs(Operation *op);

  Block &block;
  llvm::SetVector<Operation *> &live;
  StringRef type;
  llvm::DenseMap<Value, std::string> names;
  llvm::StringMap<unsigned> numbers; ///< of lines: an op written twice is one
  llvm::DenseMap<std::pair<Operation *, StringRef>,
                 std::unique_ptr<BlockWriter>>
      bodies; ///< of lns.layers, and of each of their types
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
    if (!layers.getTypes())
      llvm::append_range(inputs, getBody(layers).captured);
    else
      for (StringRef type : layers.getTypes()->getAsValueRange<StringAttr>())
        llvm::append_range(inputs, getBody(layers, type).captured);
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

/// `op`, which has no `by_type`.
std::string BlockWriter::getLine(Operation *op) {
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
  return line;
}

void BlockWriter::writeOp(Operation *op) {
  if (auto layers = dyn_cast<LayersOp>(op))
    return writeLayers(layers);
  if (isLeftOut(op, type)) {
    names[op->getResult(0)] = getName(op->getOperand(0));
    return;
  }
  std::string line;
  if (op->hasAttr(kByType)) {
    Operation *special = op->clone();
    specialize(special, type);
    line = getLine(special);
    special->destroy();
  } else {
    line = getLine(op);
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

BlockWriter &BlockWriter::getBody(LayersOp layers, StringRef type) {
  std::unique_ptr<BlockWriter> &body = bodies[{layers, type}];
  if (!body) {
    Block &inner = layers.getBody().front();
    body = std::make_unique<BlockWriter>(inner, live, type);
    body->write(inner.getTerminator()->getOperands(), "yield");
  }
  return *body;
}

/// The layers whose results are all that `layers` carries, in the same order,
/// and that have the same body. Nothing else reads them.
LayersOp BlockWriter::getRunBefore(LayersOp layers) {
  if (layers.getTypes())
    return nullptr;
  auto before = layers.getInits().front().getDefiningOp<LayersOp>();
  if (!before || before->getBlock() != &block || before.getTypes() ||
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
  return getBody(before).computesSame(getBody(layers)) ? before : nullptr;
}

/// `depth` blocks with one body, from block `begin` on, of these values; gives
/// the names of their `count` results.
SmallVector<std::string> BlockWriter::writeRun(ArrayRef<std::string> inits,
                                               uint64_t begin, uint64_t depth,
                                               const BlockWriter &body,
                                               unsigned count) {
  std::string line = "layers(" + llvm::join(inits, ", ") +
                     ") blocks=" + llvm::utostr(begin) + ".." +
                     llvm::utostr(begin + depth - 1);
  for (Value value : body.captured)
    line += " " + getName(value);
  line += " {";
  // No other layers have these blocks.
  auto [it, isNew] = numbers.try_emplace(line, numbers.size());
  std::string name = "%" + llvm::utostr(it->second);
  lines.push_back(name + " = " + line);
  for (const std::string &inner : body.lines)
    lines.push_back("  " + inner);
  lines.push_back("}");
  SmallVector<std::string> results;
  for (unsigned i = 0; i < count; ++i)
    results.push_back(count == 1 ? name : name + "." + llvm::utostr(i));
  return results;
}

/// Blocks of one type after those of another are what they would be in
/// lns.layers of their own.
void BlockWriter::writeTypedLayers(LayersOp layers) {
  live.insert(layers);
  uint64_t first = firstBlocks.lookup(layers), depth = layers.getDepth();
  SmallVector<std::string> carried, results;
  for (Value value : layers.getInits())
    carried.push_back(getName(value));
  for (uint64_t begin = 0, end; begin < depth; begin = end) {
    BlockWriter &body = getBody(layers, layers.getBlockType(begin));
    end = begin + 1;
    while (end < depth &&
           body.computesSame(getBody(layers, layers.getBlockType(end))))
      ++end;
    results = writeRun(carried, first + begin, end - begin, body,
                       layers.getNumResults());
    carried.assign(results.begin(), results.begin() + carried.size());
  }
  for (auto [result, name] : llvm::zip_equal(layers.getResults(), results))
    names[result] = name;
}

void BlockWriter::writeLayers(LayersOp layers) {
  if (layers.getTypes())
    return writeTypedLayers(layers);
  BlockWriter &body = getBody(layers);
  uint64_t depth = layers.getDepth();
  live.insert(layers);
  LayersOp first = layers;
  while (LayersOp before = getRunBefore(first)) {
    live.insert(before);
    first = before;
    depth += first.getDepth();
  }
  SmallVector<std::string> inits;
  for (Value value : first.getInits())
    inits.push_back(getName(value));
  SmallVector<std::string> results = writeRun(
      inits, firstBlocks.lookup(first), depth, body, layers.getNumResults());
  for (auto [result, name] : llvm::zip_equal(layers.getResults(), results))
    names[result] = name;
}

} // namespace

std::string lns::getModelIdentity(ModelOp model) {
  llvm::SetVector<Operation *> live;
  Block &body = model.getBody().front();
  BlockWriter graph(body, live);
  graph.write(body.getTerminator()->getOperands(), "output");
  std::string text = "lnsc model 1\n";
  for (const std::string &line : collectFacts(model, live))
    text += line + "\n";
  text += "graph:\n";
  for (const std::string &line : graph.lines)
    text += line + "\n";
  return text;
}
