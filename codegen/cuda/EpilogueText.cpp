//===- EpilogueText.cpp - Row ops behind a product as CUDA text -----------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The epilogue has a cell, eight columns of a row, and is written like the body
// of a row kernel's loop. Where the row ends within the cell, what is loaded
// behind the end is zero, as the sums there are, and what is added up over rows
// comes from ops that make nothing else of zeros: sums need not look at the
// end.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/EpilogueText.h"
#include "codegen/cuda/RowText.h"

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

using std::string;

/// kCellColumns of kernels/matmul_epilogue.cuh.
static constexpr int64_t kCellColumns = 8;

bool cuda::canFollowProducts(const RowProgram &program, int64_t tileWidth) {
  if (program.rank < 1)
    return false;
  if (program.headDim != 0 &&
      (program.headDim / 2 % kCellColumns != 0 ||
       tileWidth % program.headDim != 0 || program.width % kCellColumns != 0))
    return false;
  RowPhases phases(program);
  bool mindsEnd = program.width % kCellColumns != 0 &&
                  llvm::any_of(program.ops, RowPhases::isReduction);
  for (Operation *op : program.ops) {
    auto rowOp = cast<RowOpInterface>(op);
    if (mindsEnd && rowOp.isElementwise() &&
        !program.isRowScalar(op->getResult(0)) && !rowOp.keepsZeroColumns())
      return false;
    if (RowPhases::isReduction(op)) {
      if (!isRowSum(op))
        return false;
      if (phases.of(op->getResult(0)) != 1 ||
          getElementName(op->getResult(0)) != "float" ||
          !program.isOutput(op->getResult(0)))
        return false;
      continue;
    }
    for (Value result : op->getResults())
      if (phases.of(result) != 0 ||
          (program.isRowScalar(result) && program.isOutput(result)))
        return false;
  }
  return llvm::none_of(program.inputs, [&](Value input) {
    return program.isOutput(input) && !program.isProductResult(input);
  });
}

namespace {

class EpilogueText {
public:
  EpilogueText(raw_ostream &os, const RowProgram &program)
      : os(os), program(program), names(program), phases(program),
        scalars(program, phases, names), reduced(phases.reductionsIn(0)) {}

  void print(StringRef name, ArrayRef<EpilogueMember> members) {
    os << "namespace lns {\nstruct " << name << " {\n";
    for (const EpilogueMember &member : members)
      os << "  " << member.type
         << (StringRef(member.type).ends_with("*") ? "" : " ") << member.name
         << ";\n";
    os << "\n  template <class Tile>\n"
          "  __device__ __forceinline__ void operator()(Cell &cell,\n"
          "                                             const Tile &tile) "
          "const "
          "{\n";
    if (!reduced.empty())
      os << "    float sums[" << reduced.size() << "] = {};\n";
    os << "    if (cell.count > 0) {\n";
    printCell();
    os << "    }\n";
    if (!reduced.empty())
      os << "    storeRowSums(partials, sums, cell, tile, rows, "
         << program.width << ");\n";
    os << "  }\n};\n} // namespace lns\n";
  }

private:
  void define(StringRef type, StringRef name, const Twine &expression) {
    os.indent(6) << "const " << type << " " << name << " = " << expression
                 << ";\n";
  }

  ColumnPlace printPlace() {
    ColumnPlace place;
    place.lanes = kCellColumns;
    place.column = "column";
    if (program.width % kCellColumns != 0)
      place.count = "cell.count";
    define("long long", "start", "cell.row * " + Twine(program.width) + "ll");
    define("int", "column", "static_cast<int>(cell.column)");
    if (program.needsTime) {
      place.time = "time";
      printTimes(os, 6, program, names, "cell.row", "long long");
    }
    if (program.headDim != 0) {
      int64_t half = program.headDim / 2;
      place.place = "place";
      place.shift = "shift";
      place.rotation = "rotation";
      define("int", "place", "column % " + Twine(half));
      define("bool", "isSecond",
             "column % " + Twine(program.headDim) + " >= " + Twine(half));
      define("int", "shift",
             "isSecond ? -" + Twine(half) + " : " + Twine(half));
      define("float", "rotation", "isSecond ? 1.0f : -1.0f");
    }
    return place;
  }

  size_t numberOf(Value product) {
    return llvm::find(program.products, product.getDefiningOp()) -
           program.products.begin();
  }

  string productText(Value value, unsigned half) {
    size_t number = numberOf(value);
    string shift = half == 0 ? "0" : "shift";
    string sums = number == 1 ? "secondSumsAt(tile, cell, " + shift + ")"
                  : half == 0 ? "sumsAt(cell)"
                              : "sumsAt(tile, cell, shift)";
    return "alpha" + std::to_string(number) + " * " + sums;
  }

  void printCell() {
    ColumnPlace place = printPlace();
    scalars.printScalars(os, 6);
    for (Value input : program.inputs)
      if (program.isScalarInput(input) && !program.isProductResult(input)) {
        string name = names.of(input).str() + "_row";
        define("float", name, "toFloat(" + names.of(input) + "[cell.row])");
        scalars.bind(input, name);
      }
    scalars.print(0, os, 6);
    ColumnText text(program, names, scalars, place, os, 6);
    text.load = [&](Value value, unsigned half) {
      return isa<BlockArgument>(value)
                 ? text.loadFrom(names.of(value).str() + " + start + " +
                                 text.columnOf(half))
                 : string();
    };
    text.computeProduct = [&](Value value, unsigned half) {
      return productText(value, half);
    };
    if (program.products.size() == 2)
      text.flagOf = [&](Value value) {
        return program.isProductResult(value)
                   ? "keeps" + std::to_string(numberOf(value))
                   : string();
      };
    // All values first, so that no load waits for a store.
    SmallVector<string> stores;
    for (auto [i, output] : llvm::enumerate(program.outputs))
      if (phases.of(output) == 0)
        stores.push_back(
            text.storeTo(RowNames::output(i) + " + start + column", output, 0));
    for (auto [i, op] : llvm::enumerate(reduced)) {
      string sum = "sums[" + std::to_string(i) + "]";
      string next = text.accumulate(op, sum);
      os.indent(6) << sum << " = " << next << ";\n";
    }
    for (const string &store : stores)
      os.indent(6) << store << "\n";
  }

  raw_ostream &os;
  const RowProgram &program;
  RowNames names;
  RowPhases phases;
  RowScalarText scalars;
  SmallVector<Operation *> reduced;
};

} // namespace

void cuda::printEpilogue(raw_ostream &os, StringRef name,
                         const RowProgram &program,
                         ArrayRef<EpilogueMember> members) {
  EpilogueText(os, program).print(name, members);
}
