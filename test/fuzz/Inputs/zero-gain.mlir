// lns-fuzz: batch=1 seq=2 norms=0 data=982700
lns.model @m(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 0.3) : tensor<100x17xf32>
  %w = lns.param "w" matrix init(normal, 0.1) : tensor<16x17xf32>
  %b = lns.param "b" bias init(normal, 0.3) : tensor<16xf32>
  %o = lns.param "o" matrix init(ones) : tensor<17x16xf32>
  %x = lns.embedding %e, %tokens : (tensor<100x17xf32>, tensor<?x?xi32>) -> tensor<?x?x17xf32>
  %g = lns.constant 0.0 : tensor<17xf32>
  %n = lns.norm layer %x, %g : tensor<?x?x17xf32>, tensor<17xf32>
  %z = lns.linear %n, %w bias(%b) : (tensor<?x?x17xf32>, tensor<16x17xf32>, tensor<16xf32>) -> tensor<?x?x16xf32>
  %q = lns.rope %z head_dim(16) : tensor<?x?x16xf32>
  %y = lns.linear %q, %o : (tensor<?x?x16xf32>, tensor<17x16xf32>) -> tensor<?x?x17xf32>
  lns.output %y : tensor<?x?x17xf32>
}
