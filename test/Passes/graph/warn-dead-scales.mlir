// RUN: lns-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(lns-warn-dead-scales)'

// A norm divides out what multiplies all of its input.
func.func @scale(%x: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  // expected-warning@+1 {{factor 0.5 has no effect: only norms read the result, and but for eps they divide it out; remove it, or scale the norm's output instead}}
  %s = lns.scale %x factor(0.5) : tensor<2x4xf32>
  %n = lns.norm rms %s : tensor<2x4xf32>
  // expected-note@+1 {{a norm reads it here}}
  %m = lns.norm layer %s : tensor<2x4xf32>
  return %n, %m : tensor<2x4xf32>, tensor<2x4xf32>
}

// -----

// Both branches of a residual alike.
func.func @residual(%x: tensor<2x4xf32>, %f: tensor<2x4xf32>) -> tensor<2x4xf32> {
  // expected-warning@+1 {{skip_scale = branch_scale = 0.25 has no effect}}
  %s = lns.residual %x, %f {skip_scale = 0.25 : f64, branch_scale = 0.25 : f64} : tensor<2x4xf32>
  // expected-note@+1 {{a norm reads it here}}
  %n = lns.norm rms %s : tensor<2x4xf32>
  return %n : tensor<2x4xf32>
}

// -----

func.func @linear(%x: tensor<2x4xf32>, %w: tensor<4x4xf32>) -> tensor<2x4xf32> {
  // expected-warning@+1 {{alpha 3 has no effect}}
  %s = lns.linear %x, %w {alpha = 3.0 : f64} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  // expected-note@+1 {{a norm reads it here}}
  %n = lns.norm rms %s : tensor<2x4xf32>
  return %n : tensor<2x4xf32>
}

// -----

// The scale of a norm that feeds another one, bias and all.
func.func @norm(%x: tensor<2x4xf32>, %b: tensor<4xf32>) -> tensor<2x4xf32> {
  // expected-warning@+1 {{scale 0.5 has no effect}}
  %s = lns.norm layer %x bias(%b) scale(0.5) : tensor<2x4xf32>, tensor<4xf32>
  // expected-note@+1 {{a norm reads it here}}
  %n = lns.norm rms %s : tensor<2x4xf32>
  return %n : tensor<2x4xf32>
}

// -----

// A depth scale in the wrong place, in model form: once for the whole model.
lns.model @m(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(zeros) : tensor<8x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<8x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %y = lns.layers(%h = %x) depth(12) : tensor<?x?x4xf32> {
    // expected-warning@+1 {{depth scale 'inv_sqrt_depth' has no effect}}
    %s = lns.norm rms %h depth_scale(inv_sqrt_depth) : tensor<?x?x4xf32>
    // expected-note@+1 {{a norm reads it here}}
    %n = lns.norm rms %s : tensor<?x?x4xf32>
    lns.yield %n : tensor<?x?x4xf32>
  }
  lns.output %y : tensor<?x?x4xf32>
}

// -----

// No warning: somebody else reads the scaled value.
func.func @other_reader(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %s = lns.scale %x factor(0.5) : tensor<2x4xf32>
  %n = lns.norm rms %s : tensor<2x4xf32>
  %y = lns.residual %s, %n : tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

// -----

// No warning: a tanh is not of another size.
func.func @tanh_norm(%x: tensor<2x4xf32>, %a: tensor<1xf32>) -> tensor<2x4xf32> {
  %s = lns.scale %x factor(0.5) : tensor<2x4xf32>
  %n = lns.norm tanh %s alpha(%a) : tensor<2x4xf32>, tensor<1xf32>
  return %n : tensor<2x4xf32>
}

// -----

// No warning: nobody reads it at all, or it is a norm's gain.
func.func @no_norm(%x: tensor<2x4xf32>, %g: tensor<4xf32>) -> tensor<2x4xf32> {
  %unread = lns.scale %x factor(0.5) : tensor<2x4xf32>
  %h = lns.scale %g factor(0.5) : tensor<4xf32>
  %n = lns.norm rms %x, %h : tensor<2x4xf32>, tensor<4xf32>
  return %n : tensor<2x4xf32>
}

// -----

// No warning: the sign goes through a norm, and zero stays zero.
func.func @sign(%x: tensor<2x4xf32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) {
  %s = lns.scale %x factor(-0.5) : tensor<2x4xf32>
  %z = lns.scale %x factor(0.0) : tensor<2x4xf32>
  %n = lns.norm rms %s : tensor<2x4xf32>
  %m = lns.norm rms %z : tensor<2x4xf32>
  return %n, %m : tensor<2x4xf32>, tensor<2x4xf32>
}

// -----

// No warning: the branches of this residual are weighed against each other, and
// this linear's bias is not scaled.
func.func @relative(%x: tensor<2x4xf32>, %w: tensor<4x4xf32>, %b: tensor<4xf32>) -> tensor<2x4xf32> {
  %f = lns.linear %x, %w bias(%b) {alpha = 3.0 : f64} : (tensor<2x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>
  %n = lns.norm rms %f : tensor<2x4xf32>
  %s = lns.residual %x, %n {branch_scale = 0.25 : f64} : tensor<2x4xf32>
  %m = lns.norm rms %s : tensor<2x4xf32>
  return %m : tensor<2x4xf32>
}

// -----

// No warning: a factor of 1 is none.
func.func @one(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %s = lns.norm rms %x : tensor<2x4xf32>
  %n = lns.norm rms %s : tensor<2x4xf32>
  return %n : tensor<2x4xf32>
}

// -----

// A scale of all heads is one of each head.
func.func @heads(%x: tensor<2x4xf32>, %w: tensor<4x4xf32>) -> tensor<2x2x2xf32> {
  // expected-warning@+1 {{alpha 3 has no effect: only norms read the result}}
  %s = lns.linear %x, %w {alpha = 3.0 : f64} : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
  %h = lns.reshape %s : tensor<2x4xf32> to tensor<2x2x2xf32>
  // expected-note@+1 {{a norm reads it here}}
  %n = lns.norm rms %h : tensor<2x2x2xf32>
  return %n : tensor<2x2x2xf32>
}

// -----

// Does not fire where another op reads the heads, too.
func.func @heads_read(%x: tensor<2x4xf32>) -> (tensor<2x2x2xf32>, tensor<2x2x2xf32>) {
  %s = lns.scale %x factor(0.5) : tensor<2x4xf32>
  %h = lns.reshape %s : tensor<2x4xf32> to tensor<2x2x2xf32>
  %n = lns.norm rms %h : tensor<2x2x2xf32>
  return %n, %h : tensor<2x2x2xf32>, tensor<2x2x2xf32>
}
