// lns-fuzz: batch=2 seq=3 cuda=1 ignored=50
lns.model @m(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 0.3) : tensor<20x20xf32>
  %x = lns.embedding %e, %tokens : (tensor<20x20xf32>, tensor<?x?xi32>) -> tensor<?x?x20xf32>
  %q = lns.rope %x head_dim(20) : tensor<?x?x20xf32>
  %y = lns.rope %q head_dim(10) inverse : tensor<?x?x20xf32>
  lns.output %y : tensor<?x?x20xf32>
}
