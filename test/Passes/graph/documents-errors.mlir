// RUN: lns-opt %s --split-input-file --verify-diagnostics --lns-instantiate='batch=2 seq=4 documents=true'

// Who sees what comes later sees the documents behind its own.
lns.model @full(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  // expected-error@+1 {{'lns.attention' op is not causal, but only causal attention keeps to the documents of a row; add 'causal', or compile without documents}}
  %y = lns.attention %x, %x, %x heads(2) kv_heads(2) : (tensor<?x?x4xf32>, tensor<?x?x4xf32>, tensor<?x?x4xf32>) -> tensor<?x?x4xf32>
  lns.output %y : tensor<?x?x4xf32>
}

// -----

// Tokens are no starts, though they are of their type.
lns.model @tokens(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  // expected-error@+1 {{has starts of documents in a model, but those come from lns-instantiate; leave them out, and compile with documents}}
  %y = lns.rope %x starts(%tokens) head_dim(4) : tensor<?x?x4xf32>, tensor<?x?xi32>
  lns.output %y : tensor<?x?x4xf32>
}
