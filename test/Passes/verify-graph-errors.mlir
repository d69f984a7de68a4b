// RUN: lns-opt %s --split-input-file --verify-diagnostics --lns-verify-graph

// Everything that should be gone is listed, not only the first.
// expected-error@+1 {{'lns.model' op is model form, which must be gone after 'lns-instantiate'}}
lns.model @m(%tokens: tensor<2x4xi32>) {
  // expected-error@+1 {{'lns.param' op is model form}}
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<2x4xi32>) -> tensor<2x4x4xf32>
  // expected-error@+1 {{'lns.layers' op is model form}}
  %y = lns.layers(%h = %x) depth(1) : tensor<2x4x4xf32> {
    // expected-error@+1 {{has a symbolic depth scale, which must be a number in graph form}}
    %n = lns.norm rms %h depth_scale(inv_sqrt_depth) : tensor<2x4x4xf32>
    // expected-error@+1 {{takes more steps in each layer, which must be numbers in graph form}}
    %a = lns.ramp steps(5.0) per_layer : tensor<1xf32>
    lns.yield %n : tensor<2x4x4xf32>
  }
  lns.output %y : tensor<2x4x4xf32>
}

// -----

// Open shapes, of arguments and of results.
// expected-error@+1 {{has type 'tensor<?x4xf32>', but graph form has static shapes only}}
func.func @open(%x: tensor<?x4xf32>) -> tensor<?x4xf32> {
  // expected-error@+1 {{has type 'tensor<?x4xf32>', but graph form has static shapes only}}
  %y = lns.scale %x factor(2.0) : tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Graph form passes.
lns.parameter @w matrix init(normal, 1.0) decay(true) : tensor<3xf32>
func.func @eval() -> tensor<f32> {
  %w = lns.get parameter @w : tensor<3xf32>
  %loss = lns.mean %w : (tensor<3xf32>) -> tensor<f32>
  return %loss : tensor<f32>
}
