// Rows of zeros under norms: a narrow relu is often zero in all of a row, and the
// stream is a norm's result alone.

lns.model @m(%tokens: tensor<?x?xi32>) {
  %v1 = lns.param "p0" embedding init(normal, 0.1) : tensor<2x5xf32>
  %v2 = lns.embedding %v1, %tokens : (tensor<2x5xf32>, tensor<?x?xi32>) -> tensor<?x?x5xf32>
  %v4 = lns.layers(%v3 = %v2) depth(4) : tensor<?x?x5xf32> {
    %v5 = lns.param "L0.{layer}.p4" gain init(ones) : tensor<5xf32>
    %v6 = lns.norm rms %v3, %v5 : tensor<?x?x5xf32>, tensor<5xf32>
    %v7 = lns.param "L0.{layer}.p6" matrix init(normal, 0.1) decay(true) : tensor<3x5xf32>
    %v8 = lns.linear %v6, %v7 : (tensor<?x?x5xf32>, tensor<3x5xf32>) -> tensor<?x?x3xf32>
    %v9 = lns.activation relu %v8 : tensor<?x?x3xf32>
    %v10 = lns.param "L0.{layer}.p9" matrix init(normal, 0.1) decay(true) : tensor<5x3xf32>
    %v11 = lns.linear %v9, %v10 : (tensor<?x?x3xf32>, tensor<5x3xf32>) -> tensor<?x?x5xf32>
    %v12 = lns.param "L0.{layer}.p11" gain init(ones) : tensor<5xf32>
    %v13 = lns.norm layer %v11, %v12 depth_scale(inv_sqrt_depth) : tensor<?x?x5xf32>, tensor<5xf32>
    %v14 = lns.residual %v13, %v13 : tensor<?x?x5xf32>
    lns.yield %v14 : tensor<?x?x5xf32>
  }
  %v15 = lns.param "p14" gain init(ones) : tensor<5xf32>
  %v16 = lns.norm rms %v4, %v15 eps(1.0e-05) : tensor<?x?x5xf32>, tensor<5xf32>
  %v17 = lns.param "p16" matrix init(normal, 0.1) : tensor<2x5xf32>
  %v18 = lns.param "p17" bias init(zeros) decay(true) : tensor<2xf32>
  %v19 = lns.linear %v16, %v17 bias(%v18) : (tensor<?x?x5xf32>, tensor<2x5xf32>, tensor<2xf32>) -> tensor<?x?x2xf32>
  lns.output %v19 : tensor<?x?x2xf32>
}
