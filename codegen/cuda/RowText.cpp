//===- RowText.cpp - Row ops as CUDA text, by column vectors --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/RowText.h"
#include "codegen/cuda/KernelSet.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

using std::string;

StringRef cuda::getElementName(Value tensor) {
  StringRef name = getTypeName(elementOf(tensor));
  name.consume_front("lns::");
  return name;
}

void cuda::addIncludes(const RowProgram &program,
                       SmallVectorImpl<string> &includes) {
  bool needed = llvm::any_of(program.ops, [&](Operation *op) {
    auto rowOp = cast<RowOpInterface>(op);
    bool isOnNumbers =
        program.isRowScalar(op->getResult(0)) && !rowOp.isRowSum();
    auto needs = [&](const ScalarProgram &steps) {
      return needsFunctions(steps, steps.findUniform([&](unsigned i) {
        return isOnNumbers || rowOp.isUniform(i);
      }));
    };
    return needs(rowOp.getElementProgram(program.width)) ||
           needs(rowOp.getTermProgram(program.width)) ||
           needsFunctions(rowOp.getTotalProgram(program.width));
  });
  if (needed && !llvm::is_contained(includes, "functions.cuh"))
    includes.push_back("functions.cuh");
}

string cuda::getTimeText(const RowProgram &program, StringRef row) {
  string text = row.str();
  if (program.rowsPerTime != 1)
    text += " / " + std::to_string(program.rowsPerTime);
  return text + " % " + std::to_string(program.time);
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

RowNames::RowNames(const RowProgram &program) : program(program) {
  for (auto [i, product] : llvm::enumerate(program.products))
    names[product->getResult(0)] = "product" + std::to_string(i);
  for (auto [i, input] : llvm::enumerate(program.inputs))
    names.try_emplace(input, "in" + std::to_string(i));
  for (auto [i, op] : llvm::enumerate(program.ops)) {
    string number = "_" + std::to_string(i);
    string name = op->getName().stripDialect().str() + number;
    for (OpResult result : op->getResults())
      names[result] =
          op->getNumResults() == 1
              ? name
              : name + "_" + std::to_string(result.getResultNumber());
  }
}

StringRef RowNames::of(Value value) const { return names.find(value)->second; }

string RowNames::ofOp(Operation *op) const {
  if (op->getNumResults() == 1)
    return of(op->getResult(0)).str();
  size_t number = llvm::find(program.ops, op) - program.ops.begin();
  return op->getName().stripDialect().str() + "_" + std::to_string(number);
}

string RowNames::scale(Operation *op, unsigned i) const {
  return ofOp(op) + "_" + cast<RowOpInterface>(op).getArgumentNames()[i].str();
}

SmallVector<string> RowNames::allScales() const {
  SmallVector<string> all;
  for (auto [i, op] : llvm::enumerate(program.ops)) {
    unsigned end = i + 1 < program.ops.size()
                       ? program.firstFloat.lookup(program.ops[i + 1])
                       : program.floats.size();
    for (unsigned j = 0; all.size() < end; ++j)
      all.push_back(scale(op, j));
  }
  return all;
}

//===----------------------------------------------------------------------===//
// Numbers per row
//===----------------------------------------------------------------------===//

void RowScalarText::printScalars(llvm::raw_ostream &os, unsigned indent) {
  for (Value input : program.inputs) {
    if (!program.isScalar(input))
      continue;
    string pointer = names.of(input).str();
    string name = scalars[input] = pointer + "_scalar";
    os.indent(indent) << "const float " << name << " = " << pointer << "[0];\n";
  }
}

string RowScalarText::ofOperand(Operation *op, unsigned operand) const {
  if (operand == op->getNumOperands())
    return of(op); // the row's total
  Value value = op->getOperand(operand);
  bool isScalar =
      cast<RowOpInterface>(op).getRowOperand(operand) == RowOperand::scalar;
  return isScalar ? scalars.lookup(value) : of(value);
}

void RowScalarText::print(int phase, llvm::raw_ostream &os, unsigned indent) {
  auto define = [&](const string &name, const string &expression) {
    os.indent(indent) << "const float " << name << " = " << expression << ";\n";
    return name;
  };
  for (Operation *op : program.ops) {
    auto rowOp = cast<RowOpInterface>(op);
    Value result = op->getResult(0);
    if (rowOp.isReduction())
      continue;
    ScalarProgram element = rowOp.getElementProgram(program.width);
    ScalarText text(element);
    string name = names.ofOp(op);
    text.operand = [&](unsigned i) { return ofOperand(op, i); };
    text.argument = [&](unsigned i) { return names.scale(op, i); };
    text.define = [&](unsigned step, const string &expression) {
      return define(name + "_s" + std::to_string(step), expression);
    };
    if (program.isRowScalar(result)) {
      if (phases.of(result) != phase)
        continue;
      string expression = text.print(element.getResults()[0]);
      if (program.isOutput(result) && getElementName(result) == "bf16")
        expression = "toFloat(fromFloat<bf16>(" + expression + "))";
      known[result] = define(names.of(result).str(), expression);
      continue;
    }
    // What an op computes of the row's numbers alone, once for all columns.
    auto isUniform = [&](unsigned i) { return rowOp.isUniform(i); };
    int from = 0;
    for (OpOperand &operand : op->getOpOperands())
      if (isUniform(operand.getOperandNumber()))
        from = std::max(from, phases.of(operand.get()));
    if (from != phase)
      continue;
    SmallVector<bool> uniform = element.findUniform(isUniform);
    for (auto [i, step] : llvm::enumerate(element.getSteps()))
      for (unsigned j = 0; j < step.arity() && !uniform[i]; ++j) {
        unsigned read = step.read(j);
        if (!uniform[read] || element.getSteps()[read].isLeaf())
          continue;
        string &factor = factors[{op, read}];
        if (factor.empty())
          factor =
              define(name + "_factor" + std::to_string(read), text.print(read));
      }
  }
}

//===----------------------------------------------------------------------===//
// Column vectors
//===----------------------------------------------------------------------===//

string ColumnText::nameOf(Value value, unsigned half) const {
  string name = names.of(value).str();
  if (halves() == 2)
    return name + (half == 0 ? "_low" : "_high");
  if (half == 1)
    return name + "_partner";
  // An input's name is that of its pointer.
  return llvm::is_contained(program.inputs, value) ? name + "_at" : name;
}

string ColumnText::floats() const {
  return "Floats<" + std::to_string(place.lanes) + ">";
}

void ColumnText::define(const string &type, const string &name,
                        const string &expression) {
  os.indent(indent) << "const " << type << " " << name << " = " << expression
                    << ";\n";
}

string ColumnText::loadFrom(const string &pointer) const {
  if (!place.count.empty())
    return "loadSome(" + pointer + ", " + place.count + ")";
  return "loadFloats<" + std::to_string(place.lanes) + ">(" + pointer + ")";
}

string ColumnText::storeTo(const string &pointer, Value value, unsigned half) {
  string columns = stored(value, half);
  string flag = flagOf ? flagOf(value) : "";
  if (!flag.empty())
    flag = "if (" + flag + ") ";
  if (!place.count.empty())
    return flag + "storeSome(" + pointer + ", " + columns + ", " + place.count +
           ");";
  return flag + "storeColumns(" + pointer + ", " + columns + ");";
}

string ColumnText::columnOf(unsigned half) const {
  if (half == 0)
    return place.column;
  if (!place.shift.empty())
    return place.column + " + " + place.shift;
  return place.column + " + " + std::to_string(program.headDim / 2);
}

string ColumnText::column(Value value, unsigned half) {
  if (string name = known.lookup({value, half}); !name.empty())
    return name;
  string name = nameOf(value, half);
  string expression = load(value, half);
  bool isComputed = expression.empty();
  if (isComputed)
    expression = program.isProductResult(value)
                     ? computeProduct(value, half)
                     : expressionOf(cast<OpResult>(value), half);
  if (isComputed && program.isOutput(value) &&
      getElementName(value) == "bf16") {
    // Rounded where it is computed.
    string bits = inMemory[{value, half}] = name + "_stored";
    string flag = flagOf ? flagOf(value) : "";
    if (!flag.empty()) {
      define(floats(), name + "_exact", expression);
      expression = name + "_exact";
    }
    define("Columns<bf16, " + std::to_string(place.lanes) + ">", bits,
           "toColumns<bf16>(" + expression + ")");
    expression = flag.empty()
                     ? "toFloats(" + bits + ")"
                     : flag + " ? toFloats(" + bits + ") : " + expression;
  }
  define(floats(), name, expression);
  return known[{value, half}] = name;
}

string ColumnText::stored(Value value, unsigned half) {
  string numbers = column(value, half);
  string &name = inMemory[{value, half}];
  if (name.empty()) {
    name = numbers + "_stored";
    string type = getElementName(value).str();
    define("Columns<" + type + ", " + std::to_string(place.lanes) + ">", name,
           "toColumns<" + type + ">(" + numbers + ")");
  }
  return name;
}

string ColumnText::shared(Value value, unsigned half) {
  string &name = sharedColumns[{value, half}];
  if (name.empty()) {
    name = names.of(value).str() + "_columns" +
           (halves() == 2 ? half == 0 ? "_low" : "_high"
            : half == 0   ? ""
                          : "_partner");
    define(floats(), name,
           loadFrom(names.of(value).str() + " + " + columnOf(half)));
  }
  return name;
}

string ColumnText::rotate(RopeOp op, unsigned half) {
  string cos = names.cosines(op) + "_at", sin = names.sines(op) + "_at";
  if (haveTables.insert(op).second) {
    string at = " + " + place.time + " * " +
                std::to_string(program.headDim / 2) + " + " + place.place;
    define(floats(), cos, loadFrom(names.cosines(op) + at));
    define(floats(), sin,
           (place.rotation.empty() ? "" : place.rotation + " * ") +
               loadFrom(names.sines(op) + at));
  }
  // low: a cos - b sin, high: b cos + a sin; backwards sin changes sign.
  string own = column(op.getInput(), half),
         other = column(op.getInput(), 1 - half);
  bool minus = (half == 1) == op.getInverse();
  // `rotation` is the sign of a vector's own sines, and of its partner's not.
  if (!place.rotation.empty())
    minus = !minus;
  return own + " * " + cos + (minus ? " - " : " + ") + other + " * " + sin;
}

ScalarText ColumnText::textOf(const ScalarProgram &steps, Operation *op,
                              unsigned half) {
  auto rowOp = cast<RowOpInterface>(op);
  ScalarText text(steps, place.lanes, steps.findUniform([&](unsigned i) {
    return rowOp.isUniform(i);
  }));
  text.operand = [this, op, half](unsigned i) -> string {
    auto rowOp = cast<RowOpInterface>(op);
    if (rowOp.isUniform(i))
      return scalars.ofOperand(op, i);
    Value value = op->getOperand(i);
    switch (rowOp.getRowOperand(i)) {
    case RowOperand::row:
      return column(value, half);
    case RowOperand::number:
    case RowOperand::scalar:
    case RowOperand::starts:
      break;
    case RowOperand::columns:
      return shared(value, half);
    case RowOperand::positions:
      return loadFrom(names.of(value).str() + " + " + place.time + " * " +
                      std::to_string(program.width) + "ll + " + columnOf(half));
    }
    llvm_unreachable("what is the same for all columns is above");
  };
  text.argument = [this, op](unsigned i) { return names.scale(op, i); };
  return text;
}

string ColumnText::expressionOf(OpResult result, unsigned half) {
  Operation *op = result.getOwner();
  if (auto rope = dyn_cast<RopeOp>(op))
    return rotate(rope, half);
  ScalarProgram element =
      cast<RowOpInterface>(op).getElementProgram(program.width);
  ScalarText text = textOf(element, op, half);
  std::map<unsigned, string> &variables = steps[{op, half}];
  text.known = [&](unsigned step) {
    string factor = scalars.of(op, step);
    return factor.empty() ? variables[step] : factor;
  };
  text.define = [&](unsigned step, const string &expression) {
    string name = names.ofOp(op) + "_s" + std::to_string(step) +
                  (half == 0             ? ""
                   : place.shift.empty() ? "_high"
                                         : "_partner");
    define(text.isVector(step) ? floats() : "float", name, expression);
    return variables[step] = name;
  };
  return text.printVector(element.getResults()[result.getResultNumber()]);
}

string ColumnText::accumulate(Operation *op, const string &sum, unsigned half) {
  ScalarProgram term = cast<RowOpInterface>(op).getTermProgram(program.width);
  ScalarText text = textOf(term, op, half);
  unsigned result = term.getResults()[0];
  const ScalarStep &last = term.getSteps()[result];
  if (last.kind != ScalarStep::mul)
    return "sumOf(" + text.printVector(result) + ", " + sum + ")";
  string x = text.printVector(last.a);
  return "dot(" + x + ", " + text.printVector(last.b) + ", " + sum + ")";
}
