//===- error.cpp - Errors of the runtime ----------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/base/error.h"

namespace {
// Short enough for the string's own buffer where it can be, and built before
// anybody can call us.
lnsrt_error outOfMemory{LNSRT_OUT_OF_MEMORY,
                        "out of memory; use a smaller batch or model", "lnsrt"};
} // namespace

lnsrt_error *lns::outOfMemoryError() { return &outOfMemory; }

extern "C" {

lnsrt_error_code lnsrt_error_get_code(const lnsrt_error *error) {
  return error ? error->code : LNSRT_OK;
}

const char *lnsrt_error_message(const lnsrt_error *error) {
  return error ? error->message.c_str() : "";
}

const char *lnsrt_error_place(const lnsrt_error *error) {
  return error ? error->place.c_str() : "";
}

void lnsrt_error_free(lnsrt_error *error) {
  if (error != &outOfMemory)
    delete error;
}

uint32_t lnsrt_abi_version(void) { return LNSRT_ABI_VERSION; }

} // extern "C"
