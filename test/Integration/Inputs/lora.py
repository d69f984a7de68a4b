"""Adapters (LoRA) through compiler, runtime and files: LNSC LNS INTERPRET GOLDEN FOLDER.

What PEFT computes with its own adapters (test/golden/lora) is what plans on the
CPU, on the device that LNSRT_CUDA_DRIVER names, and the interpreter compute; what
is frozen stays bit for bit; gradients and moments take the adapters' bytes and no
others; a base with an adapter, a base with folded gains with it, and the merged
model compute the same logits.
"""

import json
import math
import pathlib
import re
import shutil
import subprocess
import sys

lnsc, lns, interpret, golden, root = (pathlib.Path(p) for p in sys.argv[1:6])
sys.path.insert(0, str(golden))
import compare

SIZES = ["--batch=2", "--seq=12"]
LORA = {
    "lns": "rank=3,alpha=5,targets=q_proj:v_proj:o_proj:up_proj:down_proj",
    "pre-rslora": "rank=4,alpha=6,targets=all-linear,rslora",
}
BASE = {"lns": ("untied-lns", "lns"), "pre-rslora": ("untied-pre", "pre")}


def run(*command, fails=False):
    done = subprocess.run([str(part) for part in command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if (done.returncode != 0) != fails:
        sys.exit(f"{' '.join(map(str, command))}: exit code "
                 f"{done.returncode}\n{done.stdout}")
    return done.stdout


def refuse(text, *command):
    out = run(*command, fails=True)
    if text not in out:
        sys.exit(f"{' '.join(map(str, command))}: expected '{text}' in\n{out}")


def check(holds, what):
    if not holds:
        sys.exit(f"wrong: {what}")


def read(path):
    return compare.read_safetensors(path)


def same(a, b, what, tol):
    far = compare.distance(a[1], b[1])
    print(f"{what}: {far:.1e}")
    check(a[0] == b[0] and far <= tol, f"{what} differs by {far}, at most {tol}")


def against_peft(case):
    base, norm = BASE[case]
    folder, source = golden / "lora" / case, golden / base
    want = read(folder / "expected.safetensors")
    config = [source / "config.json", f"--norm={norm}", *SIZES,
              f"--lora={LORA[case]}"]
    weights = ["--checkpoint", source / "model.safetensors", "--adapter",
               folder, "--tokens", source / "tokens.bin"]
    for name, options, tol in (
            ("cpu", ["--dtype=f32"], 1e-5),
            ("cpu-parts", ["--dtype=f32", "--micro-batch=1"], 1e-5),
            ("cpu-bf16", ["--dtype=bf16"], 6e-2),
            ("cuda", ["--dtype=f32", "--target=cuda"], 1e-5),
            ("cuda-bf16", ["--dtype=bf16", "--target=cuda"], 6e-2)):
        plan, out = root / f"{case}-{name}.plan", root / "grads.safetensors"
        run(lnsc, *config, *options, "-o", plan)
        info = json.loads(run(lns, "plan", "info", plan, "--json"))
        kernels = info["cuda"] if "cuda" in name else info
        check(kernels["norm_kernels"] == 0, f"{plan}: norm kernels")
        run(lns, "grads", plan, *weights, "-o", out, "--logits")
        got = read(out)
        check(set(got) == {n.removeprefix("grad.") for n in want},
              f"{case} {name}: tensors {sorted(got)}")
        far = {key: compare.distance(got[key.removeprefix("grad.")][1], value[1])
               for key, value in want.items()}
        worst = max(far.values())
        check(all(x <= tol for x in far.values()), f"{case} {name}: {far}")
        print(f"{case} {name}: {len(want)} tensors, largest distance {worst:.1e}")

    # The interpreter, of which norms, sums and first elements are printed.
    every = dict(read(source / "model.safetensors"))
    for key, value in read(folder / "adapter_model.safetensors").items():
        every[key.removeprefix("base_model.model.")] = value
    params, train = root / "all.safetensors", root / f"{case}.mlir"
    compare.write_safetensors(params, every)
    run(lnsc, *config, "--dtype=f32", "--emit=train", "-o", train)
    out = run(interpret, train, "--entry=grads", f"--params={params}",
              f"--tokens={source / 'tokens.bin'}", "--print-gradients", "--print", "--digits=17")
    found, worst = 0, 0
    for line in re.finditer(
            r"gradient (\S+): \[.*\] norm (\S+) sum (\S+)\n(?:  = (.*)\n)?", out):
        name, norm_, total, values = line.groups()
        exact = want["grad." + name][1]
        size = math.sqrt(math.fsum(x * x for x in exact))
        pairs = [(float(norm_), size), (float(total), math.fsum(exact))]
        if values:
            pairs += zip(map(float, values.split(", and ")[0].split(", ")), exact)
        worst = max([worst] + [abs(a - b) / size for a, b in pairs])
        found += 1
    print(f"{case} interpreter: {found} gradients, largest error {worst:.1e}")
    check(found == len(want) - 2 and worst <= 1e-12, f"interpreter: {worst}")


def memory(plan):
    """Gradients are the trained parameters' bytes; so are the moments, each."""
    info = json.loads(run(lns, "plan", "info", plan, "--json"))
    sizes = {False: 0, True: 0}
    elements = {False: 0, True: 0}
    for tensor in info["tensors"]:
        stored = tensor.get("storage_shape", tensor["shape"])
        sizes[tensor["frozen"]] += (4 * math.prod(stored) + 63) // 64 * 64
        elements[tensor["frozen"]] += math.prod(tensor["shape"])
    check(sizes[True] > 0, "nothing is frozen")
    for used in [info["memory"]] + ([info["cuda"]["memory"]]
                                    if "cuda" in info else []):
        check(used["gradients"] == sizes[False], f"gradients {used} {sizes}")
        check(used["optimizer"] == 2 * sizes[False], f"optimizer {used}")
        check(used["parameters"] == sizes[False] + sizes[True], f"{used}")
    check(info["parameters"] == elements[False], "parameters")
    check(info["frozen_parameters"] == elements[True], "frozen parameters")
    print(f"memory: parameters {used['parameters']}, gradients "
          f"{used['gradients']}, optimizer {used['optimizer']}")


def files():
    source = golden / "untied-lns"
    data = ["--data", source / "tokens.bin", "--log-every", "0"]
    grads = ["--tokens", source / "tokens.bin", "--logits", "-o"]
    plan, own = root / "base.plan", root / "lora.plan"
    config = [source / "config.json", "--norm=lns", *SIZES, "--dtype=f32"]
    lora = "--lora=rank=4,alpha=8,targets=q_proj:o_proj:gate_proj"
    run(lnsc, *config, "-o", plan)
    run(lnsc, *config, lora, "--target=cpu,cuda", "-o", own)
    memory(own)

    # A base of our own, and an adapter on it: A and B as they are drawn.
    run(lns, "train", plan, *data, "--out", root / "base", "--steps", "4", "--lr", "1e-2")
    def train(out, steps, *more):
        return run(lns, "train", own, *data, "--out", root / out, "--steps",
                   str(steps), "--lr", "3e-2", "--seed", "5", *more)
    log = train("run", 30, "--init-from", root / "base", "--save-every", "15")
    check("has no adapters: the 12 tensors of the plan's keep the values that "
          "they have" in log, log)
    def loss(plan, checkpoint):
        out = run(lns, "eval", plan, "--checkpoint", checkpoint, "--data",
                  source / "tokens.bin", "--json")
        return json.loads(out)["val_loss"]
    first, last = loss(plan, root / "base"), loss(own, root / "run")
    print(f"loss {first:.4f} to {last:.4f}")
    check(last < first - 0.1, f"losses {first} {last}")
    before = read(root / "base/step-000004/model.safetensors")
    after = read(root / "run/step-000030/model.safetensors")
    for name, value in before.items():
        check(after[name] == value, f"'{name}' was frozen and has changed")
    check(len(after) == len(before) + 12, "tensors")
    moments = read(root / "run/step-000030/optimizer.safetensors")
    check(len(moments) == 24 and all("lora_" in name for name in moments),
          f"moments {sorted(moments)}")
    run(lns, "ckpt", "verify", root / "run")

    # To the bit what it is resumed, and on other threads.
    shutil.copytree(root / "run/step-000015", root / "half/step-000015")
    train("half", 30, "--resume", "auto", "--threads", "1")
    for name in ("model", "optimizer"):
        check((root / f"half/step-000030/{name}.safetensors").read_bytes() ==
              (root / f"run/step-000030/{name}.safetensors").read_bytes(),
              f"{name} of a resumed run")

    # Without its base an adapter is nothing, and a base is no model of the plan.
    refuse("12 tensors are missing", lns, "eval", own, "--checkpoint",
           root / "base/step-000004/model.safetensors", "--data",
           source / "tokens.bin", "--force")
    refuse("is of another model than the plan: lora: rank=4,alpha=8,targets="
           "q_proj:o_proj:gate_proj here, none in the checkpoint", lns, "eval",
           own, "--checkpoint", root / "base", "--data", source / "tokens.bin")
    refuse("has adapters (rank=4,alpha=8,targets=q_proj:o_proj:gate_proj), the "
           "plan has none; compile it with --lora, or make one model of them "
           "with 'lns ckpt merge'", lns, "eval", plan, "--checkpoint",
           root / "run", "--data", source / "tokens.bin")
    refuse("merge them with 'lns ckpt merge' first", lns, "ckpt", "export-hf",
           root / "run", "-o", root / "none")

    # Out and in again.
    run(lns, "ckpt", "export-lora", root / "run", "-o", root / "peft")
    peft = read(root / "peft/adapter_model.safetensors")
    for name, value in peft.items():
        check(after[name.removeprefix("base_model.model.")] == value, name)
    check(len(peft) == 12, "tensors of the export")
    run(lns, "ckpt", "import-lora", root / "peft", "--base", root / "base",
        "--plan", own, "-o", root / "again")
    check(read(root / "again/step-000000/model.safetensors") == after, "import")

    # One function in five forms.
    def logits(out, plan, *more):
        run(lns, "grads", plan, *more, *grads, root / out)
        return read(root / out)["logits"]
    want = logits("a", own, "--checkpoint", root / "run")
    run(lns, "ckpt", "export-hf", root / "base", "-o", root / "hf")
    same(logits("b", own, "--checkpoint", root / "base", "--adapter",
                root / "peft"), want, "base and adapter", 1e-7)
    same(logits("c", own, "--checkpoint", root / "hf", "--adapter",
                root / "peft"), want, "folded base, unfolded, and adapter", 1e-6)
    # Without the mark it is a plain LLaMA: its gains are what they are.
    plain = root / "plain"
    shutil.copytree(root / "hf", plain)
    text = json.loads((plain / "config.json").read_text())
    del text["lnsc"]
    (plain / "config.json").write_text(json.dumps(text))
    tensors = read(plain / "model.safetensors")
    compare.write_safetensors(plain / "model.safetensors", tensors)
    run(lnsc, plain / "config.json", *SIZES, "--dtype=f32", lora, "-o",
        root / "plain.plan")
    same(logits("d", root / "plain.plan", "--checkpoint", plain, "--adapter",
                root / "peft"), want, "folded base and adapter", 1e-6)
    run(lns, "ckpt", "merge", root / "run", "-o", root / "merged")
    same(logits("e", plan, "--checkpoint", root / "merged"), want, "merged", 1e-6)
    run(lns, "ckpt", "merge", root / "base", "--adapter", root / "peft", "-o",
        root / "merged2")
    check(read(root / "merged/step-000000/model.safetensors") ==
          read(root / "merged2/step-000000/model.safetensors"), "merges")
    run(lns, "ckpt", "verify", root / "merged")
    # The sum is f64's, rounded once.
    import struct
    merged = read(root / "merged/step-000000/model.safetensors")
    name = "model.layers.1.self_attn.o_proj"
    a, b = after[name + ".lora_A.weight"], after[name + ".lora_B.weight"]
    w, out = after[name + ".weight"], merged[name + ".weight"]
    (rank, width), values = a
    for i in range(0, len(w[1]), 7):
        exact = w[1][i] + 2.0 * sum(
            b[1][i // width * rank + r] * values[r * width + i % width]
            for r in range(rank))
        check(struct.pack("f", exact) == struct.pack("f", out[1][i]),
              f"merged element {i}")
    refuse("has adapters of its own; merge these first, without --adapter", lns,
           "ckpt", "merge", root / "run", "--adapter", root / "peft", "-o",
           root / "none")
    refuse("its model has no adapters; give one with --adapter", lns, "ckpt",
           "merge", root / "base", "-o", root / "none")
    refuse("is no checkpoint of lns", lns, "ckpt", "merge", root / "hf",
           "--adapter", root / "peft", "-o", root / "none")

    # Training goes on from PEFT's files.
    log = train("more", 2, "--init-from", root / "hf", "--adapter", root / "peft")
    check("taken for the plan's adapters" in log, log)

    # What is refused, by its name.
    def broken(change, text, *, tensors=None):
        folder = root / "broken"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(root / "peft", folder)
        config = json.loads((folder / "adapter_config.json").read_text())
        config.update(change)
        (folder / "adapter_config.json").write_text(json.dumps(config))
        if tensors:
            every = dict(peft)
            tensors(every)
            compare.write_safetensors(folder / "adapter_model.safetensors", every)
        refuse(text, lns, "ckpt", "merge", root / "base", "--adapter", folder,
               "-o", root / "none")
    first = "base_model.model.model.layers.0.self_attn.q_proj.lora_"
    broken({"use_dora": True}, "'use_dora' is true: DoRA scales")
    broken({"lora_bias": True}, "'lora_bias' is true: biases of adapters")
    broken({"lora_dropout": 0.1}, "'lora_dropout' is 0.1, expected 0.0")
    broken({"bias": "all"}, "'bias' is \"all\", expected \"none\"")
    broken({"peft_type": "IA3"}, "'peft_type' is \"IA3\", expected \"LORA\"")
    broken({"new_switch": 3}, "'new_switch' is 3: nothing is known here")
    broken({"layer_replication": [[0, 1]]}, "'layer_replication' is [[0,1]]")
    broken({"init_lora_weights": "pissa"}, "'init_lora_weights' is \"pissa\"")
    broken({"r": 5}, "are of rank 4, the config says 5")
    broken({"lora_alpha": -1}, "'lora_alpha' is -1, expected a number above 0")
    broken({"rank_pattern": {"^q.*": 2}}, "'^q.*' of 'rank_pattern' is 2")
    broken({"rank_pattern": 3}, "'rank_pattern' is no object; restore it")
    broken({"use_rslora": 3}, "'use_rslora' is neither true nor false")
    broken({"modules_to_save": 3}, "'modules_to_save' is no list; restore it")
    broken({"modules_to_save": [3]}, "'modules_to_save' is no list of names")
    # One of two would be left out without a word.
    for text, words in (('{"use_dora": true, "use_dora": false}',
                         "the key 'use_dora' is there twice"),
                        ("[]", "not a JSON object; restore it as PEFT wrote it"),
                        ("{", "no JSON, or not UTF-8, at byte")):
        (root / "broken/adapter_config.json").write_text(text)
        refuse(words, lns, "ckpt", "merge", root / "base", "--adapter",
               root / "broken", "-o", root / "none")
    broken({}, "has lora_B, but no lora_A", tensors=lambda t: t.pop(first + "A.weight"))
    broken({}, "'model.layers.0.x.bias' is neither", tensors=lambda t: t.update(
        {"base_model.model.model.layers.0.x.bias": ([2], [0.0, 0.0])}))
    def rename(tensors):
        for half in "AB":
            tensors[f"base_model.model.model.layers.9.mlp.up_proj.lora_{half}"
                    ".weight"] = tensors.pop(f"{first}{half}.weight")
    broken({}, "it lacks 'model.layers.9.mlp.up_proj.weight'", tensors=rename)
    def narrow(tensors):
        tensors[first + "A.weight"] = ([4, 12], [0.0] * 48)
    broken({}, "'model.layers.0.self_attn.q_proj.weight' has shape [48, 48], the "
           "adapter is for [48, 12]", tensors=narrow)
    # Of a plan: other targets, rank or alpha.
    other = root / "other.plan"
    for text, words in (
            ("rank=4,alpha=8,targets=q_proj:o_proj",
             "the plan does not train 'model.layers.0.mlp.gate_proj'"),
            ("rank=4,alpha=8,targets=q_proj:o_proj:gate_proj:v_proj",
             "it lacks 'model.layers.0.self_attn.v_proj.lora_A.weight'"),
            ("rank=4,alpha=4,targets=q_proj:o_proj:gate_proj",
             "'model.layers.0.mlp.gate_proj' is scaled by 2, in the plan by 1"),
            ("rank=2,alpha=4,targets=q_proj:o_proj:gate_proj",
             "has shape [4, 48], the plan has [2, 48]")):
        run(lnsc, *config, f"--lora={text}", "-o", other)
        refuse(words, lns, "eval", other, "--checkpoint", root / "base",
               "--adapter", root / "peft", "--data", source / "tokens.bin")
    refuse("the plan has no adapters; compile it with --lora", lns, "eval", plan,
           "--checkpoint", root / "base", "--adapter", root / "peft", "--data",
           source / "tokens.bin")
    # By modules: a pattern halves the scale of one.
    shutil.rmtree(root / "broken")
    shutil.copytree(root / "peft", root / "broken")
    text = json.loads((root / "broken/adapter_config.json").read_text())
    text["alpha_pattern"] = {"o_proj": 4}
    (root / "broken/adapter_config.json").write_text(json.dumps(text))
    run(lns, "ckpt", "merge", root / "base", "--adapter", root / "broken", "-o",
        root / "merged3")
    half = read(root / "merged3/step-000000/model.safetensors")[name + ".weight"]
    for i in range(0, len(w[1]), 7):
        check(abs((out[1][i] - w[1][i]) - 2 * (half[1][i] - w[1][i])) < 1e-6,
              f"alpha_pattern, element {i}")

    # A head that is trained whole, for PEFT's modules_to_save.
    saved = "--lora=rank=4,alpha=8,targets=q_proj,save=lm_head:norm"
    run(lnsc, *config, saved, "-o", other)
    run(lns, "train", other, *data, "--out", root / "saved", "--steps", "2",
        "--init-from", root / "base")
    whole = read(root / "saved/step-000002/model.safetensors")
    for key, value in before.items():
        frozen = key not in ("lm_head.weight", "model.norm.weight")
        check((whole[key] == value) == frozen, f"'{key}' frozen: {frozen}")
    run(lns, "ckpt", "export-lora", root / "saved", "-o", root / "peft2")
    check({"base_model.model.lm_head.weight", "base_model.model.model.norm.weight"}
          <= set(read(root / "peft2/adapter_model.safetensors")), "saved modules")
    want = logits("f", other, "--checkpoint", root / "saved")
    same(logits("g", other, "--checkpoint", root / "base", "--adapter",
                root / "peft2"), want, "saved modules", 1e-7)
    run(lns, "ckpt", "merge", root / "base", "--adapter", root / "peft2", "-o",
        root / "merged4")
    same(logits("h", plan, "--checkpoint", root / "merged4"), want,
         "merged, with saved modules", 1e-6)


def main():
    for case in LORA:
        against_peft(case)
    files()
    print("all hold")


main()
