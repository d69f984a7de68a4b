#!/usr/bin/env python3
"""Makes the folder that a machine with a GPU needs: the trainer, compiled plans,
checkpoints with expected values, and the scripts of this folder.

  make_bundle.py --bin DIR --source DIR --out DIR [--only PATTERN]
      [--targets cpu,cuda] [--cuda-arch sm_XY,...] [--lnsc-option OPTION]
      [--nvrtc FOLDER] [--max-mb 60] [--lnsc FILE]

The target `gpu-bundle` runs it. `--nvrtc` adds the NVRTC of a toolkit's library
folder, compressed; `--cuda-arch` has lnsc compile the kernels, so that the other
machine needs none; `--lnsc-option` (as often as wanted) is for comparisons, such
as --disable-product-fusion; `--lnsc` is a compiler elsewhere than in `--bin`, with
its tools beside it. Python's standard library suffices.
"""

import argparse
import array
import fnmatch
import glob
import json
import lzma
import os
import random
import shutil
import struct
import subprocess
import sys
import tarfile

GOLDEN = [("untied-lns", "lns"), ("untied-pre", "pre"), ("tied-lns", "lns"),
          ("tied-pre", "pre")]
# name, config, norm, batch, sequence, micro-batch: heads of 64 and 128, times
# that no tile divides, an odd width, a step in parts.
BLOCKS = [("two-blocks-lns", "two-blocks", "lns", 2, 80, 2),
          ("two-blocks-pre", "two-blocks", "pre", 2, 80, 2),
          ("two-blocks-parts", "two-blocks", "lns", 2, 80, 1),
          ("wide-heads-lns", "wide-heads", "lns", 1, 136, 1)]
DTYPES = ("f32", "bf16")


class Bundle:
    def __init__(self, options):
        self.options, self.out = options, options.out
        self.plans = []

    def tool(self, name):
        if name != "lns" and self.options.lnsc:
            return os.path.join(os.path.dirname(self.options.lnsc), name)
        return os.path.join(self.options.bin, name)

    def source(self, *parts):
        return os.path.join(self.options.source, *parts)

    def place(self, name):
        path = os.path.join(self.out, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def copy(self, source, name):
        shutil.copy(source, self.place(name))
        return name

    def wants(self, name):
        return fnmatch.fnmatch(name, self.options.only)

    def compile(self, config, name, norm, dtype, batch, seq, micro, targets):
        plan = f"plans/{name}.plan"
        command = [self.tool("lnsc"), config, f"--norm={norm}",
                   f"--dtype={dtype}", f"--batch={batch}", f"--seq={seq}",
                   f"--micro-batch={micro}", f"--target={targets}", "-o",
                   self.place(plan)]
        if self.options.cuda_arch and "cuda" in targets:
            command.append(f"--cuda-arch={self.options.cuda_arch}")
        if "cuda" in targets:
            command += self.options.lnsc_option
        run(command)
        return plan

    def add(self, name, kind, plan, config, config_file, norm, dtype, batch, seq,
            micro, **more):
        with open(config) as file:
            facts = json.load(file)
        self.plans.append({
            "name": name, "kind": kind, "plan": plan, "config": facts,
            "config_file": config_file, "norm": norm, "dtype": dtype,
            "batch": batch, "sequence": seq, "micro_batch": micro,
            "torch_micro_batch": micro, **more})

    def add_conformance(self, case, config, norm, batch, seq, micro, golden,
                        files):
        targets = self.options.targets
        for dtype in DTYPES:
            name = f"{case}-{dtype}"
            # What bf16 does to a training step is judged by the model in f32.
            if not self.wants(name) and not (dtype == "f32" and
                                             self.wants(f"{case}-bf16")):
                continue
            plan = self.compile(config, name, norm, dtype, batch, seq, micro,
                                targets)
            if self.wants(name):
                self.add(name, "conformance", plan, config, files["config_file"],
                         norm, dtype, batch, seq, micro, model=case,
                         golden=golden, f32_plan=f"plans/{case}-f32.plan",
                         **{key: value for key, value in files.items()
                            if key != "config_file"})

    def add_golden(self):
        for case, norm in GOLDEN:
            if not any(self.wants(f"{case}-{dtype}") for dtype in DTYPES):
                continue
            folder = self.source("test", "golden", case)
            files = {key: self.copy(os.path.join(folder, file),
                                    f"golden/{case}/{file}")
                     for key, file in (("config_file", "config.json"),
                                       ("checkpoint", "model.safetensors"),
                                       ("tokens", "tokens.bin"),
                                       ("expected", "expected.safetensors"))}
            self.add_conformance(case, os.path.join(folder, "config.json"), norm,
                                 2, 12, 2, True, files)

    def add_blocks(self):
        """Expected values by the float64 interpreter."""
        for case, model, norm, batch, seq, micro in BLOCKS:
            if not any(self.wants(f"{case}-{dtype}") for dtype in DTYPES):
                continue
            config = self.source("bench", "gpu", "models", model + ".json")
            files = {"config_file": self.copy(config, f"golden/{model}.json"),
                     "checkpoint": f"golden/{model}.safetensors",
                     "tokens": f"golden/{model}.bin",
                     "expected": f"golden/{model}-{norm}-expected.safetensors"}
            with open(config) as file:
                facts = json.load(file)
            write_checkpoint(self.place(files["checkpoint"]), facts)
            write_tokens(self.place(files["tokens"]), facts["vocab_size"],
                         4 * batch * seq + 1)
            expected = self.place(files["expected"])
            if not os.path.exists(expected):
                module = expected + ".mlir"
                run([self.tool("lnsc"), config, f"--norm={norm}", "--dtype=f32",
                     f"--batch={batch}", f"--seq={seq}", "--emit=train", "-o",
                     module])
                run([self.tool("lns-interpret"), module, "--entry=grads",
                     "--params=" + self.place(files["checkpoint"]),
                     "--tokens=" + self.place(files["tokens"]),
                     "--out=" + expected])
                os.remove(module)
            self.add_conformance(case, config, norm, batch, seq, micro, False,
                                 files)

    def add_speed(self):
        if "cuda" not in self.options.targets.split(","):
            return
        rank = lambda word: None if word == "-" else float(word)
        for words in read_table(self.source("bench", "gpu", "plans.txt")):
            (name, model, norm, dtype, batch, seq, micro, torch, first,
             torch_rank, products_rank, needs) = words
            if not self.wants(name):
                continue
            config = self.source("examples", "configs", model + ".json")
            sizes = int(batch), int(seq), int(micro)
            plan = self.compile(config, name, norm, dtype, *sizes, "cuda")
            copied = self.copy(config, f"golden/{model}.json")
            self.add(name, "speed", plan, config, copied, norm, dtype, *sizes,
                     model=model, rank=rank(first), torch_rank=rank(torch_rank),
                     products_rank=rank(products_rank), needs=float(needs))
            self.plans[-1]["torch_micro_batch"] = int(torch)

    def add_programs(self):
        self.copy(self.tool("lns"), "bin/lns")
        here = self.source("bench", "gpu")
        for name in ("run.sh", "README.md"):
            self.copy(os.path.join(here, name), name)
        for path in sorted(glob.glob(os.path.join(here, "python", "*.py"))):
            self.copy(path, "python/" + os.path.basename(path))
        self.copy(self.source("test", "golden", "compare.py"),
                  "python/compare.py")

    def add_nvrtc(self):
        found = [path for path in glob.glob(
            os.path.join(self.options.nvrtc, "libnvrtc*.so.*"))
            if ".alt." not in path and not path.endswith(".a")]
        # Each library once, under the name that programs ask for.
        for path in found:
            name = os.path.basename(path)
            parts = name.split(".so.")[1].count(".")
            if parts > (1 if "builtins" in name else 0):
                continue
            with open(path, "rb") as source, lzma.open(
                    self.place(f"nvrtc/{name}.xz"), "wb", preset=3) as out:
                shutil.copyfileobj(source, out)
        if not found:
            raise SystemExit(f"make_bundle.py: error: {self.options.nvrtc}: no "
                             "libnvrtc.so.*; name the toolkit's library folder")

    def pack_plans(self):
        """Plans are alike: together they take a twentieth of the space, which
        NVRTC may need."""
        with tarfile.open(self.place("plans.tar.xz"), "w:xz") as packed:
            packed.add(self.place("plans"), "plans")
        shutil.rmtree(self.place("plans"))

    def write_manifest(self):
        with open(self.place("manifest.json"), "w") as file:
            json.dump({"plans": self.plans}, file, indent=1)


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"make_bundle.py: error: {' '.join(command)}:\n"
                         f"{done.stderr or done.stdout}")


def read_table(path):
    with open(path) as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                yield line.split()


def draw(count, rng, mean, deviation):
    return array.array("f", (rng.gauss(mean, deviation) for _ in range(count)))


def write_checkpoint(path, config):
    """Random parameters under Hugging Face's names, from a fixed seed."""
    if os.path.exists(path):
        return
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    head = config.get("head_dim") or hidden // config["num_attention_heads"]
    q = config["num_attention_heads"] * head
    kv = config["num_key_value_heads"] * head
    table = [config["vocab_size"], hidden]
    shapes = {"model.embed_tokens.weight": table, "model.norm.weight": [hidden]}
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = table
    for layer in range(config["num_hidden_layers"]):
        block = {"input_layernorm": [hidden], "self_attn.q_proj": [q, hidden],
                 "self_attn.k_proj": [kv, hidden],
                 "self_attn.v_proj": [kv, hidden],
                 "self_attn.o_proj": [hidden, q],
                 "post_attention_layernorm": [hidden],
                 "mlp.gate_proj": [inner, hidden],
                 "mlp.up_proj": [inner, hidden],
                 "mlp.down_proj": [hidden, inner]}
        shapes.update({f"model.layers.{layer}.{name}.weight": shape
                       for name, shape in block.items()})
    rng, header, body = random.Random(1), {}, b""
    for name, shape in sorted(shapes.items()):
        is_gain = len(shape) == 1
        count = shape[0] * (1 if is_gain else shape[1])
        # Activations stay near one.
        deviation = 0.2 if is_gain else 0.7 / shape[-1] ** 0.5
        values = draw(count, rng, 1.0 if is_gain else 0.0, deviation).tobytes()
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [len(body), len(body) + len(values)]}
        body += values
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


def write_tokens(path, vocabulary, count):
    """A shard of llm.c."""
    rng = random.Random(2)
    with open(path, "wb") as file:
        file.write(struct.pack("<256i", 20240520, 1, count, *[0] * 253))
        array.array("H", (rng.randrange(vocabulary)
                          for _ in range(count))).tofile(file)


def check_size(folder, max_mb):
    sizes = sorted(((os.path.getsize(os.path.join(root, name)),
                     os.path.relpath(os.path.join(root, name), folder))
                    for root, _, names in os.walk(folder) for name in names),
                   reverse=True)
    total = sum(size for size, _ in sizes)
    if total > max_mb * 1e6:
        largest = ", ".join(f"{name} {size / 1e6:.1f}" for size, name in sizes[:5])
        raise SystemExit(f"make_bundle.py: error: {folder} has {total / 1e6:.1f} "
                         f"MB, at most {max_mb:g} are allowed; the largest files "
                         f"(MB): {largest}")
    print(f"{folder}: {len(sizes)} files, {total / 1e6:.1f} MB of at most "
          f"{max_mb:g}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("bin", "source", "out"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--only", default="*")
    parser.add_argument("--targets", default="cpu,cuda")
    parser.add_argument("--cuda-arch", default="")
    parser.add_argument("--lnsc-option", action="append", default=[])
    parser.add_argument("--nvrtc", default="")
    parser.add_argument("--lnsc", default="")
    parser.add_argument("--max-mb", type=float, default=60)
    options = parser.parse_args()
    # Never somebody else's folder: only what this script has made goes.
    if os.path.isdir(options.out) and os.listdir(options.out):
        if not os.path.exists(os.path.join(options.out, "manifest.json")):
            raise SystemExit(f"make_bundle.py: error: {options.out} is no bundle "
                             "and not empty; name another folder")
        shutil.rmtree(options.out)
    bundle = Bundle(options)
    # First, so that a bundle that was not finished is known as one.
    bundle.write_manifest()
    bundle.add_programs()
    bundle.add_golden()
    bundle.add_blocks()
    bundle.add_speed()
    if options.nvrtc:
        bundle.add_nvrtc()
    if not bundle.plans:
        raise SystemExit(f"make_bundle.py: error: --only '{options.only}' names "
                         "no plan")
    bundle.pack_plans()
    bundle.write_manifest()
    check_size(options.out, options.max_mb)
    return 0


if __name__ == "__main__":
    sys.exit(main())
