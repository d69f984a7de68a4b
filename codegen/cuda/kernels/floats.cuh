//===- floats.cuh - A few columns of a row at once ------------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// What a thread computes on: N neighbouring columns of a row, in f32. `Columns`
// are the same numbers as they stand in memory. N is a power of two, at most 8;
// a vector starts at a multiple of N columns, of rows that are multiples of N
// wide, so that every access is aligned.
//
//===----------------------------------------------------------------------===//

#pragma once

#include "device.cuh"

namespace lns {

template <int N> struct Floats {
  float at[N];
};

template <class T, int N> struct Columns {
  using Word = T;
  static constexpr int kWords = N;
  T words[N];
};
/// Two bf16 share a register.
template <int N> struct Columns<bf16, N> {
  using Word = unsigned;
  static constexpr int kWords = N / 2;
  unsigned words[N / 2];
};
template <> struct Columns<bf16, 1> {
  using Word = bf16;
  static constexpr int kWords = 1;
  bf16 words[1];
};

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// One access: as many words as 16 bytes have, or all there are.
template <class C> struct AccessTo {
  using Word = typename C::Word;
  static constexpr int kWords =
      sizeof(C) < 16 ? C::kWords : 16 / static_cast<int>(sizeof(Word));
  using Type = Vec<Word, kWords>;
};

template <int N, class T>
__device__ __forceinline__ Columns<T, N> loadColumns(const T *from) {
  using C = Columns<T, N>;
  using Access = AccessTo<C>;
  const auto *words = reinterpret_cast<const typename C::Word *>(from);
  C columns;
#pragma unroll
  for (int i = 0; i < C::kWords; i += Access::kWords) {
    const auto access = loadVec<typename Access::Type>(words + i);
#pragma unroll
    for (int j = 0; j < Access::kWords; ++j)
      columns.words[i + j] = access.at[j];
  }
  return columns;
}

template <class T, int N>
__device__ __forceinline__ void storeColumns(T *to,
                                             const Columns<T, N> &columns) {
  using C = Columns<T, N>;
  using Access = AccessTo<C>;
  auto *words = reinterpret_cast<typename C::Word *>(to);
#pragma unroll
  for (int i = 0; i < C::kWords; i += Access::kWords) {
    typename Access::Type access;
#pragma unroll
    for (int j = 0; j < Access::kWords; ++j)
      access.at[j] = columns.words[i + j];
    storeVec(words + i, access);
  }
}

//===----------------------------------------------------------------------===//
// Between memory's numbers and f32
//===----------------------------------------------------------------------===//

template <int N>
__device__ __forceinline__ Floats<N> toFloats(const Columns<float, N> &x) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = x.words[i];
  return y;
}

template <int N>
__device__ __forceinline__ Floats<N> toFloats(const Columns<bf16, N> &x) {
  Floats<N> y;
  if constexpr (N == 1) {
    y.at[0] = toFloat(x.words[0]);
  } else {
#pragma unroll
    for (int i = 0; i < N / 2; ++i) {
      const bf16 low = {static_cast<unsigned short>(x.words[i])};
      const bf16 high = {static_cast<unsigned short>(x.words[i] >> 16)};
      y.at[2 * i] = toFloat(low);
      y.at[2 * i + 1] = toFloat(high);
    }
  }
  return y;
}

/// Rounds to nearest even where T is narrower.
template <class T, int N>
__device__ __forceinline__ Columns<T, N> toColumns(const Floats<N> &x) {
  Columns<T, N> y;
  if constexpr (Columns<T, N>::kWords == N) {
#pragma unroll
    for (int i = 0; i < N; ++i)
      y.words[i] = fromFloat<T>(x.at[i]);
  } else {
#pragma unroll
    for (int i = 0; i < N / 2; ++i)
      y.words[i] = packBf16(x.at[2 * i], x.at[2 * i + 1]);
  }
  return y;
}

template <int N, class T>
__device__ __forceinline__ Floats<N> loadFloats(const T *from) {
  return toFloats(loadColumns<N>(from));
}

template <class T, int N>
__device__ __forceinline__ void storeFloats(T *to, const Floats<N> &x) {
  storeColumns(to, toColumns<T>(x));
}

//===----------------------------------------------------------------------===//
// Arithmetic
//===----------------------------------------------------------------------===//

template <int N> __device__ __forceinline__ Floats<N> splat(float x) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = x;
  return y;
}

template <int N>
__device__ __forceinline__ Floats<N> operator+(const Floats<N> &a,
                                               const Floats<N> &b) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = a.at[i] + b.at[i];
  return y;
}

template <int N>
__device__ __forceinline__ Floats<N> operator-(const Floats<N> &a,
                                               const Floats<N> &b) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = a.at[i] - b.at[i];
  return y;
}

template <int N>
__device__ __forceinline__ Floats<N> operator*(const Floats<N> &a,
                                               const Floats<N> &b) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = a.at[i] * b.at[i];
  return y;
}

template <int N>
__device__ __forceinline__ Floats<N> operator*(float a, const Floats<N> &b) {
  return splat<N>(a) * b;
}

template <int N>
__device__ __forceinline__ Floats<N> operator-(const Floats<N> &a, float b) {
  return a - splat<N>(b);
}

template <int N>
__device__ __forceinline__ Floats<N> operator-(float a, const Floats<N> &b) {
  return splat<N>(a) - b;
}

/// a * b + c, rounded once.
template <int N>
__device__ __forceinline__ Floats<N>
multiplyAdd(const Floats<N> &a, const Floats<N> &b, const Floats<N> &c) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = fmaf(a.at[i], b.at[i], c.at[i]);
  return y;
}

template <int N>
__device__ __forceinline__ Floats<N> multiplyAdd(float a, const Floats<N> &b,
                                                 const Floats<N> &c) {
  return multiplyAdd(splat<N>(a), b, c);
}

template <int N>
__device__ __forceinline__ Floats<N> multiplyAdd(const Floats<N> &a, float b,
                                                 float c) {
  return multiplyAdd(a, splat<N>(b), splat<N>(c));
}
template <int N>
__device__ __forceinline__ Floats<N>
multiplyAdd(const Floats<N> &a, const Floats<N> &b, float c) {
  return multiplyAdd(a, b, splat<N>(c));
}
__device__ __forceinline__ float multiplyAdd(float a, float b, float c) {
  return fmaf(a, b, c);
}

/// 1 / (1 + e^-x).
__device__ __forceinline__ float sigmoid(float x) {
  return reciprocal(1.0f + expf(-x));
}
template <int N>
__device__ __forceinline__ Floats<N> sigmoid(const Floats<N> &x) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = sigmoid(x.at[i]);
  return y;
}

/// The greater one; b where either is not a number.
template <int N>
__device__ __forceinline__ Floats<N> maximum(float a, const Floats<N> &b) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = a > b.at[i] ? a : b.at[i];
  return y;
}

/// x > 0 ? a : b.
template <int N>
__device__ __forceinline__ Floats<N> ifPositive(const Floats<N> &x, float a,
                                                float b) {
  Floats<N> y;
#pragma unroll
  for (int i = 0; i < N; ++i)
    y.at[i] = x.at[i] > 0.0f ? a : b;
  return y;
}

/// sum + the sum of a * b, in the columns' order.
template <int N>
__device__ __forceinline__ float dot(const Floats<N> &a, const Floats<N> &b,
                                     float sum) {
#pragma unroll
  for (int i = 0; i < N; ++i)
    sum = fmaf(a.at[i], b.at[i], sum);
  return sum;
}

template <int N>
__device__ __forceinline__ float sumOf(const Floats<N> &a, float sum) {
#pragma unroll
  for (int i = 0; i < N; ++i)
    sum += a.at[i];
  return sum;
}

template <int N> __device__ __forceinline__ float maxOf(const Floats<N> &a) {
  float most = a.at[0];
#pragma unroll
  for (int i = 1; i < N; ++i)
    most = fmaxf(most, a.at[i]);
  return most;
}

} // namespace lns
