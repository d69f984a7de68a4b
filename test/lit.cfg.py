"""lit configuration of the .mlir and .test files below this folder.

Features for REQUIRES and UNSUPPORTED lines:
  avx2, avx512f, avx512_bf16, amx_bf16, ...  flags of this processor
  nvrtc      the CUDA run-time compiler can be loaded
  cuda       a CUDA driver with at least one device is there
  root       the tests run as root, so that no folder is unwritable
  compiler   the compiler's tools are there, not only the runtime's
  sanitized  the programs are built with a sanitizer
"""

import ctypes
import os
import sys

import lit.formats

# lit runs this file with `config` and `lit_config` in scope.
config.name = "lns"
# lit's own shell: no difference between machines, and `not --crash` works.
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["Inputs", "Models", "golden", "unit", "CMakeLists.txt", "lit.cfg.py"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.lns_obj_root, "test")

# A compiler that another build made is there to make plans, not to be tested.
if config.lns_compiler_dir != config.lns_tools_dir:
    config.excludes += ["Dialect", "Docs", "Passes", "Interpret", "Frontend", "Codegen", "Plugin", "fuzz"]
if not config.lns_compiler_dir:
    config.excludes += ["Integration"]

# Our own tools first, then FileCheck and friends from the LLVM we build with.
config.environment["PATH"] = os.pathsep.join(
    [
        config.lns_tools_dir,
        config.llvm_tools_dir,
        config.lns_compiler_dir,
        os.environ.get("PATH", ""),
    ]
)
config.environment["FILECHECK_OPTS"] = "--enable-var-scope"
for variable in ("HOME", "LD_LIBRARY_PATH", "CUDA_PATH"):
    if variable in os.environ:
        config.environment[variable] = os.environ[variable]

config.substitutions += [
    ("%examples", os.path.join(config.lns_src_root, "examples")),
    ("%golden", os.path.join(config.test_source_root, "golden")),
    ("%models", os.path.join(config.test_source_root, "Models")),
    ("%src_root", config.lns_src_root),
    ("%obj_root", config.lns_obj_root),
    ("%fuzz", os.path.join(config.lns_obj_root, "test", "fuzz", "lns-fuzz")),
    ("%python", config.lns_python),
    ("%lnsc", os.path.join(config.lns_compiler_dir, "lnsc")),
    # For CMake, of a program that links a sanitized runtime.
    ("%sanitized_options", config.lns_sanitized_options),
]

# Before a command: its device "cuda" is the emulated one (test/emulation).
emulated = {
    "LNSRT_CUDA_DRIVER": "lib/libcuda-emu.so",
    "LNSRT_NVRTC": "lib/libnvrtc-emu.so",
    "LNSRT_CUBLASLT": "lib/libcublaslt-emu.so",
    "LNSRT_CACHE_DIR": "test/emulation/cache",
}
config.substitutions += [
    (
        "%emu",
        "env "
        + " ".join(
            name + "=" + os.path.join(config.lns_obj_root, path) for name, path in emulated.items()
        ),
    )
]

# A test that hangs must fail, not stop the run. lit can enforce the limit only
# when psutil is there.
if lit_config.maxIndividualTestTime == 0:
    if lit.util.killProcessAndChildrenIsSupported()[0]:
        lit_config.maxIndividualTestTime = 600


def processor_flags():
    """The processor's features as the kernel names them."""
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("flags"):
                    return line.split(":", 1)[1].split()
    except OSError:
        pass
    return []


def loads(*names):
    """The first of the shared libraries that can be loaded, or None."""
    for name in names:
        try:
            return ctypes.CDLL(name)
        except OSError:
            pass
    return None


def cuda_devices():
    """How many devices a CUDA driver reports; 0 without a driver."""
    driver = loads("libcuda.so.1")
    count = ctypes.c_int(0)
    if driver is None or driver.cuInit(0) != 0:
        return 0
    if driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


for flag in processor_flags():
    if flag.startswith(("avx", "amx", "fma", "f16c")):
        config.available_features.add(flag)
nvrtc_names = ["libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"]
cuda_root = os.environ.get("CUDA_PATH", "/usr/local/cuda")
nvrtc_names += [os.path.join(cuda_root, "lib64", name) for name in nvrtc_names]
if loads(*nvrtc_names) is not None:
    config.available_features.add("nvrtc")
if cuda_devices() > 0:
    config.available_features.add("cuda")
if hasattr(os, "geteuid") and os.geteuid() == 0:
    config.available_features.add("root")
if config.lns_compiler_dir:
    config.available_features.add("compiler")
if config.lns_sanitized_options:
    config.available_features.add("sanitized")
