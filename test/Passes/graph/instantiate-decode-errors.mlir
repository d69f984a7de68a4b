// RUN: lns-opt %s --split-input-file --verify-diagnostics --lns-instantiate='batch=2 seq=4 decode=2'

// Who sees what comes later changes with every token.
lns.model @full(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  // expected-error@+1 {{'lns.attention' op is not causal, so that every token changes what those before it have seen, and none can be decoded alone; add 'causal', or compile without decode}}
  %y = lns.attention %x, %x, %x heads(2) kv_heads(2) : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  lns.output %y : tensor<?x?x4xf32>
}

// -----

// A function of the module's own has the name already: parameters may not.
lns.model @taken(%tokens: tensor<?x?xi32>) {
  // expected-error@+1 {{is called 'decode', as is a function or another symbol of the module; rename the parameter}}
  %e = lns.param "decode" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  lns.output %x : tensor<?x?x4xf32>
}
