//===- checkpoint_commands.cpp - lns grads --------------------------------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "tools/lns/base/arg_parser.h"
#include "tools/lns/checkpoint/checkpoint.h"
#include "tools/lns/commands/commands.h"
#include "tools/lns/commands/data_sources.h"
#include "tools/lns/commands/loaded_model.h"
#include "tools/lns/commands/session_options.h"
#include "tools/lns/train/plan_session.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fmt/format.h>
#include <memory>

namespace lns::tool {

/// L2 norm over all gradients, summed in a fixed order in double.
static Status gradientNorm(PlanSession &session, double &norm) {
  double sum = 0;
  std::vector<float> buffer;
  for (size_t i = 0; i < session.tensors().size(); ++i) {
    if (session.tensors()[i].frozen)
      continue;
    buffer.resize(session.tensors()[i].elements);
    LNS_RETURN_IF_ERROR(session.read(TensorKind::Gradient, i, 0, buffer));
    for (float g : buffer)
      sum += static_cast<double>(g) * static_cast<double>(g);
  }
  norm = std::sqrt(sum);
  return Status::success();
}

Status runGrads(Arguments arguments) {
  std::string planPath, checkpoint, adapter, tokenPath, tokenType, out;
  bool json = false, withLogits = false;
  uint64_t stepsDone = 0;
  bool force = false;
  PlanSession::Options sessionOptions;
  ArgParser parser("lns grads",
                   "Loss and every gradient for the first B x T tokens of a "
                   "shard; no clipping. For comparison with other trainers.");
  parser.positional("PLAN", &planPath, "plan made by lnsc");
  parser.option("--checkpoint", "PATH", &checkpoint,
                "checkpoint, run folder or safetensors file");
  parser.required();
  parser.option("--tokens", "SHARD", &tokenPath, "token shard");
  parser.required();
  declareTokenType(parser, &tokenType);
  parser.option("-o", "FILE", &out,
                "safetensors file for the gradients, under the parameters' "
                "names");
  parser.required();
  parser.flag("--logits", &withLogits,
              "add the tensors 'loss' [1] and 'logits' [B, T, vocabulary]");
  parser.flag("--json", &json, "print JSON");
  declareStepsDone(parser, &stepsDone);
  declareAdapter(parser, &adapter);
  declareForce(parser, &force);
  declareSessionOptions(parser, &sessionOptions);
  LNS_RETURN_IF_ERROR(parser.parse(arguments));
  if (parser.helpRequested()) {
    std::fputs(parser.help().c_str(), stdout);
    return Status::success();
  }
  Expected<LoadedModel> model =
      loadModel(planPath, checkpoint, adapter, force,
                getStepsDone(parser, stepsDone), sessionOptions);
  if (!model)
    return model.status();
  Expected<std::unique_ptr<HeldOutSource>> rows =
      openHeldOut(*model->plan, {tokenPath}, tokenType, {});
  if (!rows)
    return rows.status();
  Batch batch = model->plan->makeBatch();
  LNS_RETURN_IF_ERROR((*rows)->fillRows(0, batch));
  float loss = 0;
  LNS_RETURN_IF_ERROR(model->session->grads(batch, loss));
  double norm = 0;
  LNS_RETURN_IF_ERROR(gradientNorm(*model->session, norm));
  if (!std::isfinite(loss) || !std::isfinite(norm))
    return Status::failure(fmt::format(
        "{}: loss {}, gradient norm {}; the checkpoint is damaged or has "
        "diverged",
        checkpoint, loss, norm));
  std::vector<ExtraTensor> extras;
  if (withLogits) {
    const lnsrt_plan_info &info = model->plan->info();
    extras = {{"loss", {1}, {loss}},
              {"logits", {info.batch, info.sequence, info.vocabulary}, {}}};
    std::vector<float> &logits = extras[1].data;
    logits.resize(batch.tokens.size() * info.vocabulary);
    LNS_RETURN_IF_ERROR(model->session->logits(batch, logits));
  }
  LNS_RETURN_IF_ERROR(
      saveTensors(out, *model->session, TensorKind::Gradient, extras));
  auto trained = std::count_if(
      model->session->tensors().begin(), model->session->tensors().end(),
      [](const TensorDescription &tensor) { return !tensor.frozen; });
  if (json)
    fmt::print("{{\"loss\":{},\"grad_norm\":{},\"tensors\":{}}}\n", loss, norm,
               trained);
  else
    fmt::print("loss={}\ngrad_norm={:.9g}\n{} gradients in {}\n", loss, norm,
               trained, out);
  return Status::success();
}

} // namespace lns::tool
