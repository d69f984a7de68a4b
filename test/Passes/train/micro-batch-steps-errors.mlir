// RUN: lns-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(lns-micro-batch{steps=0})'

// No step at all.
// expected-error@+1 {{steps is 0, expected a positive 32-bit integer}}
module {
}
