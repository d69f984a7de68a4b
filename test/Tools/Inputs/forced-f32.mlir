lns.model @forced(%tokens: tensor<?x?xi32>) {
  %e = lns.param "e" embedding init(normal, 1.0) : tensor<7x4xf32>
  %w = lns.param "w" matrix init(normal, 1.0) : tensor<4x4xf32>
  %x = lns.embedding %e, %tokens : (tensor<7x4xf32>, tensor<?x?xi32>) -> tensor<?x?x4xf32>
  %h = lns.linear %x, %w : (tensor<?x?x4xf32>, tensor<4x4xf32>) -> tensor<?x?x4xf32>
  // A head in f32.
  %y = lns.cast %h : tensor<?x?x4xf32> to tensor<?x?x4xf32>
  %z = lns.linear %y, %e : (tensor<?x?x4xf32>, tensor<7x4xf32>) -> tensor<?x?x7xf32>
  lns.output %z : tensor<?x?x7xf32>
}
