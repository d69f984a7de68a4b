//===- device.cuh - What kernels use of the device, on a CPU ---*- CUDA -*-===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Stands in for codegen/cuda/kernels/device.cuh, with the same functions, where
// clang++ compiles kernel text for the emulator. Before them come the parts of
// CUDA C++ that kernels may use without device.cuh, and no more than those: a
// kernel that uses anything else does not compile.
//
//===----------------------------------------------------------------------===//

#ifndef LNS_TEST_EMULATION_DEVICE_CUH
#define LNS_TEST_EMULATION_DEVICE_CUH

#include "kernel_abi.h"

//===----------------------------------------------------------------------===//
// CUDA C++
//===----------------------------------------------------------------------===//

#define __global__
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)

// The emulator writes these before it enters a thread. To its kernel they do
// not change, just as to a CUDA thread.
inline LnsEmuIndex threadIdx, blockIdx, blockDim, gridDim;
inline unsigned char *lnsEmuDynamicShared;
inline const LnsEmuHost *lnsEmuHost;

// CUDA has a function of this name too: kernels must mean ours.
int ballot(bool) = delete;

__forceinline__ void __syncthreads() { lnsEmuHost->syncThreads(); }

// Declarations alone: libm has them, and clang knows what they mean.
extern "C" {
float fmaf(float, float, float);
float fmaxf(float, float);
float fminf(float, float);
float sqrtf(float);
float expf(float);
float logf(float);
float tanhf(float);
float erff(float);
float fabsf(float);
double sqrt(double);
double fmax(double, double);
}
__forceinline__ float rsqrtf(float value) { return 1.0f / sqrtf(value); }

//===----------------------------------------------------------------------===//
// How the emulator enters a kernel
//===----------------------------------------------------------------------===//

// What is the emulator's own, not the kernel's.
#define LNS_EMU_UNCHECKED __attribute__((no_sanitize("thread")))

template <class... Args> struct LnsEmuEntry {
  static constexpr unsigned paramBytes[sizeof...(Args) + 1] = {sizeof(Args)...,
                                                               0};
  LNS_EMU_UNCHECKED static void enter(void (*kernel)(Args...), void **params) {
    enter(kernel, params, __make_integer_seq<Indices, int, sizeof...(Args)>());
  }

private:
  template <class T, T... I> struct Indices {};
  template <int... I>
  LNS_EMU_UNCHECKED static void enter(void (*kernel)(Args...), void **params,
                                      Indices<int, I...>) {
    kernel(*static_cast<Args *>(params[I])...);
  }
};

template <class... Args>
constexpr LnsEmuEntry<Args...> lnsEmuEntryOf(void (*)(Args...)) {
  return {};
}

constexpr unsigned lnsEmuNumParams(const unsigned *paramBytes) {
  unsigned count = 0;
  while (paramBytes[count])
    ++count;
  return count;
}

/// The arguments of __launch_bounds__.
constexpr unsigned lnsEmuMaxThreads(unsigned maxThreads = 1024, unsigned = 1) {
  return maxThreads;
}

//===----------------------------------------------------------------------===//
// device.cuh
//===----------------------------------------------------------------------===//

namespace lns {

struct alignas(2) bf16 {
  unsigned short bits;
};

__forceinline__ float toFloat(float value) { return value; }

__forceinline__ float toFloat(bf16 value) {
  return __builtin_bit_cast(float, static_cast<unsigned>(value.bits) << 16);
}

template <class T> __forceinline__ T fromFloat(float value);

template <> __forceinline__ float fromFloat<float>(float value) {
  return value;
}

template <> __forceinline__ bf16 fromFloat<bf16>(float value) {
  unsigned bits = __builtin_bit_cast(unsigned, value);
  if (value != value)
    return {0x7fff};
  return {
      static_cast<unsigned short>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

__forceinline__ unsigned packBf16(float low, float high) {
  return fromFloat<bf16>(low).bits |
         static_cast<unsigned>(fromFloat<bf16>(high).bits) << 16;
}

__forceinline__ float reciprocal(float x) {
  const float inverse = 1.0f / x;
  return __builtin_fabsf(inverse) < 0x1p-126f ? 0.0f * inverse : inverse;
}

__forceinline__ float exp2Fast(float x) {
  const float power = __builtin_exp2f(x);
  return power < 0x1p-126f ? 0.0f : power;
}

__forceinline__ unsigned long long multiplyHigh(unsigned long long a,
                                                unsigned long long b) {
  return static_cast<unsigned long long>(
      static_cast<unsigned __int128>(a) * b >> 64);
}

__forceinline__ int popcount(unsigned bits) { return __builtin_popcount(bits); }

__forceinline__ int findFirst(unsigned bits) {
  return __builtin_ffs(static_cast<int>(bits)) - 1;
}

template <class T, int N> struct alignas(sizeof(T) * N) Vec {
  T at[N];
};

template <class V> __forceinline__ void lnsEmuCheckVec(const void *pointer) {
  static_assert(sizeof(V) <= 16, "no access is wider than 16 bytes");
  if (reinterpret_cast<unsigned long>(pointer) % sizeof(V))
    lnsEmuHost->misaligned(pointer, sizeof(V));
}

template <class V> __forceinline__ V loadVec(const void *pointer) {
  lnsEmuCheckVec<V>(pointer);
  return *static_cast<const V *>(pointer);
}

template <class V>
__forceinline__ void storeVec(void *pointer, const V &value) {
  lnsEmuCheckVec<V>(pointer);
  *static_cast<V *>(pointer) = value;
}

__forceinline__ unsigned char *dynamicShared() { return lnsEmuDynamicShared; }

__forceinline__ int laneId() { return static_cast<int>(threadIdx.x & 31); }

__forceinline__ void syncWarp() { lnsEmuHost->syncWarp(); }

__forceinline__ unsigned ballot(bool predicate) {
  return lnsEmuHost->ballot(predicate);
}

template <class T> __forceinline__ T shuffleXor(T value, int mask) {
  lnsEmuHost->shuffle(LnsEmuShuffleXor, &value, sizeof(T), laneId() ^ mask);
  return value;
}

template <class T> __forceinline__ T shuffleFrom(T value, int lane) {
  lnsEmuHost->shuffle(LnsEmuShuffleFrom, &value, sizeof(T), lane & 31);
  return value;
}

template <class T> __forceinline__ T shuffleDown(T value, int delta) {
  int source = laneId() + delta;
  lnsEmuHost->shuffle(LnsEmuShuffleDown, &value, sizeof(T),
                      source < 32 ? source : laneId());
  return value;
}

__forceinline__ void copyAsync16(void *shared, const void *global,
                                 bool inRange) {
  lnsEmuHost->copyAsync16(shared, global, inRange);
}

__forceinline__ void copyAsyncCommit() { lnsEmuHost->copyAsyncCommit(); }

template <int N> __forceinline__ void copyAsyncWait() {
  static_assert(N >= 0, "a number of groups");
  lnsEmuHost->copyAsyncWait(N);
}

__forceinline__ void loadMatrix4(unsigned (&r)[4], const void *sharedRow) {
  lnsEmuHost->loadMatrix4(LnsEmuLoadMatrix, r, sharedRow);
}

__forceinline__ void loadMatrix4Trans(unsigned (&r)[4], const void *sharedRow) {
  lnsEmuHost->loadMatrix4(LnsEmuLoadMatrixTrans, r, sharedRow);
}

__forceinline__ void mmaBf16(float (&d)[4], const unsigned (&a)[4],
                             const unsigned (&b)[2]) {
  lnsEmuHost->mmaBf16(d, a, b);
}

} // namespace lns

//===----------------------------------------------------------------------===//
// Objects compiled for checking
//===----------------------------------------------------------------------===//

// -fsanitize=thread makes a call of every load and store that may be to memory
// of others. No runtime of a sanitizer is linked: these are its functions.
#if __has_feature(thread_sanitizer)
extern "C" {
LNS_EMU_UNCHECKED void __tsan_init() {}
LNS_EMU_UNCHECKED void __tsan_func_entry(void *) {}
LNS_EMU_UNCHECKED void __tsan_func_exit() {}
#define LNS_EMU_ACCESS(BYTES)                                                  \
  LNS_EMU_UNCHECKED void __tsan_read##BYTES(void *pointer) {                   \
    lnsEmuHost->access(pointer, BYTES, false);                                 \
  }                                                                            \
  LNS_EMU_UNCHECKED void __tsan_write##BYTES(void *pointer) {                  \
    lnsEmuHost->access(pointer, BYTES, true);                                  \
  }                                                                            \
  LNS_EMU_UNCHECKED void __tsan_unaligned_read##BYTES(void *pointer) {         \
    lnsEmuHost->access(pointer, BYTES, false);                                 \
  }                                                                            \
  LNS_EMU_UNCHECKED void __tsan_unaligned_write##BYTES(void *pointer) {        \
    lnsEmuHost->access(pointer, BYTES, true);                                  \
  }
LNS_EMU_ACCESS(1)
LNS_EMU_ACCESS(2)
LNS_EMU_ACCESS(4)
LNS_EMU_ACCESS(8)
LNS_EMU_ACCESS(16)
#undef LNS_EMU_ACCESS
LNS_EMU_UNCHECKED void *__tsan_memcpy(void *to, const void *from,
                                      unsigned long bytes) {
  lnsEmuHost->access(from, bytes, false);
  lnsEmuHost->access(to, bytes, true);
  return __builtin_memmove(to, from, bytes);
}
LNS_EMU_UNCHECKED void *__tsan_memmove(void *to, const void *from,
                                       unsigned long bytes) {
  return __tsan_memcpy(to, from, bytes);
}
LNS_EMU_UNCHECKED void *__tsan_memset(void *to, int value,
                                      unsigned long bytes) {
  lnsEmuHost->access(to, bytes, true);
  return __builtin_memset(to, value, bytes);
}
}
#endif

#endif // LNS_TEST_EMULATION_DEVICE_CUH
