// lns-fuzz: batch=2 seq=5 data=7
lns.model @m(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 0.3) : tensor<13x12xf32>
  %w = lns.param "w" matrix init(normal, 0.3) : tensor<13x12xf32>
  %x = lns.embedding %e, %tokens : (tensor<13x12xf32>, tensor<?x?xi32>) -> tensor<?x?x12xf32>
  %n = lns.norm rms %x : tensor<?x?x12xf32>
  %y = lns.linear %n, %w : (tensor<?x?x12xf32>, tensor<13x12xf32>) -> tensor<?x?x13xf32>
  lns.output %y : tensor<?x?x13xf32>
}
