// lns-fuzz: batch=1 seq=4 cuda=1
lns.model @m(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 0.3) : tensor<9x9xf32>
  %x = lns.embedding %e, %tokens : (tensor<9x9xf32>, tensor<?x?xi32>) -> tensor<?x?x9xf32>
  %y = lns.attention %x, %x, %x heads(3) kv_heads(3) causal : (tensor<?x?x9xf32>, tensor<?x?x9xf32>, tensor<?x?x9xf32>) -> tensor<?x?x9xf32>
  lns.output %y : tensor<?x?x9xf32>
}
