//===- cublaslt_test.cpp - Emulated matrix products against plain ones ----===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "test/emulation/EmulatedLaunch.h"
#include "test/unit/emulation/driver_api.h"

#include <cmath>
#include <cstring>

using namespace lns::emulation;
using namespace lns::emulation::test;

namespace {

constexpr int kF32 = 0, kBf16 = 14, kCompute32F = 68, kInvalid = 7,
              kNotSupported = 15;

template <class... Args> int lt(const char *name, Args... args) {
  return callLibrary("cublaslt", name, args...);
}

struct Algo {
  uint64_t data[8];
};
struct Heuristic {
  Algo algo;
  size_t workspaceBytes;
  int state;
  float waves;
  int reserved[4];
};

/// A matrix on the host; element (i, j) is at i + j leading, or by rows.
struct Matrix {
  int rows, columns, leading, type;
  bool byRows = false;
  std::vector<float> values;

  Matrix(int rows, int columns, int type, bool byRows, int phase)
      : rows(rows), columns(columns), leading((byRows ? columns : rows) + 3),
        type(type), byRows(byRows),
        values(static_cast<size_t>(leading) * (byRows ? rows : columns)) {
    for (size_t i = 0; i < values.size(); ++i) {
      auto value = static_cast<float>(std::sin(0.7 * i + phase));
      values[i] = type == kBf16 ? static_cast<float>(Bf16(value)) : value;
    }
  }
  float &at(int i, int j) {
    return values[byRows ? i * leading + j : i + j * leading];
  }
  size_t bytes() const { return values.size() * (type == kBf16 ? 2 : 4); }
};

class CublasLtTest : public DriverTest {
protected:
  CUdeviceptr upload(const Matrix &matrix) {
    CUdeviceptr pointer = allocate(matrix.bytes());
    std::vector<Bf16> rounded = toBf16(matrix.values);
    const void *from = matrix.type == kBf16
                           ? static_cast<const void *>(rounded.data())
                           : matrix.values.data();
    EXPECT_EQ(
        cuda("cuMemcpyHtoDAsync_v2", pointer, from, matrix.bytes(), stream),
        CUDA_SUCCESS);
    return pointer;
  }
  void download(Matrix &matrix, CUdeviceptr pointer) {
    std::vector<Bf16> rounded(matrix.values.size());
    void *to = matrix.type == kBf16 ? static_cast<void *>(rounded.data())
                                    : matrix.values.data();
    EXPECT_EQ(cuda("cuMemcpyDtoHAsync_v2", to, pointer, matrix.bytes(), stream),
              CUDA_SUCCESS);
    if (matrix.type == kBf16)
      matrix.values = toFloat(rounded);
  }
  void *makeLayout(const Matrix &matrix) {
    void *layout = nullptr;
    EXPECT_EQ(lt("cublasLtMatrixLayoutCreate", &layout, matrix.type,
                 static_cast<uint64_t>(matrix.rows),
                 static_cast<uint64_t>(matrix.columns),
                 static_cast<int64_t>(matrix.leading)),
              0);
    int32_t order = matrix.byRows;
    EXPECT_EQ(lt("cublasLtMatrixLayoutSetAttribute", layout, 1,
                 static_cast<const void *>(&order), sizeof(order)),
              0);
    return layout;
  }

  /// D = alpha op(A) op(B) + beta D by every algorithm that the library offers.
  void checkProduct(int inType, int outType, bool transA, bool transB,
                    bool byRows, float beta) {
    const int m = 5, n = 7, k = 11;
    const float alpha = 0.5f;
    Matrix a(transA ? k : m, transA ? m : k, inType, byRows, 0);
    Matrix b(transB ? n : k, transB ? k : n, inType, false, 1);
    Matrix before(m, n, outType, byRows, 2);

    void *handle = nullptr, *desc = nullptr, *preference = nullptr;
    ASSERT_EQ(lt("cublasLtCreate", &handle), 0);
    ASSERT_EQ(lt("cublasLtMatmulDescCreate", &desc, kCompute32F, kF32), 0);
    int32_t operations[] = {transA, transB};
    for (int i = 0; i < 2; ++i)
      ASSERT_EQ(lt("cublasLtMatmulDescSetAttribute", desc, 3 + i,
                   static_cast<const void *>(&operations[i]), size_t(4)),
                0);
    void *aLayout = makeLayout(a), *bLayout = makeLayout(b),
         *dLayout = makeLayout(before);
    ASSERT_EQ(lt("cublasLtMatmulPreferenceCreate", &preference), 0);
    uint64_t most = 1 << 20;
    ASSERT_EQ(lt("cublasLtMatmulPreferenceSetAttribute", preference, 1,
                 static_cast<const void *>(&most), sizeof(most)),
              0);
    Heuristic found[4] = {};
    int count = 0;
    ASSERT_EQ(lt("cublasLtMatmulAlgoGetHeuristic", handle, desc, aLayout,
                 bLayout, dLayout, dLayout, preference, 4,
                 static_cast<void *>(found), &count),
              0);
    ASSERT_EQ(count, 2);
    CUdeviceptr pa = upload(a), pb = upload(b);
    for (int i = 0; i < count; ++i) {
      ASSERT_EQ(found[i].state, 0);
      size_t bytes = found[i].workspaceBytes;
      CUdeviceptr pd = upload(before), workspace = bytes ? allocate(bytes) : 0;
      auto call = [&](size_t workspaceBytes) {
        return lt("cublasLtMatmul", handle, desc,
                  static_cast<const void *>(&alpha), pa, aLayout, pb, bLayout,
                  static_cast<const void *>(&beta), beta != 0 ? pd : 0ull,
                  dLayout, pd, dLayout,
                  static_cast<const void *>(&found[i].algo), workspace,
                  workspaceBytes, stream);
      };
      if (bytes) {
        EXPECT_EQ(call(bytes - 1), kInvalid);
      }
      ASSERT_EQ(call(bytes), 0);
      Matrix d = before;
      download(d, pd);
      for (int row = 0; row < m; ++row) {
        for (int column = 0; column < n; ++column) {
          double sum = 0;
          for (int l = 0; l < k; ++l)
            sum += static_cast<double>(transA ? a.at(l, row) : a.at(row, l)) *
                   (transB ? b.at(column, l) : b.at(l, column));
          double expected =
              alpha * sum + (beta != 0 ? beta * before.at(row, column) : 0);
          double tolerance =
              outType == kBf16 ? std::abs(expected) / 256 + 1e-6 : 1e-5;
          EXPECT_NEAR(d.at(row, column), expected, tolerance);
          d.at(row, column) = before.at(row, column);
        }
      }
      // What is between the rows or columns stays.
      EXPECT_EQ(d.values, before.values);
    }
    for (void *layout : {aLayout, bLayout, dLayout})
      EXPECT_EQ(lt("cublasLtMatrixLayoutDestroy", layout), 0);
    EXPECT_EQ(lt("cublasLtMatmulPreferenceDestroy", preference), 0);
    EXPECT_EQ(lt("cublasLtMatmulDescDestroy", desc), 0);
    EXPECT_EQ(lt("cublasLtDestroy", handle), 0);
  }
};

TEST_F(CublasLtTest, ProductsOfAllTypesAndLayouts) {
  start();
  struct Types {
    int in, out;
  };
  for (Types types : {Types{kF32, kF32}, {kBf16, kF32}, {kBf16, kBf16}}) {
    for (int bits = 0; bits < 16; ++bits) {
      SCOPED_TRACE(testing::Message()
                   << types.in << " to " << types.out << ", variant " << bits);
      checkProduct(types.in, types.out, bits & 1, bits & 2, bits & 4,
                   bits & 8 ? 0.75f : 0.0f);
    }
  }
}

TEST_F(CublasLtTest, RefusesWhatIsNotThere) {
  start();
  void *desc = nullptr, *layout = nullptr;
  // TF32 and double.
  EXPECT_EQ(lt("cublasLtMatmulDescCreate", &desc, 77, kF32), kNotSupported);
  EXPECT_EQ(lt("cublasLtMatmulDescCreate", &desc, 70, 1), kNotSupported);
  EXPECT_EQ(lt("cublasLtMatrixLayoutCreate", &layout, 1, uint64_t(1),
               uint64_t(1), int64_t(1)),
            kNotSupported);
  ASSERT_EQ(lt("cublasLtMatmulDescCreate", &desc, kCompute32F, kF32), 0);
  uint32_t withBias = 4;
  EXPECT_EQ(lt("cublasLtMatmulDescSetAttribute", desc, 7,
               static_cast<const void *>(&withBias), sizeof(withBias)),
            kNotSupported);

  Matrix a(4, 4, kF32, false, 0), other(3, 4, kF32, false, 0),
      rounded(4, 4, kBf16, false, 0);
  void *handle = nullptr, *preference = nullptr;
  ASSERT_EQ(lt("cublasLtCreate", &handle), 0);
  ASSERT_EQ(lt("cublasLtMatmulPreferenceCreate", &preference), 0);
  void *l = makeLayout(a), *lOther = makeLayout(other),
       *lRounded = makeLayout(rounded);
  auto ask = [&](void *aLayout, void *dLayout) {
    Heuristic found[4] = {};
    int count = -1;
    int status =
        lt("cublasLtMatmulAlgoGetHeuristic", handle, desc, aLayout, l, dLayout,
           dLayout, preference, 4, static_cast<void *>(found), &count);
    return std::make_pair(status, count);
  };
  // Without a workspace one algorithm is left.
  EXPECT_EQ(ask(l, l), std::make_pair(0, 1));
  EXPECT_EQ(ask(lOther, l), std::make_pair(kInvalid, 0));
  EXPECT_EQ(ask(lRounded, l), std::make_pair(kNotSupported, 0));
  EXPECT_EQ(ask(l, lRounded), std::make_pair(kNotSupported, 0));
  for (void *one : {l, lOther, lRounded})
    EXPECT_EQ(lt("cublasLtMatrixLayoutDestroy", one), 0);
  EXPECT_EQ(lt("cublasLtMatmulPreferenceDestroy", preference), 0);
  EXPECT_EQ(lt("cublasLtMatmulDescDestroy", desc), 0);
  EXPECT_EQ(lt("cublasLtDestroy", handle), 0);
}

} // namespace
