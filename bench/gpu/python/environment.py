"""What this machine is: GPU, driver, libraries, peaks."""

import ctypes
import glob
import lzma
import os
import platform
import shutil
import site
import sys

from limits import peak_of
from process import Failure, run

# variable -> (what it is, names that the loader may find, patterns of the same
# in Python packages and in toolkits that the loader does not know)
LIBRARIES = {
    "LNSRT_CUDA_DRIVER": ("CUDA driver", ["libcuda.so.1"], []),
    "LNSRT_NVRTC": (
        "NVRTC", ["libnvrtc.so.13", "libnvrtc.so.12"],
        ["cu13/lib/libnvrtc.so.1[0-9]", "cuda_nvrtc/lib/libnvrtc.so.1[0-9]",
         "lib64/libnvrtc.so.1[0-9]"]),
    "LNSRT_CUBLASLT": (
        "cuBLASLt", ["libcublasLt.so.13", "libcublasLt.so.12"],
        ["cu13/lib/libcublasLt.so.1[0-9]", "cublas/lib/libcublasLt.so.1[0-9]",
         "lib64/libcublasLt.so.1[0-9]"]),
}


def _loads(path):
    try:
        ctypes.CDLL(path)
        return True
    except OSError:
        return False


def _package_folders():
    """`nvidia` folders of this Python's packages; CUDA toolkits."""
    roots = list(sys.path) + site.getsitepackages()
    if site.ENABLE_USER_SITE:
        roots.append(site.getusersitepackages())
    folders = [os.path.join(root, "nvidia") for root in roots if root]
    for variable in ("CUDA_PATH", "CUDA_HOME"):
        if os.environ.get(variable):
            folders.append(os.environ[variable])
    folders += sorted(glob.glob("/usr/local/cuda*"), reverse=True)
    return [folder for folder in dict.fromkeys(folders) if os.path.isdir(folder)]


def _unpack_nvrtc(bundle, work):
    """NVRTC out of the bundle, if it was put there."""
    found = None
    for packed in sorted(glob.glob(os.path.join(bundle, "nvrtc", "*.xz"))):
        target = os.path.join(work, os.path.basename(packed)[:-3])
        with lzma.open(packed) as source, open(target, "wb") as out:
            shutil.copyfileobj(source, out)
        if "builtins" not in target:
            found = target
    return found


def find_libraries(bundle, work):
    """Sets LNSRT_* where the loader would not find a library by itself; a path
    that the user has set stays. Returns {title: where}."""
    places = {}
    for variable, (title, names, patterns) in LIBRARIES.items():
        if os.environ.get(variable):
            places[title] = f"{os.environ[variable]} ({variable})"
            continue
        known = next((name for name in names if _loads(name)), None)
        if known:
            places[title] = known
            continue
        candidates = [path for folder in _package_folders()
                      for pattern in patterns
                      for path in sorted(glob.glob(os.path.join(folder, pattern)))]
        path = next(filter(_loads, candidates), None)
        if path is None and variable == "LNSRT_NVRTC":
            path = _unpack_nvrtc(bundle, work)
        if path:
            os.environ[variable] = path
        places[title] = path
    return places


def _gpu_of_smi(ordinal):
    query = ["name", "driver_version", "memory.total", "power.limit",
             "clocks.max.sm", "compute_cap"]
    out, _ = run(["nvidia-smi", f"--id={ordinal}",
                  "--query-gpu=" + ",".join(query),
                  "--format=csv,noheader,nounits"], 30)
    values = [value.strip() for value in out.strip().splitlines()[0].split(",")]
    return dict(zip(query, values))


def _processor():
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def describe(tools, options, work):
    """Facts for the report. Raises Failure when the device is not there."""
    facts = {"processor": _processor(), "cpus": len(os.sched_getaffinity(0)),
             "system": platform.platform(),
             "python": platform.python_version(), "device": options.device}
    version, _ = run([tools.lns, "--version"], 30)
    facts["lns"] = version.strip()
    facts["peak"] = None
    if options.device == "cpu":
        return facts
    facts["libraries"] = find_libraries(options.bundle, work)
    ordinal = options.device.partition(":")[2] or "0"
    try:
        facts["gpu"] = _gpu_of_smi(ordinal)
    except (Failure, OSError, IndexError) as error:
        # Not the end: containers may have the driver without its tool.
        facts["nvidia_smi_error"] = str(error)
    try:
        out, _ = run([tools.lns, "devices", "--require-cuda"], 60)
    except Failure as error:
        libraries = ", ".join(f"{title}: {place or 'not found'}" for title, place
                              in facts["libraries"].items())
        raise Failure(f"there is no device '{options.device}': {error} "
                      f"({libraries})") from None
    facts["lns_devices"] = out.strip()
    # nvidia-smi does not know of CUDA_VISIBLE_DEVICES: our own name counts.
    line = next((line for line in out.splitlines() if f"cuda:{ordinal}" in line),
                facts.get("gpu", {}).get("name", ""))
    facts["peak"] = peak_of(line)
    if options.peak or options.bandwidth:
        facts["peak"] = {"tflops": options.peak, "gbps": options.bandwidth,
                         "source": "command line"}
    return facts
