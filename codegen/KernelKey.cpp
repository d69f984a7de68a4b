//===- KernelKey.cpp - What tells two kernels apart -----------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "codegen/KernelKey.h"
#include "dialect/LnsOps.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace lns;

SmallVector<LaunchFloat, 2> lns::getLaunchFloats(Operation *op) {
  using Floats = SmallVector<LaunchFloat, 2>;
  if (auto rowOp = dyn_cast<RowOpInterface>(op)) {
    Floats floats;
    for (auto [name, value] :
         llvm::zip_equal(rowOp.getArgumentNames(), rowOp.getArgumentValues()))
      floats.push_back({name, value});
    return floats;
  }
  return llvm::TypeSwitch<Operation *, Floats>(op)
      .Case([](ColumnDotOp op) {
        return Floats{{"scale", op.getScale().convertToDouble()}};
      })
      .Case<AttentionOp, AttentionGradOp, CachedAttentionOp>([](auto op) {
        Floats floats{{"softmax_scale", op.getEffectiveScale()}};
        if (op.getSoftcap())
          floats.push_back({"softcap", op.getSoftcap()->convertToDouble()});
        return floats;
      })
      .Case([](lns::ConstantOp op) {
        return Floats{{"value", op.getValue().convertToDouble()}};
      })
      .Case([](AdamWOp op) {
        double decay = op.getDecayFactor().convertToDouble();
        return Floats{{"decay", op.getDecay() ? decay : 0.0},
                      {"decay_factor", decay},
                      {"lr_factor", op.getLrFactor().convertToDouble()},
                      {"eps_factor", op.getEpsFactor().convertToDouble()}};
      })
      .Default([](Operation *) { return Floats(); });
}

/// Whether launches pass the property in another form: as a buffer, or as a
/// buffer of constants that is made from it.
static bool isLaunchBuffer(Operation *op, StringRef property) {
  if (isa<RopeOp>(op))
    return property == "base" || property == "frequencies" ||
           property == "positions";
  // How many keys a query sees is a number of the launch; that it does not see
  // all of them is code.
  if (isa<AttentionOp, AttentionGradOp, CachedAttentionOp>(op))
    return property == "window";
  // Sizes of what is projected are numbers of the launch.
  if (isa<ProjectOp>(op))
    return property == "symbol" || property == "type";
  return isa<AdamWOp>(op) && property == "symbol";
}

/// What of an argument is code: that it is there, where it may be left out.
static StringRef getVariant(Operation *op, StringRef property) {
  if (!isa<AttentionOp, AttentionGradOp, CachedAttentionOp>(op))
    return "";
  return property == "window"    ? " window"
         : property == "softcap" ? " softcap"
                                 : "";
}

std::string lns::getKernelKey(Operation *op, KeyExtents extents) {
  std::string key;
  llvm::raw_string_ostream os(key);
  os << op->getName().getStringRef();
  SmallVector<LaunchFloat, 2> floats = getLaunchFloats(op);
  auto isArgument = [&](StringRef property) {
    return isLaunchBuffer(op, property) ||
           llvm::any_of(floats, [&](const LaunchFloat &argument) {
             return argument.property == property;
           });
  };
  if (auto properties =
          dyn_cast_if_present<DictionaryAttr>(op->getPropertiesAsAttribute()))
    for (NamedAttribute property : properties) {
      if (isArgument(property.getName()))
        os << getVariant(op, property.getName());
      else
        os << " " << property.getName().getValue() << "="
           << property.getValue();
    }
  if (extents == KeyExtents::none)
    return key;
  auto print = [&](Type type) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!tensor || extents == KeyExtents::all || tensor.getRank() == 0) {
      os << " " << type;
      return;
    }
    os << " " << tensor.getRank() << "d " << tensor.getShape().back() << "x"
       << tensor.getElementType();
  };
  for (Type type : op->getOperandTypes())
    print(type);
  os << " ->";
  for (Type type : op->getResultTypes())
    print(type);
  return key;
}
