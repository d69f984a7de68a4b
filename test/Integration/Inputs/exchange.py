"""Exports models of many schemes and families, and reads them back: LNSC LNS FOLDER.

Each has fresh random parameters, gains and biases too. The exported folder is
compiled by its own config.json as it is, and once more without its mark, as what
its model_type says: loss and logits must be those of the model. Imported and
exported again, it must be the same bytes. Of classes that lnsc does not compile,
tensors are compared with what they must be.
"""

import array
import json
import math
import pathlib
import random
import shutil
import struct
import subprocess
import sys

lnsc = lns = root = None  # set by start()

BASE = dict(
    model_type="llama", vocab_size=61, hidden_size=24, intermediate_size=36,
    num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
    rms_norm_eps=1e-4, rope_theta=1000.0, tie_word_embeddings=False,
    max_position_embeddings=64, bos_token_id=1, eos_token_id=2)
BIASES = dict(attention_bias=True, mlp_bias=True)
LLAMA3 = dict(rope_scaling=dict(
    rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=16))
QWEN3 = dict(model_type="qwen3", head_dim=10)
OLMO2 = dict(model_type="olmo2")
EXAONE4 = dict(model_type="exaone4", sliding_window=None,
               tie_word_embeddings=True)
GRANITE = dict(model_type="granite", embedding_multiplier=6.0,
               attention_multiplier=0.2, residual_multiplier=0.3,
               logits_scaling=4.0, tie_word_embeddings=True)
SMOLLM3 = dict(model_type="smollm3", no_rope_layers=[1, 0, 1])
GEMMA2 = dict(
    model_type="gemma2", head_dim=10, query_pre_attn_scalar=9, sliding_window=5,
    attn_logit_softcapping=1.5, final_logit_softcapping=3.0,
    hidden_activation="gelu_pytorch_tanh", tie_word_embeddings=True)
GEMMA3 = dict(
    model_type="gemma3_text", head_dim=10, query_pre_attn_scalar=9,
    sliding_window=4, rope_local_base_freq=100.0, sliding_window_pattern=2,
    hidden_activation="gelu_pytorch_tanh", tie_word_embeddings=True)
# With keys of its own, and so without those of BASE. Heads of 7 columns.
GPT2 = dict(
    model_type="gpt2", vocab_size=61, n_positions=11, n_embd=35, n_layer=3,
    n_head=5, n_inner=52, layer_norm_epsilon=1e-4, bos_token_id=1,
    eos_token_id=2)
# case -> (config, norm, class, mark)
CASES = {
    "pre": (BIASES, "pre", "Llama", None),
    "lns": (BIASES, "lns", "Llama", "lns"),
    "lns-tied": (dict(tie_word_embeddings=True, head_dim=14), "lns", "Llama",
                 "lns"),
    "lns-one": (dict(num_hidden_layers=1), "lns,init=scaled", "Llama", "lns"),
    "lns-deep": (dict(num_hidden_layers=17, intermediate_size=10), "lns",
                 "Llama", "lns"),
    "lns-mistral": (dict(model_type="mistral", sliding_window=None), "lns",
                    "Mistral", "lns"),
    "lns-window": (dict(model_type="mistral", sliding_window=5), "lns",
                   "Mistral", "lns"),
    "lns-qwen2": (dict(model_type="qwen2"), "lns", "Qwen2", "lns"),
    "lns-qwen3": (QWEN3, "lns", "Qwen3", "lns"),
    "lns-granite": (GRANITE, "lns", "Granite", "lns"),
    "lns-smollm3": (SMOLLM3, "lns", "SmolLM3", "lns"),
    "lns-qk": (LLAMA3, "lns,qk-norm=head", "Qwen3", "lns"),
    "lns-heads": (dict(num_attention_heads=5, num_key_value_heads=5,
                       head_dim=8), "lns", "Mistral", "lns"),
    "folded-init": ({}, "lns-folded-init", "Llama", None),
    "scaled-init": ({}, "scaled-init", "Llama", None),
    "mitchell": ({}, "mitchell", "Llama", None),
    "multiplier": (BIASES, "residual-multiplier,branch=0.3", "Llama",
                   "residual-multiplier,branch=0.3"),
    "multiplier-default": ({}, "residual-multiplier", "Llama",
                           "residual-multiplier"),
    "multiplier-granite": (GRANITE, "residual-multiplier,branch=0.7",
                           "Granite", None),
    "multiplier-granite-one": (
        GRANITE | dict(num_hidden_layers=1), "residual-multiplier", "Granite",
        None),
    "multiplier-smollm3": (SMOLLM3, "residual-multiplier", "SmolLM3",
                           "residual-multiplier"),
    "completep": (BIASES, "completep,alpha=0.75,base-layers=1", "Llama",
                  "completep,alpha=0.75,base-layers=1"),
    "layerscale": (BIASES, "layerscale", "Llama", "layerscale"),
    "layerscale-granite": (GRANITE, "layerscale", "Granite", "layerscale"),
    "skipinit": (BIASES, "skipinit", "Llama", "skipinit"),
    "skipinit-qk": (dict(attention_bias=True), "skipinit,qk-norm=head",
                    "Qwen3", "skipinit,qk-norm=head"),
    "qk-free": ({}, "pre,qk-norm=free", "Qwen3", None),
    "mistral": (dict(model_type="mistral", sliding_window=None), None,
                "Mistral", None),
    "qwen2": (dict(model_type="qwen2", tie_word_embeddings=True), None,
              "Qwen2", None),
    "qwen3": (QWEN3 | dict(attention_bias=True), None, "Qwen3", None),
    "qwen3-off": (QWEN3 | dict(head_dim=6), "pre,qk-norm=off", "Llama", None),
    "olmo2": (OLMO2, None, "Olmo2", None),
    "olmo2-lns": (OLMO2, "lns,qk-norm=head", "Qwen3", "lns"),
    "exaone4": (EXAONE4, None, "Exaone4", None),
    "granite": (GRANITE | BIASES, None, "Granite", None),
    "smollm3": (SMOLLM3, None, "SmolLM3", None),
    "reordered-full": (LLAMA3 | dict(attention_bias=True),
                       "reordered,qk-norm=full", "Olmo2", None),
    "reordered-head": (dict(tie_word_embeddings=True, head_dim=12),
                       "reordered,qk-norm=head", "Exaone4", None),
    "gemma2": (GEMMA2, None, "Gemma2", None),
    "gemma2-own": (GEMMA2, "sandwich,final-norm=on", "Gemma2", None),
    "gemma3": (GEMMA3, None, "Gemma3", None),
    "sandwich": (dict(attention_bias=True), "sandwich", "Gemma2", "sandwich"),
    "sandwich-tied": (dict(tie_word_embeddings=True), "sandwich", "Gemma2",
                      "sandwich"),
    "peri": ({}, "peri", "Gemma2", "peri"),
    "peri-tied": (dict(tie_word_embeddings=True), "peri", "Gemma2", "peri"),
    "sub-ln": (dict(attention_bias=True), "sub-ln", "BitNet", None),
    "gpt2": (GPT2, None, "GPT2LMHeadModel", None),
    "gpt2-lns": (GPT2 | dict(n_inner=None, tie_word_embeddings=False), "lns",
                 "GPT2LMHeadModel", "lns"),
    "gpt2-lns-tied": (GPT2, "lns", "GPT2LMHeadModel", "lns"),
    "gpt2-scaled": (
        GPT2 | dict(scale_attn_by_inverse_layer_idx=True, n_head=7,
                    scale_attn_weights=False, activation_function="gelu"),
        "pre,init=plain", "GPT2LMHeadModel", None),
    "gpt2-layerscale": (GPT2, "layerscale", "GPT2LMHeadModel", "layerscale"),
    "gpt2-skipinit": (GPT2, "skipinit", "GPT2LMHeadModel", "skipinit"),
    "gpt2-multiplier": (
        dict(model_type="gpt2", vocab_size=61, max_position_embeddings=11,
             hidden_size=24, num_hidden_layers=3, num_attention_heads=2),
        "residual-multiplier,branch=0.3", "GPT2LMHeadModel",
        "residual-multiplier,branch=0.3"),
}
NOT_COMPILED = ("BitNet",)
OPTIONS = ["--batch=2", "--seq=9", "--cpu=x86-64-v3"]


def class_of(case):
    name = CASES[case][2]
    return name if name.endswith("Model") else name + "ForCausalLM"


def run(*command):
    result = subprocess.run(list(map(str, command)), capture_output=True,
                            text=True)
    if result.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {result.returncode}\n"
                 f"{result.stdout}{result.stderr}")
    return result.stdout


def read_tensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        values = array.array("f", body[slice(*entry["data_offsets"])])
        tensors[name] = (entry["shape"], values)
    return tensors, metadata


def write_tensors(path, tensors, metadata=None):
    header, blobs, at = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    for name, (shape, values) in tensors.items():
        blob = array.array("f", values).tobytes()
        header[name] = {"dtype": "F32", "shape": shape,
                        "data_offsets": [at, at + len(blob)]}
        blobs.append(blob)
        at += len(blob)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def draw(plan, path, seed):
    """Random parameters of a plan: matrices about 0, gains about 1."""
    rng = random.Random(seed)
    info = json.loads(run(lns, "plan", "info", plan, "--json"))
    tensors = {}
    for tensor in info["tensors"]:
        count = math.prod(tensor["shape"])
        mean = 1 if tensor["role"] == "gain" else 0
        tensors[tensor["name"]] = (
            tensor["shape"], [rng.gauss(mean, 0.3) for _ in range(count)])
    write_tensors(path, tensors)


def evaluate(plan, checkpoint, out):
    run(lns, "grads", plan, "--checkpoint", checkpoint, "--tokens",
        root / "tokens.bin", "-o", out, "--logits")
    tensors, _ = read_tensors(out)
    return tensors["loss"][1][0], tensors["logits"][1]


def distance(a, b):
    off = math.sqrt(math.fsum((x - y) ** 2 for x, y in zip(a, b, strict=True)))
    return off / math.sqrt(math.fsum(y * y for y in b))


def check_same(what, got, wanted):
    far = max(abs(got[0] - wanted[0]) / abs(wanted[0]),
              distance(got[1], wanted[1]))
    if not far <= 1e-6:  # NaN fails
        sys.exit(f"{what}: loss and logits are {far} away")
    return far


def without_mark(folder, out):
    """The folder as somebody has it who knows nothing of marks."""
    out.mkdir()
    config = json.loads((folder / "config.json").read_text())
    config.pop("lnsc", None)
    (out / "config.json").write_text(json.dumps(config))
    tensors, _ = read_tensors(folder / "model.safetensors")
    write_tensors(out / "model.safetensors", tensors, {"format": "pt"})


def check_again(folder, plan, out):
    """Import and export give the same bytes."""
    run(lns, "ckpt", "import-hf", folder, "-o", out / "run2", "--plan", plan)
    run(lns, "ckpt", "export-hf", out / "run2", "-o", out / "again")
    for path in sorted(folder.iterdir()):
        one, two = path.read_bytes(), (out / "again" / path.name).read_bytes()
        if one != two and b'"lnsc"' in one and path.name == "config.json":
            # What a scheme has lost is not said twice.
            one, two = json.loads(one), json.loads(two)
            if one.pop("lnsc")["norm"] == "lns":
                sys.exit(f"{path}: the mark is lost")
        if path.suffix == ".safetensors" and one != two:
            one, two = read_tensors(path)[0], read_tensors(
                out / "again" / path.name)[0]
        if one != two:
            sys.exit(f"{path}: differs when exported again")


def check_tensors(case, norm, model, folder):
    """Tensors of classes that lnsc does not compile, one by one."""
    ours, _ = read_tensors(model)
    theirs, _ = read_tensors(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    d = config["hidden_size"]
    wanted = {}
    for name, (shape, values) in ours.items():
        if name == "model.embed_norm.weight":
            continue
        values = list(values)
        if norm == "sub-ln":
            pass
        elif name == "model.embed_tokens.weight":
            if "lm_head.weight" not in ours:
                wanted["lm_head.weight"] = (shape, list(values))
            for i in range(0, len(values), d):
                row = values[i : i + d]
                if norm == "peri":
                    gain = ours["model.embed_norm.weight"][1]
                    mean = math.fsum(x * x for x in row) / d
                    row = [g * x / math.sqrt(mean + config["rms_norm_eps"])
                           for g, x in zip(gain, row)]
                values[i : i + d] = [x / math.sqrt(d) for x in row]
        elif name.endswith("norm.weight"):
            values = [x - 1 for x in values]
        wanted[name] = (shape, values)
    if theirs.keys() != wanted.keys():
        sys.exit(f"{case}: tensors {theirs.keys() ^ wanted.keys()}")
    for name, (shape, values) in wanted.items():
        if theirs[name][0] != shape or any(
                abs(a - b) > 1e-7 * max(1, abs(b)) * 2
                for a, b in zip(theirs[name][1], values, strict=True)):
            sys.exit(f"{case}: {name} is not what it must be")


def start(compiler, trainer, folder):
    global lnsc, lns, root
    lnsc, lns, root = compiler, trainer, pathlib.Path(folder)
    rng = random.Random(5)
    (root / "tokens.bin").write_bytes(
        struct.pack("<256i", 20240520, 1, 40, *[0] * 253)
        + struct.pack("<40H", *(rng.randrange(61) for _ in range(40))))


def export(case):
    """Makes a run with random parameters and exports it to the folder hf."""
    extra, norm, _, mark = CASES[case]
    out = root / case
    out.mkdir()
    base = {} if extra.get("model_type") == "gpt2" else BASE
    (out / "config.json").write_text(json.dumps(base | extra))
    asked = [f"--norm={norm}"] if norm else []
    run(lnsc, out / "config.json", *asked, *OPTIONS, "-o", out / "plan")
    draw(out / "plan", out / "drawn.safetensors", len(case))
    run(lns, "ckpt", "import-hf", out / "drawn.safetensors", "-o", out / "run",
        "--plan", out / "plan")
    folder = out / "hf"
    run(lns, "ckpt", "export-hf", out / "run", "-o", folder)
    exported = json.loads((folder / "config.json").read_text())
    if exported["architectures"] != [class_of(case)]:
        sys.exit(f"{case}: exported as {exported['architectures']}")
    wanted = mark and {"norm": mark, "folded": True, "version": 1}
    metadata = read_tensors(folder / "model.safetensors")[1]
    if exported.get("lnsc") != wanted or metadata["format"] != "pt" or (
            json.loads(metadata.get("lnsc", "null")) != wanted):
        sys.exit(f"{case}: mark {exported.get('lnsc')}, {metadata}")
    return out, folder


def check(case):
    out, folder = export(case)
    _, norm, architecture, _ = CASES[case]
    if architecture in NOT_COMPILED:
        check_tensors(case, norm, out / "drawn.safetensors", folder)
        return
    reference = evaluate(out / "plan", out / "run", out / "g")
    run(lnsc, folder / "config.json", *OPTIONS, "-o", out / "plan-hf")
    far = check_same(f"{case} as exported",
                     evaluate(out / "plan-hf", folder, out / "g"), reference)
    without_mark(folder, out / "plain")
    run(lnsc, out / "plain" / "config.json", *OPTIONS, "-o", out / "plan-plain")
    far = max(far, check_same(
        f"{case} without its mark",
        evaluate(out / "plan-plain", out / "plain", out / "g"), reference))
    check_again(folder, out / "plan-hf", out)
    print(f"{case}: {far:.1e}")


if __name__ == "__main__":
    start(*sys.argv[1:4])
    names = sys.argv[4:] or CASES
    for name in names:
        check(name)
    print(len(names), "exports")
