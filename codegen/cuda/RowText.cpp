//===- RowText.cpp - Row ops as CUDA text, by column vectors --------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/RowText.h"
#include "codegen/cuda/KernelSet.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

using std::string;

StringRef cuda::getElementName(Value tensor) {
  StringRef name = getTypeName(elementOf(tensor));
  name.consume_front("lns::");
  return name;
}

/// The functors of activations.cuh.
static StringRef getFunctor(Activation activation) {
  switch (activation) {
  case Activation::silu:
    return "Silu";
  case Activation::gelu_tanh:
    return "GeluTanh";
  case Activation::relu:
    return "Relu";
  }
  llvm_unreachable("all activations are named above");
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
    if (auto grad = dyn_cast<GatedActivationGradOp>(op)) {
      names[grad.getGateGrad()] = "gate_grad" + number;
      names[grad.getUpGrad()] = "up_grad" + number;
    } else {
      names[op->getResult(0)] = op->getName().stripDialect().str() + number;
    }
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
  StringRef name = TypeSwitch<Operation *, StringRef>(op)
                       .Case<ResidualOp>([&](auto) {
                         return i == 0 ? "skip_scale" : "branch_scale";
                       })
                       .Case<ScaleOp>([](auto) { return "factor"; })
                       .Case<RowRstdOp>([](auto) { return "eps"; })
                       .Default([](Operation *) { return "scale"; });
  return ofOp(op) + "_" + name.str();
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

void RowScalarText::print(int phase, llvm::raw_ostream &os, unsigned indent) {
  auto define = [&](const string &name, const string &expression) {
    os.indent(indent) << "const float " << name << " = " << expression << ";\n";
    return name;
  };
  for (Operation *op : program.ops) {
    if (auto grad = dyn_cast<RowRstdGradOp>(op)) {
      int from = std::max(phases.of(grad.getRstd()), phases.of(grad.getGrad()));
      if (from != phase)
        continue;
      // dx = -x r^3 / K dr, of which a relative gradient brings one r.
      string r = of(grad.getRstd());
      byOp[op] = define(names.ofOp(op) + "_factor",
                        r + " * " + r + (grad.getRelative() ? "" : " * " + r) +
                            " * " + of(grad.getGrad()) + " * (-1.0f / " +
                            std::to_string(program.width) + ".0f)");
      continue;
    }
    Value result = op->getResult(0);
    if (RowPhases::isReduction(op) || !program.isRowScalar(result) ||
        phases.of(result) != phase)
      continue;
    string a = of(op->getOperand(0));
    string expression =
        TypeSwitch<Operation *, string>(op)
            .Case<AddOp>(
                [&](auto) { return a + " + " + of(op->getOperand(1)); })
            .Case<ScaleOp>([&](auto) { return names.scale(op, 0) + " * " + a; })
            .Case<ResidualOp>([&](auto) {
              return names.scale(op, 0) + " * " + a + " + " +
                     names.scale(op, 1) + " * " + of(op->getOperand(1));
            })
            .Case<CastOp>([&](auto) { return a; })
            .Default([](Operation *) -> string {
              llvm_unreachable("checked by buildRowProgram");
            });
    if (program.isOutput(result) && getElementName(result) == "bf16")
      expression = "toFloat(fromFloat<bf16>(" + expression + "))";
    known[result] = define(names.of(result).str(), expression);
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

string ColumnText::expressionOf(OpResult result, unsigned half) {
  Operation *op = result.getOwner();
  auto at = [&](Value value) { return column(value, half); };
  auto call = [](const string &function, std::initializer_list<string> values) {
    return function + "(" + llvm::join(values, ", ") + ")";
  };
  auto functor = [&](const char *function) {
    return function + string("<") + getFunctor(*getActivation(op)).str() + ">";
  };
  return TypeSwitch<Operation *, string>(op)
      .Case<AddOp>(
          [&](AddOp op) { return at(op.getA()) + " + " + at(op.getB()); })
      .Case<ScaleOp>([&](ScaleOp op) {
        return names.scale(op, 0) + " * " + at(op.getInput());
      })
      .Case<CastOp>([&](CastOp op) { return at(op.getInput()); })
      .Case<ResidualOp>([&](ResidualOp op) {
        string skip = at(op.getSkip()), branch = at(op.getBranch());
        return call("multiplyAdd", {names.scale(op, 0), skip,
                                    names.scale(op, 1) + " * " + branch});
      })
      .Case<RowScaleOp>([&](RowScaleOp op) {
        return scalars.of(op.getFactors()) + " * " + at(op.getInput());
      })
      .Case<ScaleColumnsOp>([&](ScaleColumnsOp op) {
        string input = at(op.getInput()), scale = names.scale(op, 0);
        if (!op.getGain())
          return scale + " * " + input;
        return scale + " * " + shared(op.getGain(), half) + " * " + input;
      })
      .Case<AddBiasOp>([&](AddBiasOp op) {
        string input = at(op.getInput());
        return call("multiplyAdd",
                    {names.scale(op, 0), shared(op.getBias(), half), input});
      })
      .Case<AddPositionsOp>([&](AddPositionsOp op) {
        string input = at(op.getInput());
        return input + " + " +
               loadFrom(names.of(op.getTable()).str() + " + " + place.time +
                        " * " + std::to_string(program.width) + "ll + " +
                        columnOf(half));
      })
      .Case<CenterRowsOp>([&](CenterRowsOp op) {
        return at(op.getInput()) + " - " + scalars.of(op.getOperation());
      })
      .Case<RowRstdGradOp>([&](RowRstdGradOp op) {
        return scalars.of(op.getOperation()) + " * " + at(op.getInput());
      })
      .Case<RopeOp>([&](RopeOp op) { return rotate(op, half); })
      .Case<ActivationOp>([&](ActivationOp op) {
        return call(functor("activate"), {at(op.getInput())});
      })
      .Case<ActivationGradOp>([&](ActivationGradOp op) {
        string grad = at(op.getGrad()), input = at(op.getInput());
        return grad + " * " + call(functor("slopeOf"), {input});
      })
      .Case<GatedActivationOp>([&](GatedActivationOp op) {
        string gate = at(op.getGate()), up = at(op.getUp());
        return call(functor("activate"), {gate}) + " * " + up;
      })
      .Case<GatedActivationGradOp>([&](GatedActivationGradOp op) {
        string grad = at(op.getGrad()), gate = at(op.getGate());
        if (result == op.getUpGrad())
          return grad + " * " + call(functor("activate"), {gate});
        string up = at(op.getUp());
        return grad + " * " + up + " * " + call(functor("slopeOf"), {gate});
      })
      .Default([](Operation *) -> string {
        llvm_unreachable("checked by buildRowProgram");
      });
}
