/* Trains a plan for some steps on tokens of its own, in C.
 *
 * The data is a counting sequence, which any model learns: the loss falls. */

#include <lnsrt.h>

#include <stdio.h>
#include <stdlib.h>

static int fail(lnsrt_error *error) {
  fprintf(stderr, "trainer: error: %s: %s\n", lnsrt_error_place(error),
          lnsrt_error_message(error));
  lnsrt_error_free(error);
  return 1;
}

static int train(lnsrt_plan *plan, lnsrt_session *session) {
  lnsrt_plan_info info = {.struct_size = sizeof info};
  lnsrt_error *error = lnsrt_plan_get_info(plan, &info);
  if (!error)
    error = lnsrt_init(session, /*seed=*/1);
  if (error)
    return fail(error);

  size_t count = (size_t)info.batch * info.sequence;
  int32_t *tokens = malloc((count + 1) * sizeof *tokens);
  if (!tokens) {
    fprintf(stderr, "trainer: error: out of memory\n");
    return 1;
  }
  for (size_t i = 0; i <= count; ++i)
    tokens[i] = (int32_t)(i % info.vocabulary);

  lnsrt_optimizer_options options = {.struct_size = sizeof options,
                                     .lr = 3e-3f,
                                     .beta1 = 0.9f,
                                     .beta2 = 0.95f,
                                     .eps = 1e-8f,
                                     .weight_decay = 0.1f,
                                     .clip = 1.0f};
  for (int step = 1; step <= 20 && !error; ++step) {
    lnsrt_step_result result = {.struct_size = sizeof result};
    options.step = (uint64_t)step;
    /* Each token's target is its successor. */
    error = lnsrt_train_step(session, tokens, tokens + 1, &options, &result);
    if (!error)
      printf("step %d loss %.4f\n", step, result.loss);
  }
  free(tokens);
  return error ? fail(error) : 0;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: trainer PLAN\n");
    return 2;
  }
  lnsrt_plan *plan = NULL;
  lnsrt_error *error = lnsrt_plan_open(argv[1], &plan);
  if (error)
    return fail(error);
  lnsrt_session *session = NULL;
  error = lnsrt_session_create(plan, NULL, &session);
  int status = error ? fail(error) : train(plan, session);
  lnsrt_session_release(session);
  lnsrt_plan_release(plan);
  return status;
}
