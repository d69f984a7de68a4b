//===- RowKernelText.cpp - Row kernels as CUDA text -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A row belongs to one warp, or to a block where it is wide; to a few lanes,
// beside other rows, where it is short, as heads are. Each phase (see
// RowPhases) is one loop of a thread over its vectors of the row; an output is
// stored in the first phase that has what it needs. What a later phase reads
// again, inputs and outputs, stays in registers as it is in memory, as long as
// there are registers for it, and is read again otherwise; other values are
// computed again.
//
//===----------------------------------------------------------------------===//

#include "codegen/cuda/RowKernelText.h"
#include "codegen/cuda/RowText.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace mlir;
using namespace lns;
using namespace lns::cuda;

using std::string;

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

static bool isFullRow(const RowProgram &program, Value value) {
  return cast<RankedTensorType>(value.getType()).getRank() == program.rank;
}

RowMapping::RowMapping(const RowProgram &program) {
  bool hasBf16 = false;
  for (ArrayRef<Value> values :
       {ArrayRef<Value>(program.inputs), ArrayRef<Value>(program.outputs)})
    for (Value value : values)
      hasBf16 |= isFullRow(program, value) && getElementName(value) == "bf16";
  int64_t unit = program.headDim == 0 ? program.width : program.headDim / 2;
  // 16 bytes; a row of odd width starts anywhere, so there it is less.
  lanes = hasBf16 ? 8 : 4;
  while (unit % lanes != 0)
    lanes /= 2;
  vectors = program.width / lanes / (program.headDim == 0 ? 1 : 2);

  unsigned reductions = llvm::count_if(program.ops, RowPhases::isReduction);
  isFlat = reductions == 0;
  if (isFlat)
    return;
  // Two to four vectors a thread: loads enough in flight, and registers to keep
  // them.
  auto warpsFor = [&](int64_t perThread) {
    return unsigned(llvm::divideCeil(vectors, 32 * perThread));
  };
  if (vectors <= 16) {
    threadsPerRow = llvm::PowerOf2Ceil(vectors);
    threads = 128;
    rowsPerBlock = threads / threadsPerRow;
    return;
  }
  unsigned warps = 1;
  if (vectors > 128)
    warps = vectors <= 1024 ? warpsFor(2) : std::min(warpsFor(4), 32u);
  if (warps > 8 && vectors <= 1024)
    warps = 8;
  threadsPerRow = 32 * warps;
  vectorsPerThread = llvm::divideCeil(vectors, threadsPerRow);
  rowsPerBlock = warps == 1 ? 4 : 1;
  threads = threadsPerRow * rowsPerBlock;
  sharedFloats = warps == 1 ? 0 : warps * reductions;
}

int64_t RowMapping::getBlocks(int64_t rows) const {
  if (isFlat)
    return llvm::divideCeil(rows * vectors, threads);
  return llvm::divideCeil(rows, rowsPerBlock);
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

namespace {

class RowKernelText {
public:
  RowKernelText(raw_ostream &os, const RowProgram &program,
                const RowMapping &mapping)
      : os(os), program(program), mapping(mapping), names(program),
        phases(program), scalars(program, phases, names) {}

  void print() {
    os << "  using namespace lns;\n";
    mapping.isFlat ? printFlat() : printPhases();
  }

private:
  //===--- Rows -----------------------------------------------------------===//

  void printRow() {
    printTimes(os, 2, program, names, "row");
    os << "  const long long start = row * " << program.width << "ll;\n";
    scalars.printScalars(os, 2);
    for (Value input : program.inputs)
      if (program.isScalarInput(input)) {
        string name = names.of(input).str() + "_row";
        os << "  const float " << name << " = toFloat(" << names.of(input)
           << "[row]);\n";
        scalars.bind(input, name);
      }
  }

  /// Numbers per row that a phase starts with; one thread stores those that are
  /// outputs.
  void printScalars(int phase, StringRef isFirst) {
    scalars.print(phase, os, 2);
    bool any = false;
    for (auto [i, output] : llvm::enumerate(program.outputs)) {
      if (!program.isRowScalar(output) || phases.of(output) != phase)
        continue;
      if (!any)
        os << "  if (" << isFirst << ") {\n";
      any = true;
      os << "    " << RowNames::output(i) << "[row] = fromFloat<"
         << getElementName(output) << ">(" << scalars.of(output) << ");\n";
    }
    if (any)
      os << "  }\n";
  }

  ColumnPlace getPlace() const {
    ColumnPlace place;
    place.lanes = mapping.lanes;
    place.column = "column";
    place.time = "time";
    place.place = "place";
    return place;
  }

  /// Prints where the columns of `vector` are, as far as `statements` ask, and
  /// then those. A phase whose values are all in registers does not.
  void printAtPlace(const string &statements, unsigned indent) {
    StringRef text = statements;
    bool hasColumn = text.contains("+ column");
    int64_t perHead = program.headDim / 2 / mapping.lanes;
    if (program.headDim == 0 && hasColumn)
      os.indent(indent) << "const int column = vector * " << mapping.lanes
                        << ";\n";
    if (program.headDim != 0 && (hasColumn || text.contains("+ place")))
      os.indent(indent) << "const int place = vector % " << perHead << " * "
                        << mapping.lanes << ";\n";
    if (program.headDim != 0 && hasColumn)
      os.indent(indent) << "const int column = vector / " << perHead << " * "
                        << program.headDim << " + place;\n";
    os << statements;
  }

  string loadText(Value input, const ColumnText &text, unsigned half) {
    return text.loadFrom(names.of(input).str() + " + start + " +
                         text.columnOf(half));
  }

  void printStores(int phase, ColumnText &text, raw_ostream &os,
                   unsigned indent) {
    // All values first, so that no load waits for a store.
    SmallVector<string> stores;
    for (auto [i, output] : llvm::enumerate(program.outputs))
      if (!program.isRowScalar(output) && phases.of(output) == phase)
        for (unsigned half = 0; half < text.halves(); ++half)
          stores.push_back(text.storeTo(RowNames::output(i) + " + start + " +
                                            text.columnOf(half),
                                        output, half) +
                           "\n");
    for (const string &store : stores)
      os.indent(indent) << (mapping.isShort() ? "if (exists) " : "") << store;
  }

  //===--- Programs without reductions ------------------------------------===//

  void printFlat() {
    os << "  const long long first = blockIdx.x * " << mapping.threads
       << "ll;\n"
       << "  const unsigned ahead = static_cast<unsigned>(first % "
       << mapping.vectors << ") + threadIdx.x;\n"
       << "  const int row = static_cast<int>(first / " << mapping.vectors
       << " + ahead / " << mapping.vectors << "u);\n"
       << "  const int vector = static_cast<int>(ahead % " << mapping.vectors
       << "u);\n"
       << "  if (row >= rows)\n    return;\n";
    printRow();
    printScalars(0, "vector == 0");
    string statements;
    llvm::raw_string_ostream body(statements);
    ColumnText text(program, names, scalars, getPlace(), body, 2);
    text.load = [&](Value value, unsigned half) {
      return llvm::is_contained(program.inputs, value)
                 ? loadText(value, text, half)
                 : string();
    };
    printStores(0, text, body, 2);
    printAtPlace(statements, 2);
  }

  //===--- Phases ---------------------------------------------------------===//

  void printPhases() {
    if (mapping.rowsPerBlock == 1) {
      os << "  const int row = blockIdx.x;\n"
         << "  const int thread = threadIdx.x;\n"
         << "  float *shared = reinterpret_cast<float *>(dynamicShared());\n";
    } else if (mapping.isShort()) {
      // All lanes of a warp take part in its sums. One that has no row does
      // what another one does, and stores nothing.
      os << "  const int own = blockIdx.x * " << mapping.rowsPerBlock
         << " + threadIdx.x / " << mapping.threadsPerRow << ";\n"
         << "  const bool exists = own < rows;\n"
         << "  const int row = exists ? own : rows - 1;\n"
         << "  const int thread = threadIdx.x % " << mapping.threadsPerRow
         << ";\n";
    } else {
      os << "  const int row = blockIdx.x * " << mapping.rowsPerBlock
         << " + threadIdx.x / 32;\n"
         << "  const int thread = laneId();\n"
         << "  float *shared = nullptr;\n"
         << "  if (row >= rows)\n    return;\n";
    }
    printRow();
    findKept();
    for (int phase = 0; phase <= phases.last; ++phase)
      printPhase(phase);
  }

  void printPhase(int phase) {
    printScalars(phase,
                 mapping.isShort() ? "exists && thread == 0" : "thread == 0");
    SmallVector<Operation *> reduced = phases.reductionsIn(phase);
    bool stores = llvm::any_of(program.outputs, [&](Value output) {
      return !program.isRowScalar(output) && phases.of(output) == phase;
    });
    if (reduced.empty() && !stores)
      return;
    string sums = "sums" + std::to_string(phase);
    if (!reduced.empty())
      os << "  float " << sums << "[" << reduced.size() << "] = {};\n";
    for (Value value : kept)
      if (firstUse.lookup(value) == phase)
        for (unsigned half = 0; half < halves(); ++half)
          os << "  Columns<" << getElementName(value) << ", " << mapping.lanes
             << "> " << keptName(value, half) << "[" << mapping.vectorsPerThread
             << "];\n";
    os << "#pragma unroll" << (kept.empty() && isLong() ? " 2" : "")
       << "\n  for (int i = 0; i < " << mapping.vectorsPerThread
       << "; ++i) {\n";
    bool isPartial = mapping.vectors % mapping.threadsPerRow != 0;
    unsigned indent = isPartial ? 6 : 4;
    string statements;
    llvm::raw_string_ostream body(statements);
    printVector(phase, reduced, sums, body, indent);
    if (isPartial || StringRef(statements).contains("+ column") ||
        StringRef(statements).contains("+ place"))
      os << "    const int vector = thread + i * " << mapping.threadsPerRow
         << ";\n";
    if (isPartial)
      os << "    if (vector < " << mapping.vectors << ") {\n";
    printAtPlace(statements, indent);
    os << (isPartial ? "    }\n  }\n" : "  }\n");
    if (reduced.empty())
      return;
    if (mapping.isShort())
      os << "  sumOverLanes<" << mapping.threadsPerRow << ">(" << sums
         << ");\n";
    else
      os << "  sumOverWarps<" << mapping.threadsPerRow / 32 << ">(" << sums
         << ", shared);\n";
    // The next sums have places of their own, so one barrier is enough.
    if (mapping.sharedFloats != 0 && phase < phases.last)
      os << "  shared += " << reduced.size() * (mapping.threadsPerRow / 32)
         << ";\n";
    for (auto [i, op] : llvm::enumerate(reduced))
      printResult(op, sums + "[" + std::to_string(i) + "]");
  }

  void printVector(int phase, ArrayRef<Operation *> reduced, const string &sums,
                   raw_ostream &os, unsigned indent) {
    ColumnText text(program, names, scalars, getPlace(), os, indent);
    text.load = [&](Value value, unsigned half) -> string {
      bool isInput = llvm::is_contained(program.inputs, value);
      bool isEarlier =
          !isInput && program.isOutput(value) && phases.of(value) < phase;
      if (!isInput && !isEarlier)
        return "";
      if (kept.contains(value)) {
        string name = keptName(value, half) + "[i]";
        if (isInput && firstUse.lookup(value) == phase)
          os.indent(indent) << name << " = loadColumns<" << mapping.lanes
                            << ">(" << names.of(value) << " + start + "
                            << text.columnOf(half) << ");\n";
        return "toFloats(" + name + ")";
      }
      if (isInput)
        return loadText(value, text, half);
      size_t number =
          llvm::find(program.outputs, value) - program.outputs.begin();
      return text.loadFrom(RowNames::output(number) + " + start + " +
                           text.columnOf(half));
    };
    for (unsigned half = 0; half < text.halves(); ++half)
      for (auto [i, op] : llvm::enumerate(reduced)) {
        string sum = sums + "[" + std::to_string(i) + "]";
        string next = text.accumulate(op, sum, half);
        os.indent(indent) << sum << " = " << next << ";\n";
      }
    printStores(phase, text, os, indent);
    for (Value value : kept)
      if (!llvm::is_contained(program.inputs, value) &&
          phases.of(value) == phase)
        for (unsigned half = 0; half < text.halves(); ++half)
          os.indent(indent) << keptName(value, half)
                            << "[i] = " << text.stored(value, half) << ";\n";
  }

  void printResult(Operation *op, const string &sum) {
    ScalarProgram total =
        cast<RowOpInterface>(op).getTotalProgram(program.width);
    ScalarText text(total);
    text.operand = [&](unsigned) { return sum; };
    text.argument = [&](unsigned i) { return names.scale(op, i); };
    string name = names.ofOp(op),
           expression = text.print(total.getResults()[0]);
    if (isRowSum(op))
      scalars.bind(op->getResult(0), name);
    else
      scalars.bindMean(op, name += "_total");
    os << "  const float " << name << " = " << expression << ";\n";
  }

  //===--- What stays in registers ----------------------------------------===//

  unsigned halves() const { return program.headDim == 0 ? 1 : 2; }
  /// More vectors than a loop should be unrolled for.
  bool isLong() const { return mapping.vectorsPerThread * halves() > 4; }

  string keptName(Value value, unsigned half) {
    string name = "kept_" + names.of(value).str();
    return halves() == 1 ? name : name + (half == 0 ? "_low" : "_high");
  }

  /// The phases that read a value's columns.
  void findUses() {
    for (int phase = 0; phase <= phases.last; ++phase) {
      SmallVector<Value> pending;
      auto addOperands = [&](Operation *op) {
        for (OpOperand &operand : op->getOpOperands())
          if (!isSharedByRows(operand))
            pending.push_back(operand.get());
      };
      for (Operation *op : phases.reductionsIn(phase))
        addOperands(op);
      for (Value output : program.outputs)
        if (phases.of(output) == phase) {
          pending.push_back(output);
          if (!llvm::is_contained(program.inputs, output))
            firstUse.try_emplace(output, phase);
        }
      llvm::DenseSet<Value> seen;
      while (!pending.empty()) {
        Value value = pending.pop_back_val();
        if (!isFullRow(program, value) || program.isTable(value) ||
            !seen.insert(value).second)
          continue;
        bool isInput = llvm::is_contained(program.inputs, value);
        if (isInput || (program.isOutput(value) && phases.of(value) < phase)) {
          firstUse.try_emplace(value, phase);
          lastUse[value] = phase;
          continue;
        }
        addOperands(value.getDefiningOp());
      }
    }
  }

  void findKept() {
    findUses();
    // Of 255 registers a thread, or what 1024 threads leave each.
    int64_t budget = mapping.threads <= 256   ? 64
                     : mapping.threads <= 512 ? 32
                                              : 16;
    // A lane without a row must not read what another one is storing. It has
    // one vector of each value, or a pair.
    if (mapping.isShort())
      budget = std::numeric_limits<int64_t>::max();
    auto consider = [&](Value value) {
      if (kept.contains(value) ||
          lastUse.lookup(value) <= firstUse.lookup(value))
        return;
      int64_t bytes = getElementName(value) == "bf16" ? 2 : 4;
      int64_t registers = llvm::divideCeil(
          bytes * mapping.lanes * halves() * mapping.vectorsPerThread, 4);
      if (registers > budget)
        return;
      budget -= registers;
      kept.insert(value);
    };
    llvm::for_each(program.outputs, consider);
    llvm::for_each(program.inputs, consider);
  }

  raw_ostream &os;
  const RowProgram &program;
  const RowMapping &mapping;
  RowNames names;
  RowPhases phases;
  RowScalarText scalars;
  llvm::DenseMap<Value, int> firstUse, lastUse;
  llvm::SetVector<Value> kept;
};

} // namespace

void cuda::printRowKernel(raw_ostream &os, const RowProgram &program,
                          const RowMapping &mapping) {
  RowKernelText(os, program, mapping).print();
}
