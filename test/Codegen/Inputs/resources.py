"""Registers, stack and shared memory of the example models' CUDA kernels.

  resources.py check RECORD NVRTC-CODE-OF-ONE-MODEL   compares, see cuda-resources.test
  resources.py record RECORD                          compiles what is new, writes the record

Run from anywhere with `lnsc` in PATH. The record has a line for each distinct
kernel of all models: its name, its shared memory, registers and stack for every
architecture, the models that have it, and a digest of what NVRTC compiles, text
and headers without comments. A kernel whose digest is recorded compiles to what
is recorded, so that checking needs to compile nothing: that every kernel of every
model is on record takes seconds, and compiling all takes minutes.
"""

import collections
import ctypes
import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
HEADERS = os.path.join(ROOT, "codegen", "cuda", "kernels")
ARCHS = ("sm_80", "sm_90a", "sm_100a", "sm_120a")
# Kernels do not depend on depth (cuda-kernels.test): a first block, a last one,
# and one between them are as good as all.
DEPTH = 3
OPTIONS = {"bf16": ["--dtype=bf16"], "f32": ["--dtype=f32"]}
# Of the models in MLIR alone, what else changes kernels: small tiles, and row ops
# that are no epilogues.
MORE_OPTIONS = {
    f"{dtype}-{name}": [f"--dtype={dtype}", option]
    for dtype in ("bf16", "f32")
    for name, option in (("small", "--batch=1"), ("unfused", "--disable-product-fusion"))
}

Kernel = collections.namedtuple("Kernel", "name shared digest text may_spill")
Row = collections.namedtuple("Row", "name shared resources models digest")


class Nvrtc:
    """NVIDIA's run-time compiler, or none."""

    def __init__(self):
        root = os.environ.get("CUDA_PATH", "/usr/local/cuda")
        names = [os.environ.get("LNSRT_NVRTC", "libnvrtc.so")]
        names += [
            f"{folder}libnvrtc.so{suffix}" for folder in ("", f"{root}/lib64/") for suffix in (".13", ".12", "")
        ]
        self.version = "no nvrtc"
        for name in names:
            try:
                self.library = ctypes.CDLL(name)
            except OSError:
                continue
            major, minor = ctypes.c_int(), ctypes.c_int()
            self.library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
            self.version = f"nvrtc {major.value}.{minor.value}"
            break

    def compile(self, text, arch):
        """Registers and bytes of stack of the one kernel in the text."""
        program, size = ctypes.c_void_p(), ctypes.c_size_t()
        options = [f"--gpu-architecture={arch}", "--std=c++20", "--ptxas-options=-v", f"-I{HEADERS}"]
        options = (ctypes.c_char_p * len(options))(*map(str.encode, options))
        self.library.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"kernel.cu", 0, None, None)
        failed = self.library.nvrtcCompileProgram(program, len(options), options)
        self.library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
        log = ctypes.create_string_buffer(size.value)
        self.library.nvrtcGetProgramLog(program, log)
        self.library.nvrtcDestroyProgram(ctypes.byref(program))
        log = log.value.decode()
        if failed:
            sys.exit(f"{arch}: {log}\n{text}")
        registers = re.search(r"Used (\d+) registers", log)
        stack = re.search(r"(\d+) bytes stack frame", log)
        return registers[1], stack[1]


def get_models(folder):
    """The example models with DEPTH blocks, as name: (path, variants)."""
    models = {}
    for path in sorted(glob.glob(os.path.join(ROOT, "examples", "*.mlir"))):
        name = os.path.basename(path)
        with open(path) as file, open(os.path.join(folder, name), "w") as out:
            out.write(re.sub(r"depth\(\d+\)", f"depth({DEPTH})", file.read()))
        models[name] = (out.name, {**OPTIONS, **MORE_OPTIONS})
    for path in sorted(glob.glob(os.path.join(ROOT, "examples", "configs", "*.json"))):
        name = os.path.basename(path)
        with open(path) as file, open(os.path.join(folder, name), "w") as out:
            json.dump({**json.load(file), "num_hidden_layers": DEPTH}, out)
        models[name] = (out.name, OPTIONS)
    return models


def strip(text):
    """Without what does not reach the compiler."""
    lines = (re.sub(r"//.*", "", line).rstrip() for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def with_headers(text, seen):
    """The text and the headers that it includes, each once."""
    parts = [strip(text)]
    for name in re.findall(r'^#include "(.*)"', text, re.M):
        if name not in seen:
            seen.add(name)
            with open(os.path.join(HEADERS, name)) as header:
                parts.append(name + "\n" + with_headers(header.read(), seen))
    return "\n".join(parts)


def get_kernels(path, options):
    """Of one model, without the numbers that are in their symbols."""
    command = ["lnsc", path, "--target=cuda", "--emit=cuda", *options]
    said = subprocess.run(command, capture_output=True, text=True)
    if said.returncode:
        sys.exit(f"{' '.join(command)}\n{said.stderr}")
    kernels = []
    for part in re.split(r"^//===--- ", said.stdout, flags=re.M)[1:]:
        head, text = part.split("\n", 1)
        symbol, rest = head.split(": ")
        name = without_number(symbol)
        text = text.replace(symbol, name)
        shared = re.search(r"(\d+) bytes shared", rest)[1]
        digest = hashlib.sha256(with_headers(text, set()).encode()).hexdigest()[:12]
        kernels.append(Kernel(name, shared, digest, text, "may spill" in rest))
    return kernels


def without_number(symbol):
    return re.sub(r"^([a-z_]+?)_\d+(?=_|$)", r"\1", symbol)


def collect():
    """All distinct kernels by digest, and the names of the models of each."""
    kernels, users = {}, collections.defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = []
        for model, (path, variants) in get_models(folder).items():
            for variant, options in variants.items():
                name = f"{os.path.splitext(model)[0]}/{variant}"
                runs.append((name, pool.submit(get_kernels, path, options)))
        for name, run in runs:
            for kernel in run.result():
                kernels[kernel.digest] = kernel
                if name not in users[kernel.digest]:
                    users[kernel.digest].append(name)
    return kernels, users


def format_row(row):
    return " ".join([row.name, row.shared, *row.resources, ",".join(row.models), row.digest])


def read_record(path):
    """The NVRTC that it was made with, and its rows by digest."""
    if not os.path.exists(path):
        return "", {}
    with open(path) as file:
        version, _, *lines = file.read().splitlines()
    rows = {}
    for line in lines:
        name, shared, *resources, models, digest = line.split()
        rows[digest] = Row(name, shared, resources, models.split(","), digest)
    return version, rows


def write_record(path, version, rows):
    rows = sorted(rows, key=lambda row: (row.name, row.models, row.digest))
    with open(path, "w") as file:
        print(version, file=file)
        print("kernel shared", *ARCHS, "models digest", file=file)
        for row in rows:
            print(format_row(row), file=file)


def find_spills(rows, kernels):
    """What spills although it promises not to."""
    return [
        f"spills: {format_row(row)}"
        for row in rows
        if not kernels[row.digest].may_spill and any("+" in cell for cell in row.resources)
    ]


def record(path):
    nvrtc = Nvrtc()
    version, known = read_record(path)
    kernels, users = collect()
    rows = {digest: known[digest] for digest in kernels if digest in known and version == nvrtc.version}
    missing = [kernels[digest] for digest in kernels if digest not in rows]
    print(f"{len(kernels)} kernels, {len(missing)} to compile for {len(ARCHS)} architectures")

    def compile_kernel(kernel):
        cells = []
        for arch in ARCHS:
            registers, stack = nvrtc.compile(kernel.text, arch)
            cells.append(registers if stack == "0" else f"{registers}+{stack}")
        return kernel.digest, cells

    rows = {digest: row._replace(models=users[digest]) for digest, row in rows.items()}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for digest, cells in pool.map(compile_kernel, missing):
            rows[digest] = Row(kernels[digest].name, kernels[digest].shared, cells, users[digest], digest)
            # Whoever stops this goes on from here.
            write_record(path, nvrtc.version, rows.values())
    write_record(path, nvrtc.version, rows.values())
    print("\n".join(find_spills(rows.values(), kernels)) or "none spills")


def check(path, compiled):
    version, known = read_record(path)
    kernels, users = collect()
    same = version == Nvrtc().version
    problems = [
        f"not on record: {kernels[digest].name} of {','.join(users[digest])}" for digest in kernels if digest not in known
    ]
    problems += [f"no model's: {format_row(known[digest])}" for digest in known if digest not in kernels]
    rows = [row for digest, row in known.items() if digest in kernels]
    problems += find_spills(rows, kernels)
    for row in rows:
        if row.models != users[row.digest] or row.shared != kernels[row.digest].shared:
            problems.append(f"now of {','.join(users[row.digest])}: {format_row(row)}")
    # One model's, compiled now, as lnsc counts them.
    recorded = collections.defaultdict(set)
    for row in rows:
        for arch, cell in zip(ARCHS, row.resources):
            registers, _, stack = cell.partition("+")
            recorded[row.name, arch].add((registers, stack or "0", row.shared))
    with open(compiled) as file:
        lines = file.read().splitlines()[1:]
    for line in lines:
        symbol, arch, registers, stack, shared, *spills = line.split()
        if stack != "0" and not spills:
            problems.append(f"spills: {line}")
        if same and (registers, stack, shared) not in recorded[without_number(symbol), arch]:
            problems.append(f"compiled now: {line}")
    if problems:
        print("\n".join(problems))
        print(f"record anew: PATH=<build>/bin:$PATH python3 {os.path.relpath(__file__, ROOT)} record {path}")
        return 1
    print(f"{len(kernels)} kernels for {len(ARCHS)} architectures, none spills")
    print(f"{len(lines)} compiled, as recorded" if same else f"recorded with another NVRTC, {version}")
    return 0


if __name__ == "__main__":
    sys.exit(record(sys.argv[2]) if sys.argv[1] == "record" else check(*sys.argv[2:4]))
