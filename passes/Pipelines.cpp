//===- Pipelines.cpp - Why each pass stands where it stands -----*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "passes/Pipelines.h"
#include "dialect/LnsDialect.h"
#include "passes/Passes.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

namespace lns {
#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"
} // namespace lns

using namespace mlir;
using namespace lns;

void lns::buildGraphPipeline(OpPassManager &manager,
                             const InstantiateOptions &options) {
  // While the block is written once, so that it warns once.
  manager.addPass(createWarnDeadScales());
  manager.addPass(createWarnUnreadParameters());
  manager.addPass(createInstantiate(options));
  manager.addPass(createVerifyGraph());
}

void lns::buildPaddingPipeline(OpPassManager &manager) {
  // Before elimination, which would leave row ops and folded biases between
  // linears; and before differentiation, which then pads gradients by itself.
  manager.addPass(createPad());
}

void lns::buildEliminationPipeline(OpPassManager &manager, bool eliminate,
                                   bool bf16) {
  if (eliminate) {
    // The scale must have left the norm before fusion looks at it: fusion takes
    // it from the linear's alpha, where it is a property of each reader.
    manager.addPass(createFoldDepthScale());
    FuseNormMatmulOptions options;
    options.bf16 = bf16;
    manager.addPass(createFuseNormMatmul(options));
    manager.addPass(createDeferRowScale());
  }
  // Only what fusion refused is left; it still needs a form with kernels.
  manager.addPass(createDecomposeNorms());
  // After fusion, whose row scales come between a product and its bias.
  manager.addPass(createSplitBias());
  // Before differentiation, so that a value that is computed twice gets one
  // gradient and is kept once.
  manager.addPass(createCSEPass());
}

void lns::buildMixedPrecisionPipeline(OpPassManager &manager) {
  // After elimination, which leaves row ops that say what is summed; before
  // differentiation, which then makes gradients of the same types.
  manager.addPass(createMixedPrecision());
}

void lns::buildTrainPipeline(OpPassManager &manager, int64_t microBatches) {
  // Nothing before needs to know; differentiation then sees what is repeated.
  MicroBatchOptions options;
  options.steps = microBatches;
  manager.addPass(createMicroBatch(options));
  manager.addPass(createDifferentiate());
  // Adjoints leave sums with zero and values that nobody wants. Before the
  // optimizer, whose cloning of @grads would double the work.
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  // Row dots first: their sums are in the way of the others' patterns.
  manager.addPass(createReuseOutputs());
  manager.addPass(createFactorSums());
  // The sums that factoring leaves behind twice, once for the gain's gradient;
  // a product with two readers could take no addend.
  manager.addPass(createCSEPass());
  manager.addPass(createAccumulateProducts());
  // Behind the last CSE, which would find the two computations to be one.
  manager.addNestedPass<func::FuncOp>(createRecomputeActivations());
  manager.addPass(createAddOptimizer());
  manager.addPass(createVerifyTrain());
}

void lns::buildFusePipeline(OpPassManager &manager) {
  // Nothing is differentiated any more.
  manager.addNestedPass<func::FuncOp>(createDropStopGradients());
  manager.addNestedPass<func::FuncOp>(createCluster());
  manager.addNestedPass<func::FuncOp>(createVerifyFused());
}

void lns::buildCudaPreparePipeline(OpPassManager &manager, bool keepWeights) {
  manager.addNestedPass<func::FuncOp>(createDropStopGradients());
  // Before lns-recompute, which then knows what is kept until the loss.
  manager.addNestedPass<func::FuncOp>(createFuseLoss());
  // On training form: the adjoint of a product with a gain is made from the
  // product as it was. The gains' gradients first, which give the backward
  // products the gains that then are in the weights. Not on the CPU, whose
  // products scale weights on their way and have no epilogue.
  manager.addNestedPass<func::FuncOp>(createGainGradients());
  // Before lns-recompute, which then knows what these values take, and before
  // clustering, which makes one kernel of a weight's gain and its rounding.
  manager.addNestedPass<func::FuncOp>(createMaterializeWeights());
  if (keepWeights)
    buildKeepWeightsPipeline(manager);
}

void lns::buildKeepWeightsPipeline(OpPassManager &manager) {
  // While each of these values is still an op or two that read parameters.
  manager.addPass(createKeepWeights());
}

void lns::buildCudaFusePipeline(OpPassManager &manager, bool fuseProducts) {
  manager.addNestedPass<func::FuncOp>(createCluster());
  // Behind clustering, which knows what may share a kernel without looking at
  // products: a kernel of row ops that no product takes stays as it was.
  if (fuseProducts) {
    manager.addNestedPass<func::FuncOp>(createFuseProducts());
    // What a product's row ops are says which kernel it is in.
    manager.addNestedPass<func::FuncOp>(createGroupProducts());
  }
  // Last, since a cut cluster must leave no row op outside.
  manager.addNestedPass<func::FuncOp>(createVerifyFused());
}

void lns::buildMemoryPipeline(OpPassManager &manager) {
  // Last: it fixes the order of ops that every later step must keep.
  manager.addNestedPass<func::FuncOp>(createPlanMemory());
  manager.addNestedPass<func::FuncOp>(createVerifyPlan());
}

namespace {
struct GraphOptions : PassPipelineOptions<GraphOptions> {
  Option<int64_t> batch{*this, "batch", llvm::cl::desc("Sequences in a step"),
                        llvm::cl::init(8)};
  Option<int64_t> seq{*this, "seq", llvm::cl::desc("Tokens in a sequence"),
                      llvm::cl::init(256)};
  Option<bool> documents{
      *this, "documents",
      llvm::cl::desc("Sequences hold several documents, whose starts are an "
                     "input"),
      llvm::cl::init(false)};
  Option<bool> diagnostics{*this, "diagnostics",
                           llvm::cl::desc("Add @trace: the stream, and what "
                                          "blocks add to it"),
                           llvm::cl::init(false)};
  Option<int64_t> decode{*this, "decode",
                         llvm::cl::desc("Add @decode: one token more of so "
                                        "many sequences"),
                         llvm::cl::init(0)};
};
struct CudaFuseOptions : PassPipelineOptions<CudaFuseOptions> {
  Option<bool> keepWeights{*this, "keep-weights",
                           llvm::cl::desc("Keep compute weights from step to "
                                          "step"),
                           llvm::cl::init(true)};
  Option<bool> products{*this, "products",
                        llvm::cl::desc("Make kernels of row ops epilogues of "
                                       "products"),
                        llvm::cl::init(true)};
};
} // namespace

void lns::registerLnsPasses() {
  registerGeneratedPasses();
  PassPipelineRegistration<GraphOptions>(
      "lns-graph", "Model form to graph form",
      [](OpPassManager &manager, const GraphOptions &options) {
        InstantiateOptions instantiate;
        instantiate.batch = options.batch;
        instantiate.seq = options.seq;
        instantiate.documents = options.documents;
        instantiate.diagnostics = options.diagnostics;
        instantiate.decode = options.decode;
        buildGraphPipeline(manager, instantiate);
      });
  PassPipelineRegistration<>(
      "lns-eliminate-norms", "Fold depth scales and norms into matmuls",
      [](OpPassManager &manager) { buildEliminationPipeline(manager); });
  PassPipelineRegistration<>("lns-bf16",
                             "Graph form without norms to bf16 activations",
                             buildMixedPrecisionPipeline);
  PassPipelineRegistration<>(
      "lns-train", "Graph form to training form",
      [](OpPassManager &manager) { buildTrainPipeline(manager); });
  PassPipelineRegistration<>("lns-fuse", "Training form to fused form",
                             buildFusePipeline);
  PassPipelineRegistration<CudaFuseOptions>(
      "lns-fuse-cuda", "Training form to fused form for CUDA",
      [](OpPassManager &manager, const CudaFuseOptions &options) {
        buildCudaPreparePipeline(manager, options.keepWeights);
        buildCudaFusePipeline(manager, options.products);
      });
}
