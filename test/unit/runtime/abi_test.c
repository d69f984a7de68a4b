//===- abi_test.c - lnsrt.h is C, and refuses null ------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "runtime/lnsrt.h"

// Returns the number of the first check that failed, 0 when all hold. Compiled
// as C, so that the header stays one that C can read.
int lns_c_abi_check(void);

static int refuses(lnsrt_error *error) {
  int right = lnsrt_error_get_code(error) == LNSRT_INVALID_ARGUMENT &&
              lnsrt_error_message(error)[0] != '\0' &&
              lnsrt_error_place(error)[0] != '\0';
  lnsrt_error_free(error);
  return right;
}

int lns_c_abi_check(void) {
  lnsrt_plan *plan = NULL;
  lnsrt_session *session = NULL;
  lnsrt_plan_info info = {.struct_size = sizeof info};
  lnsrt_memory memory = {.struct_size = sizeof memory};
  lnsrt_tensor_info tensor = {.struct_size = sizeof tensor};
  lnsrt_step_result result = {.struct_size = sizeof result};
  const char *json = NULL;
  const lnsrt_profile_row *rows = NULL;
  size_t count = 0;
  float value = 0;
  double seconds = 0;
  int32_t token = 0;
  lnsrt_batch batch = {.struct_size = sizeof batch, .tokens = &token};

  if (lnsrt_abi_version() != LNSRT_ABI_VERSION)
    return 1;
  if (lnsrt_error_get_code(NULL) != LNSRT_OK)
    return 2;
  if (lnsrt_error_message(NULL)[0] || lnsrt_error_place(NULL)[0])
    return 3;
  lnsrt_error_free(NULL);
  lnsrt_plan_release(NULL);
  lnsrt_session_release(NULL);
  if (!refuses(lnsrt_plan_open(NULL, &plan)))
    return 4;
  if (!refuses(lnsrt_plan_open("x", NULL)))
    return 5;
  if (!refuses(lnsrt_plan_open_memory(NULL, 1, &plan)))
    return 6;
  if (!refuses(lnsrt_plan_get_info(NULL, &info)))
    return 7;
  if (!refuses(lnsrt_plan_get_json(NULL, &json)))
    return 8;
  if (lnsrt_plan_config_json(NULL)[0] || lnsrt_plan_identity(NULL)[0])
    return 9;
  if (!refuses(lnsrt_session_create(NULL, NULL, &session)))
    return 10;
  if (lnsrt_session_cpu_level(NULL)[0] || lnsrt_session_matmul(NULL)[0])
    return 11;
  if (lnsrt_session_threads(NULL) != 0 || lnsrt_tensor_count(NULL) != 0)
    return 12;
  if (!refuses(lnsrt_init(NULL, 1)))
    return 13;
  if (!refuses(lnsrt_set_steps_done(NULL, 1)))
    return 31;
  if (!refuses(lnsrt_project(NULL, NULL)))
    return 32;
  if (!refuses(lnsrt_train_step(NULL, &token, &token, NULL, &result)))
    return 14;
  if (!refuses(lnsrt_grads(NULL, &token, &token, &value)))
    return 15;
  if (!refuses(lnsrt_apply(NULL, NULL, &value)))
    return 16;
  if (!refuses(lnsrt_eval(NULL, &token, &token, &value)))
    return 17;
  if (!refuses(lnsrt_logits(NULL, &token, &value)))
    return 18;
  if (!refuses(lnsrt_train_step_of(NULL, &batch, NULL, &result)))
    return 33;
  if (!refuses(lnsrt_grads_of(NULL, &batch, &value)))
    return 34;
  if (!refuses(lnsrt_eval_of(NULL, &batch, &value)))
    return 35;
  if (!refuses(lnsrt_logits_of(NULL, &batch, &value)))
    return 36;
  if (!refuses(lnsrt_decode(NULL, &token, &token, &value)))
    return 37;
  if (!refuses(lnsrt_tensor_get_info(NULL, 0, &tensor)))
    return 19;
  if (!refuses(lnsrt_tensor_read(NULL, LNSRT_PARAMETER, 0, &value, 1)))
    return 20;
  if (!refuses(lnsrt_tensor_read_part(NULL, LNSRT_PARAMETER, 0, 0, &value, 1)))
    return 24;
  if (!refuses(lnsrt_plan_get_memory(NULL, 1, &memory)))
    return 25;
  if (!refuses(lnsrt_session_memory(NULL, &memory)))
    return 26;
  if (!refuses(lnsrt_tensor_write(NULL, LNSRT_PARAMETER, 0, &value, 1)))
    return 21;
  if (!refuses(lnsrt_profile_step(NULL, 1, &rows, &count)))
    return 22;
  if (!refuses(lnsrt_run_matmuls(NULL, &seconds)))
    return 23;
  if (!refuses(lnsrt_plan_get_device_memory(NULL, "cpu", 1, &memory)))
    return 27;
  if (!refuses(lnsrt_get_devices_json(NULL)))
    return 28;
  if (!refuses(lnsrt_session_get_json(NULL, &json)))
    return 29;
  if (lnsrt_session_device(NULL)[0])
    return 30;
  return 0;
}
