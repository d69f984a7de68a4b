// lns-fuzz: batch=3 seq=5 data=7
lns.model @m(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 0.3) : tensor<11x6xf32>
  %w = lns.param "w" matrix init(normal, 0.3) : tensor<6x6xf32>
  %x = lns.embedding %e, %tokens : (tensor<11x6xf32>, tensor<?x?xi32>) -> tensor<?x?x6xf32>
  %u = lns.linear %x, %w : (tensor<?x?x6xf32>, tensor<6x6xf32>) -> tensor<?x?x6xf32>
  %g = lns.gated_activation silu %x, %u : tensor<?x?x6xf32>
  %y = lns.linear %g, %e : (tensor<?x?x6xf32>, tensor<11x6xf32>) -> tensor<?x?x11xf32>
  lns.output %y : tensor<?x?x11xf32>
}
