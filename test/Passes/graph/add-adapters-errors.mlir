// Every way in which adapters cannot be added, each by its name.
// RUN: split-file %s %t
// DEFINE: %{options} =
// DEFINE: %{model} = %t/model.mlir
// DEFINE: %{run} = not lns-opt %{model} --lns-add-adapters='%{options}' 2>&1 | FileCheck %s --check-prefix

// REDEFINE: %{options} = targets=k_proj
// RUN: %{run}=NEAREST
// NEAREST: no linear is called 'k_proj'; did you mean 'q_proj'?
// REDEFINE: %{options} = targets=norm
// RUN: %{run}=NORM
// NORM: module 'norm' is no linear, and adapters are for these alone; train it whole (save)
// REDEFINE: %{options} = targets=c_attn
// RUN: %{run}=FUSED
// FUSED: no linear is called 'c_attn': what files of GPT-2 call 'c_attn' is q_proj, k_proj and v_proj, three parameters of their own here; name these
// REDEFINE: %{options} = targets=q_proj alpha=1.0e-44
// RUN: %{run}=SMALL
// SMALL: adapters of rank 8 are multiplied by {{.*}}, which f32 does not hold; give an alpha near the rank
// REDEFINE: %{options} = targets=q_proj save=norm
// REDEFINE: %{model} = %t/frozen.mlir
// RUN: sed 's/gain init(ones) : tensor<4xf32>/gain init(ones) frozen : tensor<4xf32>/' %t/model.mlir > %t/frozen.mlir
// RUN: %{run}=KEPT
// KEPT: parameter 'norm.weight' is frozen, but 'norm' was to be trained whole; take 'frozen' away, or do not save it
// REDEFINE: %{model} = %t/model.mlir
// REDEFINE: %{options} = rank=4
// RUN: %{run}=NONE
// NONE: no targets for adapters; name modules, as q_proj:v_proj, or all of the blocks with all-linear
// REDEFINE: %{options} = targets=q_proj,q_proj
// RUN: %{run}=TWICE
// TWICE: target 'q_proj' is given twice; name each module once
// REDEFINE: %{options} = targets=q_proj save=lm_heat
// RUN: %{run}=SAVE
// SAVE: no module is called 'lm_heat', which was to be trained whole; did you mean 'lm_head'?
// REDEFINE: %{options} = targets=q_proj save=q_proj
// RUN: %{run}=BOTH
// BOTH: module 'blocks.{layer}.q_proj' is both to get an adapter and to be trained whole; choose one of them
// REDEFINE: %{options} = targets=tied
// RUN: %{run}=TIED
// TIED: has the weight 'tied.weight', which 'lns.embedding' reads, too: an adapter would be of one of them, and could not be merged; untie them, or leave out this module
// REDEFINE: %{options} = targets=odd
// RUN: %{run}=ODD
// ODD: an adapter is called after a module's weight, NAME.weight, but this one is 'odd.matrix'; rename it
// REDEFINE: %{options} = targets=gained
// RUN: %{run}=GAINED
// GAINED: has a gain already, but an adapter is that of a linear without; write it as a norm before
// REDEFINE: %{options} = rank=0 targets=q_proj
// RUN: %{run}=RANK
// RANK: the rank of adapters is 0, expected 1 to 65536
// REDEFINE: %{options} = alpha=-1 targets=q_proj
// RUN: %{run}=ALPHA
// ALPHA: the alpha of adapters is {{-1.*}}, expected a finite number above 0

// REDEFINE: %{model} = %t/projected.mlir
// REDEFINE: %{options} = targets=all-linear
// RUN: %{run}=BLOCKS
// BLOCKS: no linear is in a block, of which all-linear is all; name modules instead
// REDEFINE: %{options} = targets=q_proj
// RUN: %{run}=PROJECT
// PROJECT: parameter 'q_proj.weight' is kept at length 1, project(rows), which a weight with an adapter is not; adapters are not for such models

// Twice: all is frozen, and there is an adapter.
// REDEFINE: %{model} = %t/once.mlir
// RUN: lns-opt %t/model.mlir --lns-add-adapters='targets=q_proj' -o %t/once.mlir
// RUN: sed 's/gain init(ones) : tensor<4xf32>/gain init(ones) frozen : tensor<4xf32>/' %t/model.mlir > %t/frozen.mlir
// RUN: %{run}=FROZEN
// FROZEN: has the weight 'blocks.{layer}.q_proj.weight', which is frozen already; add adapters to a model that has none
// RUN: sed 's/ frozen//' %t/once.mlir > %t/thawed.mlir
// REDEFINE: %{model} = %t/thawed.mlir
// RUN: %{run}=AGAIN
// AGAIN: has an adapter already, 'blocks.{layer}.q_proj.lora_A.weight'

//--- model.mlir
lns.model @m(%tokens: tensor<?x?xi32>) {
  %e = lns.param "tied.weight" embedding init(normal, 0.5) : tensor<8x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<8x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %t = lns.linear %x, %e : (tensor<?x?x4xf32>, tensor<8x4xf32>) -> tensor<?x?x8xf32>
  %o = lns.param "odd.matrix" matrix init(normal, 0.5) : tensor<4x8xf32>
  %u = lns.linear %t, %o : (tensor<?x?x8xf32>, tensor<4x8xf32>) -> tensor<?x?x4xf32>
  %c = lns.param "gained.weight" matrix init(normal, 0.5) : tensor<4x4xf32>
  %cg = lns.param "gained.gain" gain init(ones) : tensor<4xf32>
  %v = lns.linear %u, %c gain(%cg) : (tensor<?x?x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<?x?x4xf32>
  %y = lns.layers(%h = %v) depth(2) : tensor<?x?x4xf32> {
    %q = lns.param "blocks.{layer}.q_proj.weight" matrix init(normal, 0.02) : tensor<4x4xf32>
    %r = lns.linear %h, %q : (tensor<?x?x4xf32>, tensor<4x4xf32>) -> tensor<?x?x4xf32>
    lns.yield %r : tensor<?x?x4xf32>
  }
  %g = lns.param "norm.weight" gain init(ones) : tensor<4xf32>
  %n = lns.norm rms %y, %g : tensor<?x?x4xf32>, tensor<4xf32>
  %w = lns.param "lm_head.weight" matrix init(normal, 0.02) : tensor<8x4xf32>
  %l = lns.linear %n, %w : (tensor<?x?x4xf32>, tensor<8x4xf32>) -> tensor<?x?x8xf32>
  lns.output %l : tensor<?x?x8xf32>
}
//--- projected.mlir
lns.model @m(%tokens: tensor<?x?xi32>) {
  %e = lns.param "embed.weight" embedding init(normal, 0.5) : tensor<8x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<8x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %q = lns.param "q_proj.weight" matrix init(normal, 0.02) project(rows) : tensor<4x4xf32>
  %r = lns.linear %x, %q : (tensor<?x?x4xf32>, tensor<4x4xf32>) -> tensor<?x?x4xf32>
  %l = lns.linear %r, %e : (tensor<?x?x4xf32>, tensor<8x4xf32>) -> tensor<?x?x8xf32>
  lns.output %l : tensor<?x?x8xf32>
}
