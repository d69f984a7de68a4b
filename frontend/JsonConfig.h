//===- JsonConfig.h - Strict reading of a JSON object -----------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// A JSON object of which every key must be read by somebody: a key that nobody
// knows may change what a model computes, so it is an error. As in Hugging
// Face's files, a null is as good as no key at all.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_FRONTEND_JSONCONFIG_H
#define LNS_FRONTEND_JSONCONFIG_H

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/JSON.h"
#include <cstdint>
#include <limits>
#include <optional>

namespace lns {

class JsonSection;

/// A parsed file, and where its keys stand in it.
class JsonConfig {
public:
  /// With `allowUnknownKeys`, a key that nobody reads is a warning.
  JsonConfig(llvm::StringRef path, mlir::MLIRContext *context,
             bool allowUnknownKeys = false)
      : allowUnknownKeys(allowUnknownKeys), path(path), context(context) {}

  /// Reads `text`. Emits an error and fails unless it is one JSON object of at
  /// most 1 MiB that nests at most 32 deep, has every key once and no number
  /// beyond 64-bit floats.
  llvm::LogicalResult parse(llvm::StringRef text);

  /// The whole object.
  JsonSection getRoot();
  const llvm::json::Object &getObject() const { return *value.getAsObject(); }

  /// Where `key` stands ("rope_scaling.factor" for a nested one); the file's
  /// beginning if it is not there.
  mlir::Location locate(llvm::StringRef key) const;

  /// Whether `key` (as for `locate`) is there, be it null.
  bool contains(llvm::StringRef key) const { return positions.contains(key); }

  /// Begins an error at `key`.
  mlir::InFlightDiagnostic error(llvm::StringRef key);

  const bool allowUnknownKeys;

  /// Whether an error was emitted.
  bool hasFailed() const { return failed; }

private:
  friend class JsonSection;
  struct Position {
    unsigned line = 1, column = 1;
  };

  llvm::LogicalResult indexKeys(llvm::StringRef text);
  llvm::LogicalResult checkNumbers(const llvm::json::Value &value,
                                   const std::string &key);

  std::string path;
  mlir::MLIRContext *context;
  llvm::json::Value value = nullptr;
  llvm::StringMap<Position> positions;
  bool failed = false;
};

/// One object of the file, or none at all. Reading a key that is there but has
/// not the wanted form emits an error and gives what an absent key gives.
class JsonSection {
public:
  JsonSection(JsonConfig &config, const llvm::json::Object *object,
              llvm::StringRef prefix)
      : config(config), object(object), prefix(prefix) {}

  /// Whether the object itself is there.
  explicit operator bool() const { return object; }

  /// Whether `key` is there and not null.
  bool has(llvm::StringRef key) const { return find(key); }
  /// Whether `key` is there and null.
  bool isNull(llvm::StringRef key) const;

  std::optional<int64_t>
  getInteger(llvm::StringRef key, int64_t min,
             int64_t max = std::numeric_limits<int32_t>::max());
  /// As getInteger; an absent key is an error, and gives nullopt too.
  std::optional<int64_t>
  requireInteger(llvm::StringRef key, int64_t min,
                 int64_t max = std::numeric_limits<int32_t>::max());
  /// A number, finite as all JSON numbers.
  std::optional<double> getNumber(llvm::StringRef key);
  std::optional<bool> getBool(llvm::StringRef key);
  std::optional<llvm::StringRef> getString(llvm::StringRef key);
  /// The strings of a list; nullopt without one.
  std::optional<llvm::SmallVector<llvm::StringRef>>
  getStrings(llvm::StringRef key);
  /// The integers of a list, each from `min` to `max`; nullopt without one.
  std::optional<llvm::SmallVector<int64_t>>
  getIntegers(llvm::StringRef key, int64_t min, int64_t max);
  JsonSection getSection(llvm::StringRef key);
  /// Whether `key` is there and neither null, false nor an empty object or
  /// list.
  bool isSet(llvm::StringRef key);

  /// These keys are known not to change what is computed.
  void ignore(llvm::ArrayRef<llvm::StringRef> keys);

  /// Emits an error (or a warning, where unknown keys are allowed) for each key
  /// that was neither read nor ignored, up to a number.
  void rejectUnknownKeys();

  /// Begins an error at `key`: "<key> is <value>, but ". The key is there.
  mlir::InFlightDiagnostic mismatch(llvm::StringRef key);
  /// The same as a warning.
  mlir::InFlightDiagnostic warn(llvm::StringRef key);
  /// Begins an error that this section lacks `key`.
  mlir::InFlightDiagnostic missing(llvm::StringRef key);

  /// The value of `key`, which is there, as JSON; long ones are cut.
  std::string quote(llvm::StringRef key) const;

  std::string getPath(llvm::StringRef key) const { return prefix + key.str(); }

private:
  const llvm::json::Value *find(llvm::StringRef key) const;
  const llvm::json::Value *read(llvm::StringRef key);

  JsonConfig &config;
  const llvm::json::Object *object;
  std::string prefix;
  llvm::StringSet<> known;
};

} // namespace lns

#endif // LNS_FRONTEND_JSONCONFIG_H
