//===- LnsAssembly.cpp - Parsers and printers -----------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

//
// Custom assembly of the ops whose form ODS cannot say: those with a body, and
// those whose clauses have defaults.
//
//===----------------------------------------------------------------------===//

#include "dialect/LnsOps.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace lns;

//===----------------------------------------------------------------------===//
// Clauses
//===----------------------------------------------------------------------===//

/// Parses one bare word of `Enum`; the error of any other word lists them.
template <typename Enum>
static ParseResult parseWord(OpAsmParser &parser, StringRef what,
                             std::optional<Enum> (*symbolizeNumber)(uint32_t),
                             Enum &value) {
  SMLoc loc = parser.getCurrentLocation();
  StringRef word;
  auto error = [&]() {
    InFlightDiagnostic diagnostic = parser.emitError(loc);
    if (word.empty())
      diagnostic << "expected " << what;
    else
      diagnostic << "unknown " << what << " '" << word << "', expected";
    llvm::ListSeparator separator(", ");
    diagnostic << (word.empty() ? ": " : " one of ");
    for (uint32_t i = 0; std::optional<Enum> known = symbolizeNumber(i); ++i)
      diagnostic << StringRef(separator) << stringifyEnum(*known);
    return diagnostic;
  };
  if (parser.parseOptionalKeyword(&word))
    return error();
  std::optional<Enum> known = symbolizeEnum<Enum>(word);
  if (!known)
    return error();
  value = *known;
  return success();
}

/// Parses `(` number `)`.
static ParseResult parseNumber(OpAsmParser &parser, FloatAttr &value) {
  double number;
  if (parser.parseLParen() || parser.parseFloat(number) || parser.parseRParen())
    return failure();
  value = parser.getBuilder().getF64FloatAttr(number);
  return success();
}

/// Parses `(` `true` | `false` `)`.
static ParseResult parseFlag(OpAsmParser &parser, BoolAttr &value) {
  if (parser.parseLParen())
    return failure();
  bool flag = succeeded(parser.parseOptionalKeyword("true"));
  if (!flag && parser.parseOptionalKeyword("false"))
    return parser.emitError(parser.getCurrentLocation(),
                            "expected true or false");
  value = parser.getBuilder().getBoolAttr(flag);
  return parser.parseRParen();
}

/// Parses an attribute dictionary, after the word `attributes` if `keyword`. An
/// attribute that the op's text says in another way is refused, for it would
/// silently win over what is written there; `allowed` is the exception.
static ParseResult parseAttributes(OpAsmParser &parser, OperationState &state,
                                   bool keyword, StringRef allowed = {}) {
  SMLoc loc = parser.getCurrentLocation();
  if (keyword ? parser.parseOptionalAttrDictWithKeyword(state.attributes)
              : parser.parseOptionalAttrDict(state.attributes))
    return failure();
  for (StringAttr name : state.name.getAttributeNames())
    if (name != allowed && state.attributes.get(name))
      return parser.emitError(loc) << "attribute " << name << " of '"
                                   << state.name << "' has its own syntax";
  return success();
}

static void printNumber(OpAsmPrinter &printer, StringRef clause,
                        const APFloat &value) {
  printer << ' ' << clause << '(';
  printer.printFloat(value);
  printer << ')';
}

/// role `init` `(` kind (`,` value (`,` depth scale)?)? `)` (`decay` `(` flag
/// `)`)? (`project` `(` lines `)`)? `frozen`? and factors, what lns.param and
/// lns.parameter have in common: all but the depth scale, which instantiation
/// turns into a number.
template <typename Op>
static ParseResult parseParameterFacts(OpAsmParser &parser,
                                       OperationState &state) {
  MLIRContext *context = parser.getContext();
  auto &properties = state.getOrAddProperties<typename Op::Properties>();
  Role role;
  InitKind init;
  if (parseWord(parser, "role", symbolizeRole, role) ||
      parser.parseKeyword("init") || parser.parseLParen() ||
      parseWord(parser, "init", symbolizeInitKind, init))
    return failure();
  properties.role = RoleAttr::get(context, role);
  properties.init = InitKindAttr::get(context, init);
  if (succeeded(parser.parseOptionalComma())) {
    double value;
    if (parser.parseFloat(value))
      return failure();
    properties.init_value = parser.getBuilder().getF64FloatAttr(value);
  }
  if constexpr (std::is_same_v<Op, ParamOp>)
    if (properties.init_value && succeeded(parser.parseOptionalComma())) {
      DepthScale depthScale;
      if (parseWord(parser, "depth scale", symbolizeDepthScale, depthScale))
        return failure();
      properties.init_depth_scale = DepthScaleAttr::get(context, depthScale);
    }
  if (parser.parseRParen())
    return failure();
  if (succeeded(parser.parseOptionalKeyword("decay")) &&
      parseFlag(parser, properties.decay))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("project"))) {
    Projection lines;
    if (parser.parseLParen() ||
        parseWord(parser, "projection", symbolizeProjection, lines) ||
        parser.parseRParen())
      return failure();
    properties.projection = ProjectionAttr::get(context, lines);
  }
  if (succeeded(parser.parseOptionalKeyword("frozen")))
    properties.frozen = parser.getBuilder().getUnitAttr();
  auto parseFactor = [&](StringRef clause, FloatAttr &factor) -> ParseResult {
    if (failed(parser.parseOptionalKeyword(clause)))
      return success();
    return parseNumber(parser, factor);
  };
  return ParseResult(
      failure(parseFactor("lr_factor", properties.lr_factor) ||
              parseFactor("eps_factor", properties.eps_factor) ||
              parseFactor("decay_factor", properties.decay_factor)));
}

template <typename Op>
static void printParameterFacts(OpAsmPrinter &printer, Op op) {
  printer << ' ' << stringifyEnum(op.getRole()) << " init("
          << stringifyEnum(op.getInit());
  if (std::optional<APFloat> value = op.getInitValue()) {
    printer << ", ";
    printer.printFloat(*value);
    if constexpr (std::is_same_v<Op, ParamOp>)
      if (op.getInitDepthScale() != DepthScale::none)
        printer << ", " << stringifyEnum(op.getInitDepthScale());
  }
  printer << ')';
  if (BoolAttr decay = op.getDecayAttr())
    printer << " decay(" << (decay.getValue() ? "true" : "false") << ')';
  if (std::optional<Projection> lines = op.getProjection())
    printer << " project(" << stringifyEnum(*lines) << ')';
  if (op.getFrozen())
    printer << " frozen";
  for (auto [clause, factor] :
       {std::pair<StringRef, APFloat>("lr_factor", op.getLrFactor()),
        {"eps_factor", op.getEpsFactor()},
        {"decay_factor", op.getDecayFactor()}})
    if (!factor.isExactlyValue(1))
      printNumber(printer, clause, factor);
}

/// The attributes that printParameterFacts has printed.
template <typename Op>
static void addParameterFacts(Op op, SmallVectorImpl<StringRef> &names) {
  for (StringAttr name :
       {op.getRoleAttrName(), op.getInitAttrName(), op.getInitValueAttrName(),
        op.getDecayAttrName(), op.getProjectionAttrName(),
        op.getFrozenAttrName(), op.getLrFactorAttrName(),
        op.getEpsFactorAttrName(), op.getDecayFactorAttrName()})
    names.push_back(name);
}

//===----------------------------------------------------------------------===//
// lns.model
//===----------------------------------------------------------------------===//

ParseResult ModelOp::parse(OpAsmParser &parser, OperationState &state) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  if (parser.parseSymbolName(name) ||
      parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren,
                               /*allowType=*/true) ||
      parseAttributes(parser, state, /*keyword=*/true, "config"))
    return failure();
  if (Attribute config = state.attributes.get("config");
      config && !isa<StringAttr>(config))
    return parser.emitError(parser.getCurrentLocation(),
                            "expected config to be a string");
  state.getOrAddProperties<Properties>().sym_name = name;
  return parser.parseRegion(*state.addRegion(), arguments);
}

void ModelOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printSymbolName(getSymName());
  printer << '(';
  llvm::interleaveComma(
      getBody().getArguments(), printer,
      [&](BlockArgument argument) { printer.printRegionArgument(argument); });
  printer << ')';
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {getSymNameAttrName()});
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

//===----------------------------------------------------------------------===//
// lns.param and lns.parameter
//===----------------------------------------------------------------------===//

ParseResult ParamOp::parse(OpAsmParser &parser, OperationState &state) {
  StringAttr name;
  Type type;
  SMLoc loc = parser.getCurrentLocation();
  std::string text;
  if (parser.parseOptionalString(&text))
    return parser.emitError(loc, "expected the parameter's name in quotes");
  name = parser.getBuilder().getStringAttr(text);
  if (parseParameterFacts<ParamOp>(parser, state) ||
      parseAttributes(parser, state, /*keyword=*/false) ||
      parser.parseColonType(type))
    return failure();
  state.getOrAddProperties<Properties>().name = name;
  state.addTypes(type);
  return success();
}

void ParamOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getNameAttr();
  printParameterFacts(printer, *this);
  SmallVector<StringRef> printed = {getNameAttrName(),
                                    getInitDepthScaleAttrName()};
  addParameterFacts(*this, printed);
  printer.printOptionalAttrDict((*this)->getAttrs(), printed);
  printer << " : " << getType();
}

ParseResult ParameterOp::parse(OpAsmParser &parser, OperationState &state) {
  StringAttr name;
  Type type;
  if (parser.parseSymbolName(name) ||
      parseParameterFacts<ParameterOp>(parser, state))
    return failure();
  auto &properties = state.getOrAddProperties<Properties>();
  if (!properties.decay)
    return parser.emitError(parser.getCurrentLocation(),
                            "expected decay(true) or decay(false)");
  Type storage;
  if (succeeded(parser.parseOptionalKeyword("storage"))) {
    if (parser.parseLParen() || parser.parseType(storage) ||
        parser.parseRParen())
      return failure();
    properties.storage = TypeAttr::get(storage);
  }
  if (parseAttributes(parser, state, /*keyword=*/false) ||
      parser.parseColonType(type))
    return failure();
  properties.sym_name = name;
  properties.type = TypeAttr::get(type);
  return success();
}

void ParameterOp::print(OpAsmPrinter &printer) {
  printer << ' ';
  printer.printSymbolName(getSymName());
  printParameterFacts(printer, *this);
  if (std::optional<Type> storage = getStorage())
    printer << " storage(" << *storage << ')';
  SmallVector<StringRef> printed = {getSymNameAttrName(), getTypeAttrName(),
                                    getStorageAttrName()};
  addParameterFacts(*this, printed);
  printer.printOptionalAttrDict((*this)->getAttrs(), printed);
  printer << " : " << getType();
}

//===----------------------------------------------------------------------===//
// lns.layers and lns.cluster
//===----------------------------------------------------------------------===//

static void printAssignments(OpAsmPrinter &printer, Region &body,
                             OperandRange operands) {
  printer << '(';
  llvm::interleaveComma(
      llvm::zip_equal(body.getArguments(), operands), printer, [&](auto pair) {
        printer.printRegionArgument(std::get<0>(pair), {}, /*omitType=*/true);
        printer << " = ";
        printer.printOperand(std::get<1>(pair));
      });
  printer << ')';
}

/// Gives `arguments` their types and parses the body with them.
template <typename Op>
static ParseResult parseBody(OpAsmParser &parser, OperationState &state,
                             MutableArrayRef<OpAsmParser::Argument> arguments,
                             ArrayRef<Type> types) {
  for (auto [argument, type] : llvm::zip_equal(arguments, types))
    argument.type = type;
  Region *body = state.addRegion();
  if (parser.parseRegion(*body, arguments))
    return failure();
  Op::ensureTerminator(*body, parser.getBuilder(), state.location);
  return success();
}

/// (`types` `(` "type" (`,` "type")* (`,` `...`)? `)`)?
static ParseResult parseBlockTypes(OpAsmParser &parser,
                                   LayersOp::Properties &properties) {
  if (failed(parser.parseOptionalKeyword("types")))
    return success();
  SmallVector<Attribute> types;
  auto parseType = [&]() -> ParseResult {
    SMLoc loc = parser.getCurrentLocation();
    if (properties.types_repeat)
      return parser.emitError(loc, "'...' ends the list of types");
    std::string name;
    if (succeeded(parser.parseOptionalEllipsis())) {
      properties.types_repeat = parser.getBuilder().getUnitAttr();
      return success();
    }
    if (parser.parseOptionalString(&name))
      return parser.emitError(loc, "expected a type in quotes, or '...'");
    types.push_back(parser.getBuilder().getStringAttr(name));
    return success();
  };
  if (parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren, parseType))
    return failure();
  properties.types = parser.getBuilder().getArrayAttr(types);
  return success();
}

ParseResult LayersOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> types;
  int64_t depth = 0;
  SMLoc loc = parser.getCurrentLocation();
  auto &properties = state.getOrAddProperties<Properties>();
  if (parser.parseAssignmentList(arguments, operands) ||
      parser.parseKeyword("depth") || parser.parseLParen() ||
      parser.parseInteger(depth) || parser.parseRParen() ||
      parseBlockTypes(parser, properties) ||
      parseAttributes(parser, state, /*keyword=*/true) ||
      parser.parseColonTypeList(types))
    return failure();
  if (types.size() != operands.size())
    return parser.emitError(loc)
           << "carries " << operands.size() << " values but has "
           << types.size() << " types";
  SmallVector<Type> results;
  if (parser.resolveOperands(operands, types, loc, state.operands) ||
      parser.parseOptionalArrowTypeList(results))
    return failure();
  properties.depth = parser.getBuilder().getI64IntegerAttr(depth);
  state.addTypes(results.empty() ? types : results);
  return parseBody<LayersOp>(parser, state, arguments, types);
}

void LayersOp::print(OpAsmPrinter &printer) {
  printAssignments(printer, getBody(), getInits());
  printer << " depth(" << getDepth() << ')';
  if (std::optional<ArrayAttr> types = getTypes()) {
    printer << " types(";
    llvm::interleaveComma(*types, printer);
    printer << (getTypesRepeat() ? ", ...)" : ")");
  }
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(),
      {getDepthAttrName(), getTypesAttrName(), getTypesRepeatAttrName()});
  printer << " : ";
  llvm::interleaveComma(getInits().getTypes(), printer);
  if (getNumResults() != getInits().size())
    printer.printArrowTypeList(getResultTypes());
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

ParseResult ClusterOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  FunctionType type;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseAssignmentList(arguments, operands) ||
      parseAttributes(parser, state, /*keyword=*/true) ||
      parser.parseColonType(type))
    return failure();
  if (type.getNumInputs() != operands.size())
    return parser.emitError(loc) << "has " << operands.size() << " inputs but "
                                 << type.getNumInputs() << " input types";
  if (parser.resolveOperands(operands, type.getInputs(), loc, state.operands))
    return failure();
  state.addTypes(type.getResults());
  return parseBody<ClusterOp>(parser, state, arguments, type.getInputs());
}

void ClusterOp::print(OpAsmPrinter &printer) {
  printAssignments(printer, getBody(), getInputs());
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs());
  printer << " : ";
  printer.printFunctionalType(*this);
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

//===----------------------------------------------------------------------===//
// lns.norm
//===----------------------------------------------------------------------===//

ParseResult NormOp::parse(OpAsmParser &parser, OperationState &state) {
  MLIRContext *context = parser.getContext();
  auto &properties = state.getOrAddProperties<Properties>();
  NormKind kind = NormKind::rms;
  OpAsmParser::UnresolvedOperand input, gain, bias, alpha, shift;
  bool hasGain = false, hasBias = false, hasAlpha = false, hasShift = false;
  if (parseWord(parser, "norm kind", symbolizeNormKind, kind) ||
      parser.parseOperand(input))
    return failure();
  properties.kind = NormKindAttr::get(context, kind);
  if (succeeded(parser.parseOptionalComma())) {
    hasGain = true;
    if (parser.parseOperand(gain))
      return failure();
  }
  auto parseClause = [&](StringRef keyword,
                         OpAsmParser::UnresolvedOperand &operand,
                         bool &isThere) -> ParseResult {
    if (failed(parser.parseOptionalKeyword(keyword)))
      return success();
    isThere = true;
    return ParseResult(failure(parser.parseLParen() ||
                               parser.parseOperand(operand) ||
                               parser.parseRParen()));
  };
  if (parseClause("bias", bias, hasBias) ||
      parseClause("alpha", alpha, hasAlpha) ||
      parseClause("shift", shift, hasShift))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("eps")) &&
      parseNumber(parser, properties.eps))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("scale")) &&
      parseNumber(parser, properties.scale))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("depth_scale"))) {
    DepthScale depthScale = DepthScale::none;
    if (parser.parseLParen() ||
        parseWord(parser, "depth scale", symbolizeDepthScale, depthScale) ||
        parser.parseRParen())
      return failure();
    properties.depth_scale = DepthScaleAttr::get(context, depthScale);
  }

  SmallVector<OpAsmParser::UnresolvedOperand> operands = {input};
  if (hasGain)
    operands.push_back(gain);
  if (hasBias)
    operands.push_back(bias);
  if (hasAlpha)
    operands.push_back(alpha);
  if (hasShift)
    operands.push_back(shift);
  SmallVector<Type> types;
  if (parseAttributes(parser, state, /*keyword=*/false))
    return failure();
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseColonTypeList(types))
    return failure();
  if (types.size() != operands.size())
    return parser.emitError(loc)
           << "has " << operands.size() << " operands but " << types.size()
           << " types";
  properties.operandSegmentSizes = {1, hasGain, hasBias, hasAlpha, hasShift};
  state.addTypes(types.front());
  return parser.resolveOperands(operands, types, loc, state.operands);
}

void NormOp::print(OpAsmPrinter &printer) {
  printer << ' ' << stringifyEnum(getKind()) << ' ' << getInput();
  if (getGain())
    printer << ", " << getGain();
  if (getBias())
    printer << " bias(" << getBias() << ')';
  if (getAlpha())
    printer << " alpha(" << getAlpha() << ')';
  if (getShift())
    printer << " shift(" << getShift() << ')';
  // The defaults are what the accessors give when the attribute is absent.
  if (getEps().convertToDouble() != 1.0e-6)
    printNumber(printer, "eps", getEps());
  if (getScale().convertToDouble() != 1.0)
    printNumber(printer, "scale", getScale());
  if (getDepthScale() != DepthScale::none)
    printer << " depth_scale(" << stringifyEnum(getDepthScale()) << ')';
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {getKindAttrName(), getEpsAttrName(),
                                 getScaleAttrName(), getDepthScaleAttrName(),
                                 getOperandSegmentSizesAttrName()});
  printer << " : ";
  llvm::interleaveComma(getOperandTypes(), printer);
}
