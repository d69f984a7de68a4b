//===- Pipelines.h - The phases of a compilation ----------------*- C++ -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#ifndef LNS_PASSES_PIPELINES_H
#define LNS_PASSES_PIPELINES_H

#include <cstdint>

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace lns {

struct InstantiateOptions;

/// Model form to graph form; what the options mean is `lns-instantiate`'s.
void buildGraphPipeline(mlir::OpPassManager &manager,
                        const InstantiateOptions &options);
/// Inner widths of graph form to what the target's kernels like.
void buildPaddingPipeline(mlir::OpPassManager &manager);
/// Graph form with norms to graph form without. With `eliminate` false, every
/// norm is computed where it stands, for comparisons. With `bf16`, so are those
/// whose gradients would suffer from rounding.
void buildEliminationPipeline(mlir::OpPassManager &manager,
                              bool eliminate = true, bool bf16 = false);
/// Graph form without norms to one with bf16 activations.
void buildMixedPrecisionPipeline(mlir::OpPassManager &manager);
/// Graph form to training form, for a step of so many batches.
void buildTrainPipeline(mlir::OpPassManager &manager, int64_t microBatches = 1);
/// Training form to fused form.
void buildFusePipeline(mlir::OpPassManager &manager);
/// Training form to one whose products CUDA kernels can compute. With
/// `keepWeights`, what weights become for them is kept from step to step.
void buildCudaPreparePipeline(mlir::OpPassManager &manager, bool keepWeights);
/// The second half of it: keeps what the first one has computed.
void buildKeepWeightsPipeline(mlir::OpPassManager &manager);
/// What that one becomes: fused form. With `fuseProducts`, kernels of row ops
/// are epilogues of the products that they read.
void buildCudaFusePipeline(mlir::OpPassManager &manager, bool fuseProducts);
/// Places every value.
void buildMemoryPipeline(mlir::OpPassManager &manager);

} // namespace lns

#endif // LNS_PASSES_PIPELINES_H
