// RUN: lns-opt %s --split-input-file --verify-diagnostics --lns-instantiate='batch=2 seq=4'
// RUN: not lns-opt %s --lns-instantiate='batch=0 seq=4' 2>&1 | FileCheck %s --check-prefix=ZERO
// RUN: not lns-opt %s --lns-instantiate='batch=2 seq=4294967296' 2>&1 | FileCheck %s --check-prefix=LARGE
// ZERO: error: batch 0 and seq 4 must be at least 1 and fit 32 bits
// LARGE: error: batch 2 and seq 4294967296 must be at least 1 and fit 32 bits

// A file without a model.
// expected-error@+1 {{a module has one lns.model to instantiate, but this one has 0}}
module {
}

// -----

// Two models.
// expected-error@+1 {{a module has one lns.model to instantiate, but this one has 2}}
module {
  lns.model @a(%tokens: tensor<?x?xi32>) {
    %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
    %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
    lns.output %x : tensor<?x?x4xf32>
  }
  lns.model @b(%tokens: tensor<?x?xi32>) {
    %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
    %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
    lns.output %x : tensor<?x?x4xf32>
  }
}

// -----

// A batch that is fixed in the text is not what the command line says.
// expected-error@+1 {{has tokens of type 'tensor<3x?xi32>', but batch and time come from lns-instantiate; write tensor<?x?xi32>}}
lns.model @fixed(%tokens: tensor<3x?xi32>) {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<3x?xi32>) -> tensor<3x?x4xf32>
  lns.output %x : tensor<3x?x4xf32>
}

// -----

// A width that is open: nothing says what it is.
lns.model @open(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
  // expected-error@+1 {{has type 'tensor<?x?x?xf32>' with 3 dynamic dimensions, but model form has two, batch and time}}
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x?xf32>
  lns.output %x : tensor<?x?x?xf32>
}

// -----

// More elements than anything could hold.
lns.model @large(%tokens: tensor<?x?xi32>) {
  // expected-error@+1 {{has type 'tensor<2000000x2000000xf32>' for batch 2 and seq 4, but a tensor has at most 2^40 elements; use a smaller batch, seq or model}}
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<2000000x2000000xf32>
  %x = lns.embedding %e, %tokens : (tensor<2000000x2000000xf32>, tensor<?x?xi32>) -> tensor<?x?x2000000xf32>
  lns.output %x : tensor<?x?x2000000xf32>
}

// -----

// Parameters and functions share one table of symbols.
lns.model @clash(%tokens: tensor<?x?xi32>) {
  // expected-error@+1 {{is called 'train_step', as is a function or another symbol of the module; rename the parameter}}
  %e = lns.param "train_step" embedding init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  lns.output %x : tensor<?x?x4xf32>
}

// -----

// Learned positions end somewhere.
lns.model @positions(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<4x4xf32>
  %p = lns.param "p" embedding init(normal, 1.0) : tensor<3x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<4x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  // expected-error@+1 {{has a table of 3 positions, but seq is 4; use a shorter seq or a longer table}}
  %y = lns.add_positions %x, %p : tensor<?x?x4xf32>, tensor<3x4xf32>
  lns.output %y : tensor<?x?x4xf32>
}
