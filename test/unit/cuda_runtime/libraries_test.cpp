//===- libraries_test.cpp - Libraries and devices that are not there ------===//
//
// Part of lnsc, under the Apache License v2.0.
// SPDX-License-Identifier: Apache-2.0
//
//===----------------------------------------------------------------------===//

#include "fakes.h"

#include "runtime/cuda/compile.h"
#include "runtime/cuda/cublaslt.h"
#include "runtime/cuda/device.h"
#include "runtime/cuda/nvrtc.h"

#include <gmock/gmock.h>
#include <thread>

using namespace lns;
using namespace lns::cuda;
using namespace lns::test;
using testing::HasSubstr;

namespace {
class Libraries : public FakeCuda {
protected:
  /// What goes wrong on the way to a device.
  std::string devicesProblem(const char *name) {
    const Driver *driver = nullptr;
    if (Error error = getDriver(driver))
      return code(error);
    int ordinal = 0;
    if (Error error = parseDevice(name, ordinal))
      return code(error);
    DeviceFacts device;
    return code(findDevice(*driver, ordinal, device));
  }

  static std::string code(const Error &error) {
    if (!error)
      return "";
    EXPECT_EQ(error->code, LNSRT_UNSUPPORTED);
    return error->message;
  }

  std::string nvrtcProblem(int driverVersion) {
    const Nvrtc *nvrtc = nullptr;
    return code(getNvrtc(driverVersion, nvrtc));
  }
};
} // namespace

TEST_F(Libraries, AllThere) {
  EXPECT_EQ(devicesProblem("cuda"), "");
  EXPECT_EQ(nvrtcProblem(13000), "");
  const CublasLt *library = nullptr;
  ASSERT_EQ(messageOf(getCublasLt(13000, library)), "");
  EXPECT_EQ(library->versionText(), "13.1.0");
}

TEST_F(Libraries, NoFileWhereTheEnvironmentSays) {
  set("LNSRT_CUDA_DRIVER", folder / "absent.so");
  std::string message = devicesProblem("cuda");
  EXPECT_THAT(message, HasSubstr("cannot open the CUDA driver that "
                                 "LNSRT_CUDA_DRIVER names: "));
  EXPECT_THAT(message, HasSubstr("absent.so"));
  EXPECT_THAT(message, HasSubstr("; set it to the library's path, or unset"));
}

TEST_F(Libraries, None) {
  set("LNSRT_CUDA_DRIVER", "none");
  EXPECT_EQ(devicesProblem("cuda"),
            "the CUDA driver is not used: LNSRT_CUDA_DRIVER is 'none'; unset "
            "it");
  set("LNSRT_NVRTC", "none");
  EXPECT_EQ(nvrtcProblem(13000),
            "NVRTC, CUDA's run-time compiler is not used: LNSRT_NVRTC is "
            "'none'; unset it");
}

TEST_F(Libraries, NotFoundNamesWhatWasTried) {
  LibraryPlaces places = {"the thing",
                          "LNSRT_TEST_THING",
                          {"libnot-there.so.1", "/nowhere/libnot-there.so.1"},
                          "install it"};
  unset("LNSRT_TEST_THING");
  SharedLibrary library;
  EXPECT_EQ(code(library.open(places)),
            "the thing is not there (tried libnot-there.so.1, "
            "/nowhere/libnot-there.so.1); install it, or set LNSRT_TEST_THING "
            "to its path");
}

TEST_F(Libraries, AnotherLibrary) {
  set("LNSRT_CUDA_DRIVER", folder / "nvrtc.so");
  std::string message = devicesProblem("cuda");
  EXPECT_THAT(message, HasSubstr("nvrtc.so has no cuInit, "));
  EXPECT_THAT(message, HasSubstr("cuLaunchKernel"));
  EXPECT_THAT(message, HasSubstr("it must be of CUDA 12.0 or newer"));
}

TEST_F(Libraries, DriverTooOld) {
  set("FAKE_CUDA_VERSION", "11080");
  EXPECT_EQ(devicesProblem("cuda"),
            "the driver at " + folder / "driver.so" +
                " supports CUDA 11.8, the runtime needs 12.0; update the "
                "NVIDIA driver");
  // What did not start is tried again.
  set("FAKE_CUDA_VERSION", "12000");
  EXPECT_EQ(devicesProblem("cuda"), "");
}

TEST_F(Libraries, DriverDoesNotStart) {
  set("FAKE_CUDA_INIT", "803");
  std::string message = devicesProblem("cuda");
  EXPECT_THAT(message, HasSubstr("does not start: "
                                 "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH; see "
                                 "whether nvidia-smi works"));
}

TEST_F(Libraries, NoDevice) {
  set("FAKE_CUDA_INIT", "100");
  std::string message = devicesProblem("cuda");
  EXPECT_THAT(message, HasSubstr("finds no CUDA device; see whether "
                                 "CUDA_VISIBLE_DEVICES hides it, or use "
                                 "device 'cpu'"));
  set("FAKE_CUDA_INIT", "0");
  set("FAKE_CUDA_DEVICES", "0");
  EXPECT_EQ(devicesProblem("cuda"), message);
}

TEST_F(Libraries, DeviceNames) {
  set("FAKE_CUDA_DEVICES", "2");
  EXPECT_EQ(devicesProblem("cuda:1"), "");
  EXPECT_EQ(devicesProblem("cuda:2"),
            "there is no device 2; there are cuda:0 (Fake Device), cuda:1 "
            "(Fake Device)");
  for (const char *name : {"gpu", "cuda:", "cuda:x", "cuda:1x", "cuda:-1",
                           "cuda: 1", "cuda:99999999999"})
    EXPECT_EQ(devicesProblem(name), std::string("unknown device '") + name +
                                        "'; there are cpu, cuda and cuda:N");
}

TEST_F(Libraries, DeviceTooOld) {
  set("FAKE_CUDA_ARCH", "75");
  EXPECT_EQ(devicesProblem("cuda"),
            "Fake Device has compute capability 7.5, the kernels need 8.0; use "
            "a newer device, or device 'cpu'");
}

TEST_F(Libraries, NvrtcNewerThanTheDriver) {
  EXPECT_EQ(nvrtcProblem(12040),
            "the driver supports CUDA 12.4, nvrtc at " + folder / "nvrtc.so" +
                " makes code for CUDA 13.0; update the NVIDIA driver, or set "
                "LNSRT_NVRTC to an nvrtc of CUDA 12");
  // Without a driver nobody minds.
  EXPECT_EQ(nvrtcProblem(0), "");
}

TEST_F(Libraries, NvrtcTooOld) {
  set("FAKE_NVRTC_VERSION", "11080");
  EXPECT_THAT(nvrtcProblem(13000),
              HasSubstr("is of CUDA 11.8, the runtime needs 12.0"));
}

TEST_F(Libraries, Targets) {
  set("FAKE_NVRTC_ARCHS", "90,80,100");
  const Nvrtc *nvrtc = nullptr;
  ASSERT_EQ(getNvrtc(13000, nvrtc), nullptr);
  struct Case {
    int device;
    const char *arch;
    bool isPtx;
  };
  // Known ones for themselves; others as PTX of the newest that is older.
  for (Case one :
       {Case{80, "sm_80", false}, Case{90, "sm_90a", false},
        Case{100, "sm_100a", false}, Case{86, "compute_80", true},
        Case{103, "compute_100", true}, Case{120, "compute_100", true}}) {
    CompileTarget target;
    ASSERT_EQ(messageOf(chooseTarget(*nvrtc, one.device, target)), "");
    EXPECT_EQ(target.arch, one.arch);
    EXPECT_EQ(target.isPtx, one.isPtx);
  }
  CompileTarget target;
  EXPECT_THAT(code(chooseTarget(*nvrtc, 75, target)),
              HasSubstr("compiles for sm_80, 90, 100, not for the device's "
                        "sm_75"));
}

TEST_F(Libraries, ManyThreadsGetOneTable) {
  std::vector<const Driver *> found(8);
  std::vector<std::thread> threads;
  for (const Driver *&mine : found)
    threads.emplace_back([&mine] { EXPECT_EQ(getDriver(mine), nullptr); });
  for (std::thread &thread : threads)
    thread.join();
  ASSERT_NE(found[0], nullptr);
  for (const Driver *mine : found)
    EXPECT_EQ(mine, found[0]);
}
