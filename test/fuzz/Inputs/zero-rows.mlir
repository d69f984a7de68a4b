// lns-fuzz: batch=1 seq=1 initialized=1
lns.model @m(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(zeros) : tensor<2x2xf32>
  %g = lns.param "g" gain init(normal, 0.02) : tensor<2xf32>
  %x = lns.embedding %e, %tokens : (tensor<2x2xf32>, tensor<?x?xi32>) -> tensor<?x?x2xf32>
  %a = lns.norm rms %x : tensor<?x?x2xf32>
  %b = lns.norm rms %a : tensor<?x?x2xf32>
  %y = lns.norm rms %b, %g : tensor<?x?x2xf32>, tensor<2xf32>
  lns.output %y : tensor<?x?x2xf32>
}
