// RUN: lns-opt %s --cse | FileCheck %s

lns.parameter @a matrix init(zeros) decay(true) : tensor<8xf32>

// Two reads of a parameter are one, but not across a write.
// CHECK-LABEL: func.func @reads
// CHECK:       %[[A:.*]] = lns.get parameter @a
// CHECK-NOT:   lns.get
// CHECK:       lns.set %{{.*}}, parameter @a
// CHECK:       %[[B:.*]] = lns.get parameter @a
// CHECK:       return %[[A]], %[[A]], %[[B]]
func.func @reads(%x: tensor<8xf32>) -> (tensor<8xf32>, tensor<8xf32>, tensor<8xf32>) {
  %a = lns.get parameter @a : tensor<8xf32>
  %b = lns.get parameter @a : tensor<8xf32>
  lns.set %x, parameter @a : tensor<8xf32>
  %c = lns.get parameter @a : tensor<8xf32>
  return %a, %b, %c : tensor<8xf32>, tensor<8xf32>, tensor<8xf32>
}
