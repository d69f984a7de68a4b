"""Compares `lnsc --emit=resources` with a record; see cuda-resources.test.

The record's first line names the NVRTC that it was made with.
"""

import ctypes
import os
import sys


def nvrtc_version():
    root = os.environ.get("CUDA_PATH", "/usr/local/cuda")
    names = [os.environ.get("LNSRT_NVRTC", "libnvrtc.so")]
    names += [f"{folder}libnvrtc.so{suffix}" for folder in ("", f"{root}/lib64/") for suffix in (".13", ".12", "")]
    for name in names:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        major, minor = ctypes.c_int(), ctypes.c_int()
        library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
        return f"nvrtc {major.value}.{minor.value}"
    return "no nvrtc"


def main():
    made, record = (open(path).read().splitlines() for path in sys.argv[1:3])
    rows = [line.split() for line in made[1:]]
    spills = [row for row in rows if row[3] != "0" and row[-1] != "may-spill"]
    for row in spills:
        print("spills:", *row)
    kernels, archs = len({row[0] for row in rows}), len({row[1] for row in rows})
    print(f"{kernels} kernels for {archs} architectures, {len(spills) or 'none'} spills")
    if record[0] != nvrtc_version():
        print("recorded with another NVRTC,", record[0])
        return 0
    if record[1:] == made:
        print("as recorded")
        return 0
    for line in sorted(set(made) - set(record[1:])):
        print("now:", line)
    for line in sorted(set(record[1:]) - set(made)):
        print("recorded:", line)
    return 1


if __name__ == "__main__":
    sys.exit(main())
