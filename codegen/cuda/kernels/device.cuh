//===- device.cuh - What kernels use of the device -------------*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// The only kernel header with inline PTX and with compiler builtins for warps;
// all other kernel text is plain C++ on top of it. test/emulation has a file of
// this name with the same functions, which runs that text on a CPU.
//
// Everything here is right from sm_80 on. All warp functions are for full
// warps: every lane of the warp must call them together.
//
//===----------------------------------------------------------------------===//

#pragma once

namespace lns {

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// A bfloat16: the upper half of a float.
struct alignas(2) bf16 {
  unsigned short bits;
};

__device__ __forceinline__ float toFloat(float value) { return value; }

__device__ __forceinline__ float toFloat(bf16 value) {
  return __uint_as_float(static_cast<unsigned>(value.bits) << 16);
}

/// Rounds to nearest even; NaN becomes the NaN 0x7fff.
template <class T> __device__ __forceinline__ T fromFloat(float value);

template <> __device__ __forceinline__ float fromFloat<float>(float value) {
  return value;
}

template <> __device__ __forceinline__ bf16 fromFloat<bf16>(float value) {
  bf16 rounded;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(rounded.bits) : "f"(value));
  return rounded;
}

/// Two rounded numbers in one register, `low` in the lower half.
__device__ __forceinline__ unsigned packBf16(float low, float high) {
  unsigned packed;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(packed) : "f"(high), "f"(low));
  return packed;
}

/// 1 / x to 1 ulp by one instruction; results below 2^-126 are 0.
__device__ __forceinline__ float reciprocal(float x) {
  float inverse;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(x));
  return inverse;
}

/// 2^x to 2 ulp by one instruction; results below 2^-126 are 0.
__device__ __forceinline__ float exp2Fast(float x) {
  float power;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(x));
  return power;
}

/// The upper half of a product of 128 bits.
__device__ __forceinline__ unsigned long long
multiplyHigh(unsigned long long a, unsigned long long b) {
  return __umul64hi(a, b);
}

__device__ __forceinline__ int popcount(unsigned bits) { return __popc(bits); }

/// The index of the lowest set bit, -1 where there is none.
__device__ __forceinline__ int findFirst(unsigned bits) {
  return __ffs(static_cast<int>(bits)) - 1;
}

//===----------------------------------------------------------------------===//
// Vectors of memory
//===----------------------------------------------------------------------===//

/// N numbers that move as one access; N * sizeof(T) is 2, 4, 8 or 16.
template <class T, int N> struct alignas(sizeof(T) * N) Vec {
  T at[N];
};

/// `pointer` is aligned to the size of V.
template <class V> __device__ __forceinline__ V loadVec(const void *pointer) {
  static_assert(sizeof(V) <= 16, "no load is wider than 16 bytes");
  return *static_cast<const V *>(pointer);
}

template <class V>
__device__ __forceinline__ void storeVec(void *pointer, const V &value) {
  static_assert(sizeof(V) <= 16, "no store is wider than 16 bytes");
  *static_cast<V *>(pointer) = value;
}

/// The start of the launch's dynamic shared memory; kernels have no other.
__device__ __forceinline__ unsigned char *dynamicShared() {
  extern __shared__ __align__(128) unsigned char lnsDynamicShared[];
  return lnsDynamicShared;
}

/// The address in shared memory that PTX instructions take.
__device__ __forceinline__ unsigned sharedAddress(const void *pointer) {
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}

//===----------------------------------------------------------------------===//
// Warps
//===----------------------------------------------------------------------===//

__device__ __forceinline__ int laneId() {
  return static_cast<int>(threadIdx.x & 31);
}

__device__ __forceinline__ void syncWarp() { __syncwarp(); }

/// Bit i is the predicate of lane i.
__device__ __forceinline__ unsigned ballot(bool predicate) {
  return __ballot_sync(0xffffffffu, predicate);
}

// T is float, int, unsigned or double.

template <class T> __device__ __forceinline__ T shuffleXor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}

/// `lane` counts modulo 32.
template <class T> __device__ __forceinline__ T shuffleFrom(T value, int lane) {
  return __shfl_sync(0xffffffffu, value, lane);
}

/// The value of the lane `delta` above; the last `delta` lanes keep their own.
template <class T>
__device__ __forceinline__ T shuffleDown(T value, int delta) {
  return __shfl_down_sync(0xffffffffu, value, static_cast<unsigned>(delta));
}

//===----------------------------------------------------------------------===//
// Asynchronous copies into shared memory
//===----------------------------------------------------------------------===//

/// Copies 16 bytes, both ends aligned to 16, or writes 16 zero bytes and leaves
/// `global` unread where it is out of range. The bytes are there for this
/// thread after copyAsyncWait, for others after a barrier behind that.
__device__ __forceinline__ void copyAsync16(void *shared, const void *global,
                                            bool inRange) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(
                   sharedAddress(shared)),
               "l"(__cvta_generic_to_global(global)), "r"(inRange ? 16 : 0)
               : "memory");
}

/// Closes the group of the copies since the last commit.
__device__ __forceinline__ void copyAsyncCommit() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}

/// Waits until at most N groups of this thread are in flight.
template <int N> __device__ __forceinline__ void copyAsyncWait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

//===----------------------------------------------------------------------===//
// Tensor cores
//===----------------------------------------------------------------------===//

/// Four 8x8 matrices of bf16. Lanes 8i to 8i+7 give the addresses of the rows
/// of matrix i, 16 bytes each; lane l receives in r[i] elements 2(l%4) and
/// 2(l%4)+1 of row l/4.
__device__ __forceinline__ void loadMatrix4(unsigned (&r)[4],
                                            const void *sharedRow) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(sharedAddress(sharedRow))
               : "memory");
}

/// The same with each matrix transposed: r[i] is elements 2(l%4) and 2(l%4)+1
/// of column l/4.
__device__ __forceinline__ void loadMatrix4Trans(unsigned (&r)[4],
                                                 const void *sharedRow) {
  asm volatile(
      "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
      : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
      : "r"(sharedAddress(sharedRow))
      : "memory");
}

/// d += a b for a 16x16 and b 16x8. With g = l/4 and t = l%4 lane l holds
///   a[0..3]: A[g][2t..], A[g+8][2t..], A[g][2t+8..], A[g+8][2t+8..] (two
///   each), b[0..1]: B[2t..][g], B[2t+8..][g] (two each), d[0..3]: D[g][2t],
///   D[g][2t+1], D[g+8][2t], D[g+8][2t+1].
__device__ __forceinline__ void mmaBf16(float (&d)[4], const unsigned (&a)[4],
                                        const unsigned (&b)[2]) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
      "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

} // namespace lns
