// RUN: lns-opt %s --split-input-file --verify-diagnostics --pass-pipeline='builtin.module(func.func(lns-plan-memory))'

// A dynamic shape has no size to plan for.
func.func @dynamic(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  // expected-error@+1 {{'lns.scale' op result 0 has type 'tensor<?x64xf32>', but a plan needs static shapes of at most 2^46 bytes}}
  %a = lns.scale %x factor(2.0) : tensor<?x64xf32>
  return %a : tensor<?x64xf32>
}

// -----

// A product of extents beyond 2^46 bytes is refused before it overflows.
func.func @huge(%x: tensor<4294967296x4294967296xf32>) -> tensor<4294967296x4294967296xf32> {
  // expected-error@+1 {{but a plan needs static shapes of at most 2^46 bytes}}
  %a = lns.scale %x factor(2.0) : tensor<4294967296x4294967296xf32>
  return %a : tensor<4294967296x4294967296xf32>
}
