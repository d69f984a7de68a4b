//===- devices.h - What sessions can run on ----------------------- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_RUNTIME_SESSION_DEVICES_H
#define LNS_RUNTIME_SESSION_DEVICES_H

#include "runtime/plan/plan_file.h"

namespace lns {

/// The device that is asked for, or, when null, the one that the plan has code
/// for.
std::string_view chooseDevice(const lnsrt_plan &plan, const char *device);

/// An error unless the plan has code for it.
Error requireCode(const lnsrt_plan &plan, std::string_view device);

/// What a session on the device takes, which need not be there.
Error deviceMemory(const lnsrt_plan &plan, const char *device, uint32_t threads,
                   SessionMemory &memory);

/// The answer of lnsrt_get_devices_json; docs/lns.md has the keys.
std::string devicesJson();

} // namespace lns

#endif // LNS_RUNTIME_SESSION_DEVICES_H
