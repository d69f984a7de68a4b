//===- nvrtc_test.cpp - Kernels through the compiler of the device --------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//
//
// Needs no GPU, but NVRTC: without it these tests are skipped.
//
//===----------------------------------------------------------------------===//

#include "kernel_test.h"

#include <cstdlib>
#include <dlfcn.h>

using namespace lns;
using namespace lns::test;

namespace {

/// The few functions of NVRTC that it takes to compile.
class Nvrtc {
public:
  Nvrtc() {
    const char *named = std::getenv("LNSRT_NVRTC");
    for (const char *path :
         {named ? named : "libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12",
          "/usr/local/cuda/lib64/libnvrtc.so.13",
          "/usr/local/cuda/lib64/libnvrtc.so.12"})
      if ((library = dlopen(path, RTLD_NOW | RTLD_LOCAL)))
        return;
  }

  explicit operator bool() const { return library != nullptr; }

  /// What the compiler says, with ptxas' account of registers; `ok` is false
  /// where there is no code.
  std::string compile(const std::string &text,
                      const std::vector<cuda::Header> &headers,
                      const std::string &architecture, bool &ok) {
    std::vector<const char *> texts, names;
    for (const cuda::Header &header : headers) {
      texts.push_back(header.text.c_str());
      names.push_back(header.name.c_str());
    }
    std::string arch = "--gpu-architecture=" + architecture;
    const char *options[] = {arch.c_str(), "--std=c++17", "--ptxas-options=-v"};
    Program program = nullptr;
    call<int(Program *, const char *, const char *, int, const char *const *,
             const char *const *)>("nvrtcCreateProgram")(
        &program, text.c_str(), "kernel.cu", int(headers.size()), texts.data(),
        names.data());
    ok = call<int(Program, int, const char *const *)>("nvrtcCompileProgram")(
             program, 3, options) == 0;
    size_t size = 0;
    call<int(Program, size_t *)>("nvrtcGetProgramLogSize")(program, &size);
    std::string log(size, '\0');
    call<int(Program, char *)>("nvrtcGetProgramLog")(program, log.data());
    call<int(Program *)>("nvrtcDestroyProgram")(&program);
    return log;
  }

private:
  using Program = void *;
  template <class F> F *call(const char *name) {
    auto *function = reinterpret_cast<F *>(dlsym(library, name));
    if (!function)
      std::abort(); // no NVRTC is without it
    return function;
  }
  void *library = nullptr;
};

/// Whether the account names numbers of bytes, and all are zero.
bool spillsNothing(llvm::StringRef log) {
  size_t at =
      log.find(" bytes stack frame, 0 bytes spill stores, 0 bytes spill "
               "loads");
  return at != llvm::StringRef::npos && log.take_front(at).ends_with(" 0");
}

class CudaCompiler : public KernelTest,
                     public testing::WithParamInterface<const char *> {
protected:
  /// All kernels, for all architectures that there is code for. Each promises
  /// to spill nothing, but for those with `exception` in their symbol.
  void compileAll(llvm::StringRef exception = "none") {
    std::vector<cuda::Header> headers =
        cuda::getIncludedHeaders(lowering->getKernels());
    Nvrtc nvrtc;
    for (const cuda::KernelInfo &kernel : lowering->getKernels())
      for (const char *architecture :
           {"sm_80", "sm_90a", "sm_100a", "sm_120a"}) {
        bool ok = false;
        std::string log = nvrtc.compile(kernel.text, headers, architecture, ok);
        if (!ok && log.find("invalid value for --gpu-architecture") !=
                       std::string::npos)
          continue; // an NVRTC that is older than the device
        EXPECT_TRUE(ok) << architecture << log << kernel.text;
        EXPECT_EQ(log.find("warning"), std::string::npos) << log;
        EXPECT_NE(kernel.noSpills,
                  llvm::StringRef(kernel.symbol).contains(exception))
            << kernel.symbol;
        EXPECT_TRUE(!kernel.noSpills || spillsNothing(log))
            << architecture << ": " << log << kernel.text;
      }
  }

  std::string tensor(const std::string &shape) {
    return "tensor<" + shape + "x" + GetParam() + ">";
  }

  /// An attention of eight query heads and its gradient, three kernels.
  void parseAttention(int headDim, const std::string &starts,
                      const std::string &clauses) {
    std::string d = std::to_string(8 * headDim), s = "tensor<1x70xi32>";
    std::string q = tensor("1x70x" + d), lse = "tensor<1x8x70xf32>",
                k = tensor("1x70x" + std::to_string(2 * headDim));
    std::string last = starts.empty() ? "" : ", " + s;
    std::string rest = starts + " heads(8) kv_heads(2) causal" + clauses +
                       " : (" + q + ", " + k + ", " + k;
    parse(
        "%q: " + q + ", %k: " + k + ", %v: " + k + ", %g: " + q + ", %s: " + s,
        "%0:2 = lns.attention %q, %k, %v" + rest + last + ") -> (" + q + ", " +
            lse + ")\n%1:3 = lns.attention_grad %q, %k, %v, %0#0, %0#1, %g" +
            rest + ", " + q + ", " + lse + ", " + q + last + ") -> (" + q +
            ", " + k + ", " + k + ")");
    ASSERT_EQ(lowering->getKernels().size(), 3u) << errors;
  }
};

INSTANTIATE_TEST_SUITE_P(Types, CudaCompiler, testing::Values("f32", "bf16"));

// A block's backward clusters, the widest that there are, over rows of one
// warp, of several, and of as many as a block may have.
TEST_P(CudaCompiler, RowKernelsSpillNothing) {
  if (!Nvrtc())
    GTEST_SKIP() << "no NVRTC here";
  const std::string r = "tensor<2x8xf32>";
  for (std::string width : {"768", "2048", "5472", "11008", "32000"}) {
    std::string x = tensor("2x8x" + width), g = "tensor<" + width + "xf32>";
    parse(
        "%x: " + x + ", %y: " + x + ", %z: " + x + ", %r: " + r + ", %g: " + g,
        "%0:4 = lns.cluster(%a = %x, %b = %y, %c = %z, %f = %r) : (" + x +
            ", " + x + ", " + x + ", " + r + ") -> (" + x + ", " + x + ", " +
            x + ", " + r + ") {\n%s = lns.row_scale %a, %f : " + x + ", " + r +
            "\n%t = lns.row_scale %b, %f : " + x + ", " + r +
            "\n%u = lns.gated_activation gelu_tanh %t, %s : " + x +
            "\n%v, %w = lns.gated_activation_grad gelu_tanh %c, %t, %s : " + x +
            "\n%d = lns.row_scale %v, %f : " + x + ", " + r +
            "\n%e = lns.row_scale %w, %f : " + x + ", " + r +
            "\n%m = lns.row_dot %v, %t : (" + x + ", " + x + ") -> " + r +
            "\n%n = lns.row_dot %w, %s : (" + x + ", " + x + ") -> " + r +
            "\n%o = lns.add %m, %n : " + r +
            "\nlns.yield %u, %d, %e, %o : " + x + ", " + x + ", " + x + ", " +
            r + "\n}\n%1:3 = lns.cluster(%a = %x, %b = %y, %w = %g) : (" + x +
            ", " + x + ", " + g + ") -> (" + x + ", " + r + ", " + x +
            ") {\n%s = lns.residual %a, %b : " + x +
            "\n%c = lns.center_rows %s : " + x +
            "\n%t = lns.row_rstd %c eps(1.0e-6) : (" + x + ") -> " + r +
            "\n%u = lns.scale_columns %c, %w : " + x + ", " + g +
            "\n%v = lns.row_scale %u, %t : " + x + ", " + r +
            "\nlns.yield %s, %t, %v : " + x + ", " + r + ", " + x +
            "\n}\n%2:3 = lns.cluster(%a = %x, %b = %y, %c = %z, %f = %r) : (" +
            x + ", " + x + ", " + x + ", " + r + ") -> (" + x + ", " + x +
            ", " + r + ") {\n%s = lns.rope %a head_dim(32) inverse : " + x +
            "\n%t = lns.rope %b head_dim(32) inverse : " + x +
            "\n%m = lns.row_dot %s, %c : (" + x + ", " + x + ") -> " + r +
            "\n%n = lns.row_dot %t, %c : (" + x + ", " + x + ") -> " + r +
            "\n%o = lns.add %m, %n : " + r + "\n%u = lns.row_scale %s, %f : " +
            x + ", " + r + "\n%v = lns.row_scale %t, %f : " + x + ", " + r +
            "\nlns.yield %u, %v, %o : " + x + ", " + x + ", " + r + "\n}");
    ASSERT_EQ(lowering->getKernels().size(), 3u) << errors;
    compileAll();
  }
}

// What functions.cuh has, in kernels of rows and behind a product.
TEST_P(CudaCompiler, FunctionKernelsSpillNothing) {
  if (!Nvrtc())
    GTEST_SKIP() << "no NVRTC here";
  const std::string r = "tensor<2x8xf32>", n = "tensor<1xf32>";
  for (std::string width : {"768", "11008"}) {
    std::string x = tensor("2x8x" + width), w = tensor(width + "x768"),
                i = tensor("2x8x768");
    parse("%x: " + x + ", %y: " + x + ", %a: " + n + ", %i: " + i +
              ", %w: " + w,
          "%0:3 = lns.cluster(%b = %x, %c = %y, %f = %a) : (" + x + ", " + x +
              ", " + n + ") -> (" + x + ", " + x + ", " + r +
              ") {\n%z = lns.scale_by %b, %f : " + x + ", " + n +
              "\n%t = lns.activation tanh %z : " + x +
              "\n%d = lns.activation_grad tanh %c, %z : " + x +
              "\n%e = lns.scale_by %d, %f : " + x + ", " + n +
              "\n%s = lns.row_dot %d, %b : (" + x + ", " + x + ") -> " + r +
              "\nlns.yield %t, %e, %s : " + x + ", " + x + ", " + r +
              "\n}\n%1 = lns.gated_activation gelu %x, %y : " + x +
              "\n%2:2 = lns.gated_activation_grad gelu %x, %y, %x : " + x +
              "\n%3:2 = lns.cluster(%b = %i, %c = %w, %d = %x, %f = %a) : (" +
              i + ", " + w + ", " + x + ", " + n + ") -> (" + x + ", " + x +
              ") {\n%p = lns.linear %b, %c : (" + i + ", " + w + ") -> " + x +
              "\n%s = lns.residual %d, %p : " + x +
              "\n%z = lns.scale_by %s, %f : " + x + ", " + n +
              "\n%t = lns.activation tanh %z : " + x +
              "\nlns.yield %s, %t : " + x + ", " + x + "\n}");
    ASSERT_EQ(lowering->getKernels().size(), 4u) << errors;
    compileAll();
  }
}

// As many products as a kernel has, in tiles of few tokens and of many: a group
// with rotated heads, sums over rows and other widths, and a sum with the
// epilogue of a norm's adjoint.
TEST_P(CudaCompiler, ProductKernelsSpillNothing) {
  if (!Nvrtc())
    GTEST_SKIP() << "no NVRTC here";
  const std::string v = tensor("512x768"), w = tensor("768x768"),
                    u = tensor("2048x768"), g = "tensor<768xf32>";
  for (std::string tokens : {"8", "2048"}) {
    std::string x = tensor("2x" + tokens + "x768"),
                y = tensor("2x" + tokens + "x512"),
                z = tensor("2x" + tokens + "x2048"),
                r = "tensor<2x" + tokens + "xf32>";
    auto linear = [&](const std::string &name, const std::string &b,
                      const std::string &weight, const std::string &type) {
      return "%" + name + " = lns.linear %a, %" + b + " : (" + x + ", " +
             weight + ") -> " + type + "\n";
    };
    auto matmul = [&](const std::string &name, const std::string &a) {
      return "%" + name + " = lns.matmul %" + a + ", %b : (" + x + ", " + w +
             ") -> " + x + "\n";
    };
    parse(
        "%x: " + x + ", %y: " + x + ", %w: " + w + ", %v: " + v + ", %u: " + u +
            ", %r: " + r + ", %g: " + g,
        "%0:5 = lns.cluster(%a = %x, %b = %w, %c = %v, %d = %u, %f = %r, "
        "%e = %y) : (" +
            x + ", " + w + ", " + v + ", " + u + ", " + r + ", " + x +
            ") -> (" + x + ", " + y + ", " + y + ", " + z + ", " + r + ") {\n" +
            linear("1", "b", w, x) + linear("2", "c", v, y) +
            linear("3", "c", v, y) + linear("4", "d", u, z) +
            "%5 = lns.row_scale %1, %f : " + x + ", " + r +
            "\n%6 = lns.rope %5 head_dim(64) : " + x +
            "\n%7 = lns.row_dot %6, %e : (" + x + ", " + x + ") -> " + r +
            "\n%8 = lns.row_scale %2, %f : " + y + ", " + r +
            "\n%9 = lns.rope %8 head_dim(128) : " + y +
            "\n%10 = lns.row_scale %3, %f : " + y + ", " + r +
            "\n%11 = lns.activation gelu_tanh %4 : " + z +
            "\nlns.yield %6, %9, %10, %11, %7 : " + x + ", " + y + ", " + y +
            ", " + z + ", " + r +
            "\n}\n%1:2 = lns.cluster(%a = %x, %c = %y, %b = %w, %f = %r, "
            "%d = %g) : (" +
            x + ", " + x + ", " + w + ", " + r + ", " + g + ") -> (" + x +
            ", " + x + ") {\n" + matmul("1", "a") + matmul("2", "c") +
            matmul("3", "a") + matmul("4", "c") + "%5 = lns.add %1, %2 : " + x +
            "\n%6 = lns.add %5, %3 : " + x + "\n%7 = lns.add %6, %4 : " + x +
            "\n%8 = lns.row_rstd_grad %c, %f, %f relative : (" + x + ", " + r +
            ", " + r + ") -> " + x + "\n%9 = lns.scale_columns %7, %d : " + x +
            ", " + g + "\n%10 = lns.add %9, %8 : " + x +
            "\nlns.yield %7, %10 : " + x + ", " + x + "\n}");
    ASSERT_EQ(lowering->getKernels().size(), 3u) << errors;
    // Sums of f32 products promise nothing.
    compileAll(GetParam() == std::string("f32") ? "_sum4_" : "none");
  }
}

// Attention with a window, and with a soft-cap, which promises nothing.
TEST_P(CudaCompiler, WindowedAttentionKernelsSpillNothing) {
  if (!Nvrtc())
    GTEST_SKIP() << "no NVRTC here";
  parseAttention(64, "", " window(33)");
  compileAll();
  parseAttention(64, "", " window(33) softcap(50.0)");
  compileAll("attention");
}

// Heads of each size that has tiles of its own, with documents in a row.
TEST_P(CudaCompiler, AttentionKernelsOfDocumentsSpillNothing) {
  if (!Nvrtc())
    GTEST_SKIP() << "no NVRTC here";
  for (int headDim : {32, 64, 80, 96, 112, 128}) {
    parseAttention(headDim, " starts(%s)", "");
    compileAll();
  }
  parseAttention(64, " starts(%s)", " window(33)");
  compileAll();
  parseAttention(64, " starts(%s)", " softcap(50.0)");
  compileAll("attention");
}

// Rotations and positions that count from starts, in kernels of rows, of rows
// that are heads, and behind a product.
TEST_P(CudaCompiler, KernelsOfDocumentsSpillNothing) {
  if (!Nvrtc())
    GTEST_SKIP() << "no NVRTC here";
  std::string x = tensor("2x8x768"), h = tensor("2x8x12x64"),
              w = tensor("768x768"), s = "tensor<2x8xi32>",
              p = "tensor<9x768xf32>";
  parse("%x: " + x + ", %h: " + h + ", %w: " + w + ", %s: " + s + ", %p: " + p,
        "%0 = lns.add_positions %x, %p starts(%s) : " + x + ", " + p + ", " +
            s + "\n%1 = lns.add_positions_grad %x starts(%s) : (" + x + ", " +
            s + ") -> " + p + "\n%2 = lns.rope %h starts(%s) head_dim(64) : " +
            h + ", " + s + "\n%3 = lns.cluster(%a = %x, %b = %w, %t = %s) : (" +
            x + ", " + w + ", " + s + ") -> " + x +
            " {\n%c = lns.linear %a, %b : (" + x + ", " + w + ") -> " + x +
            "\n%d = lns.rope %c starts(%t) head_dim(64) : " + x + ", " + s +
            "\nlns.yield %d : " + x + "\n}");
  ASSERT_EQ(lowering->getKernels().size(), 5u) << errors;
  compileAll();
}

TEST_P(CudaCompiler, OtherKernelsSpillNothing) {
  if (!Nvrtc())
    GTEST_SKIP() << "no NVRTC here";
  std::string z = tensor("2x8x32000"), x = tensor("2x8x768");
  declarations = "lns.parameter @rows matrix init(zeros) decay(false) "
                 "project(rows) : tensor<300x300xf32>\n"
                 "lns.parameter @columns matrix init(zeros) decay(false) "
                 "project(columns) : tensor<300x300xf32>\n";
  const std::string r = "tensor<2x8xf32>", t = "tensor<2x8xi32>",
                    table = "tensor<32000x768xf32>";
  parse("%z: " + z + ", %x: " + x + ", %t: " + t + ", %f: " + r +
            ", %w: " + table + ", %o: tensor<8xf32>, %u: tensor<300x300xf32>",
        "%0:2 = lns.cross_entropy %z, %t factors(%f) : (" + z + ", " + t +
            ", " + r + ") -> (" + r + ", " + r +
            ")\n%1:2 = lns.cross_entropy_grad %z, %t, %0#1, %f factors(%f) "
            "relative : (" +
            z + ", " + t + ", " + r + ", " + r + ", " + r + ") -> (" + z +
            ", " + r + ")\n%2 = lns.embedding %w, %t : (" + table + ", " + t +
            ") -> " + x + "\n%3 = lns.embedding_grad %x, %t : (" + x + ", " +
            t + ") -> " + table +
            "\n%4 = lns.embedding_grad %x, %t addend(%w) : (" + x + ", " + t +
            ", " + table + ") -> " + table +
            "\n%5 = lns.column_dot %x, %2 : (" + x + ", " + x +
            ") -> tensor<768xf32>\n%6 = lns.mean %0#0 : (" + r +
            ") -> tensor<f32>\n%7 = lns.mean_grad %6 : (tensor<f32>) -> " + r +
            "\n%8 = lns.constant 2.5 : " + x +
            "\n%9 = lns.add_positions_grad %x : (" + x +
            ") -> tensor<9x768xf32>\n"
            "%n, %h, %p = lns.clip_factor %o, %u : (tensor<8xf32>, "
            "tensor<300x300xf32>) -> (tensor<f32>, tensor<f32>, tensor<2xf64>)"
            "\nlns.adamw @q, %u, %h, %o decay(true) : tensor<300x300xf32>, "
            "tensor<f32>, tensor<8xf32>\n"
            "lns.project @rows rows factor(%h) : tensor<300x300xf32>, "
            "tensor<f32>\n"
            "lns.project @columns columns : tensor<300x300xf32>");
  ASSERT_EQ(lowering->getKernels().size(), 16u) << errors;
  compileAll();
}

} // namespace
