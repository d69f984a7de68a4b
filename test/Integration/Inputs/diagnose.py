"""diagnose.py FOLDER SCHEME: compiles and trains a model of three blocks in FOLDER, and
compares every number of `lns diagnose` with depth_oracle.py's; then zeros, exchanges and
copies blocks, for which numbers are known exactly.
"""

import json
import math
import pathlib
import random
import subprocess
import sys

import depth_oracle as oracle

folder, scheme = pathlib.Path(sys.argv[1]), sys.argv[2]
folder.mkdir(parents=True)
T, ROWS, V, L = 16, 11, 32, 3
CONFIG = {"model_type": "llama", "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": L,
          "num_attention_heads": 2, "vocab_size": V, "tie_word_embeddings": False,
          "rms_norm_eps": 1e-5, "rope_theta": 100.0}
(folder / "config.json").write_text(json.dumps(CONFIG))


def run(*command):
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def make_text(length, seed):
    """Each token mostly follows from the two before it."""
    draw = random.Random(seed)
    tokens = [1, 2]
    while len(tokens) < length:
        tokens.append(draw.randrange(V) if draw.random() < 0.3 else (3 * tokens[-1] + tokens[-2] + 1) % V)
    return tokens


data = folder / "data"
data.mkdir()
oracle.write_shard(data / "train.bin", make_text(8000, 1))
# The last row is short, and does not count.
text = make_text(ROWS * T + 1 + 5, 2)
oracle.write_shard(data / "val.bin", text)

for batch in (1, 2):
    run("lnsc", folder / "config.json", f"--norm={scheme}", f"--batch={batch}", f"--seq={T}", "--dtype=f32",
        "--diagnostics", "-o", folder / f"{batch}.plan")
run("lns", "train", folder / "2.plan", "--data", data, "--out", folder / "run", "--steps", 60, "--lr", "2e-2",
    "--warmup", 0, "--eval-batches", 1)
checkpoint = next(folder.glob("run/step-*")) / "model.safetensors"
tensors = oracle.read_safetensors(checkpoint)


def diagnose(path, measures, batch=2, rows=ROWS, more=()):
    out = folder / "out.json"
    run("lns", "diagnose", folder / f"{batch}.plan", "--checkpoint", path, "--data", data, "--rows", rows,
        "--measure", measures, "-o", out, *more)
    return json.loads(out.read_text())


def near(what, ours, expected, tolerance=1e-5, scale=None):
    """Of one size `scale`, by itself the expected number's."""
    if isinstance(expected, (list, tuple)):
        if len(ours) != len(expected):
            sys.exit(f"{what}: {len(ours)} numbers, expected {len(expected)}")
        for i, pair in enumerate(zip(ours, expected)):
            near(f"{what}[{i}]", *pair, tolerance, scale)
    elif abs(ours - expected) > tolerance * (abs(expected) if scale is None else scale):
        sys.exit(f"{what}: {ours}, expected {expected}")


ALL = "variance,contribution,angular,lens,gradients,drop,causal,permutation,usefulness"
result = diagnose(folder / "run", ALL, more=["--all-pairs"])
numbers = result["data"]["row_numbers"]
if sorted(numbers) != list(range(ROWS)):
    sys.exit(f"rows {numbers}")
rows = [(text[n * T : n * T + T], text[n * T + 1 : n * T + T + 1]) for n in numbers]
model = oracle.Model(CONFIG, tensors, scheme == "lns")

# What one forward pass shows.
traces = [model.run(tokens) for tokens, _ in rows]
xs = [[x for streams, _ in traces for x in streams[l]] for l in range(L + 1)]
parts = [[[x for _, branches in traces for x in branches[l][k]] for k in range(2)] for l in range(L)]
loss = model.loss(rows)
near("loss", result["loss"], loss)
near("variance", result["variance"]["stream"], [oracle.mean(map(oracle.variance, x)) for x in xs])
near("pooled variance", result["variance"]["stream_pooled"], [oracle.pooled(x) for x in xs])
near("variance of branches", result["variance"]["branches"],
     [[oracle.mean(map(oracle.variance, part)) for part in block] for block in parts])
near("pooled variance of branches", result["variance"]["branches_pooled"],
     [[oracle.pooled(part) for part in block] for block in parts])
for l in range(L):
    a, m = parts[l]
    middle = [oracle.add(x, y) for x, y in zip(xs[l], a)]
    both = [oracle.add(x, y) for x, y in zip(a, m)]
    ratios = [oracle.mean(oracle.length(u) / oracle.length(v) for u, v in zip(added, base))
              for added, base in ((a, xs[l]), (m, middle), (both, xs[l]))]
    cosines = [oracle.mean(map(oracle.cosine, added, base)) for added, base in ((a, xs[l]), (m, middle), (both, xs[l]))]
    own = result["contribution"]
    near(f"contribution {l}", own["branches"][l] + [own["block"][l]], ratios)
    near(f"cosine {l}", own["branch_cosines"][l] + [own["block_cosine"][l]], cosines, scale=1)
raw = result["angular"]["raw"]
near("angular", raw, [[oracle.mean(math.acos(oracle.cosine(s[l][-1], s[l + n][-1])) / math.pi for s, _ in traces)
                       for l in range(L + 1 - n)] for n in range(1, L + 1)], scale=1)
for n, row in enumerate(raw):
    low, high = oracle.quantile(row, 0.01), oracle.quantile(row, 0.99)
    expected = [0.0 if high == low else (min(max(d, low), high) - low) / (high - low) for d in row]
    near("normalized", result["angular"]["normalized"][n], expected, 1e-9, scale=1)

# The lens, of all tokens.
kl, top, near_from = [], [], L + 2
ends = [model.log_probabilities(x) for x in xs[L]]
best = lambda p: set(sorted(range(V), key=lambda v: (-p[v], v))[:5])
for l in range(L + 1):
    here = [model.log_probabilities(x) for x in xs[l]]
    kl.append(oracle.mean(math.fsum(math.exp(a) * (a - b) for a, b in zip(p, q)) for p, q in zip(here, ends)))
    top.append(oracle.mean(len(best(p) & best(q)) / 5 for p, q in zip(here, ends)))
while near_from > 1 and kl[near_from - 2] < 0.1:
    near_from -= 1
near("lens", result["lens"]["kl"], kl, 1e-5, scale=1)
near("top 5", result["lens"]["top5_shared"], top, 1e-2, scale=1)
if result["lens"]["tokens"] != ROWS * T or result["lens"]["near_from_block"] != near_from:
    sys.exit(f"lens: {result['lens']}, near from {near_from}")

# Without a block, and with blocks exchanged.
near("drop", result["drop"], [model.loss(rows, dropped=(l,)) - loss for l in range(L)], scale=loss)
for s in range(L):
    without = [model.run(tokens, dropped=(s,))[0] for tokens, _ in rows]
    expected = []
    for l in range(s + 1, L):
        change = own = 0
        for (streams, _), others in zip(traces, without):
            for t in range(T):
                u = oracle.minus(streams[l + 1][t], streams[l][t])
                change += oracle.length(oracle.minus(u, oracle.minus(others[l + 1][t], others[l][t])))
                own += oracle.length(u)
        expected.append(change / own)
    near(f"causal {s}", result["causal"][s], expected)


def exchanged(a, b, own):
    """With blocks a and b exchanged; their scale with them, if it is `own`."""
    changed = dict(tensors)
    for name, (shape, values) in tensors.items():
        for one, other in ((a, b), (b, a)):
            if f".{one}." not in name:
                continue
            factor = math.sqrt(one + 1) / math.sqrt(other + 1) if own and "layernorm" in name else 1
            shape, values = tensors[name.replace(f".{one}.", f".{other}.")]
            changed[name] = (shape, [factor * v for v in values])
    return oracle.Model(CONFIG, changed, scheme == "lns")


kinds = {"place_scale": False} | ({"own_scale": True} if scheme == "lns" else {})
if set(result["permutation"]) != set(kinds):
    sys.exit(f"permutation: {list(result['permutation'])}")
for kind, own in kinds.items():
    pairs = result["permutation"][kind]
    if [pair["blocks"] for pair in pairs] != [[1, 2], [1, 3], [2, 3]]:
        sys.exit(f"pairs {pairs}")
    near(kind, [pair["change"] for pair in pairs],
         [abs(exchanged(a, b, own).loss(rows) - loss) / loss for a, b in ((0, 1), (0, 2), (1, 2))], scale=1)

# Affine maps, fitted on the first rows and scored on the others.
half = ROWS // 2
near("loss of the others", result["usefulness"]["loss"], model.loss(rows[half:]))
fits = [oracle.affine(xs[l][: half * T], xs[l + 1][: half * T]) for l in range(L)]
losses = [model.loss(rows[half:], replace=(l, fits[l])) for l in range(L)]
near("affine", result["usefulness"]["loss_with_affine_map"], losses, 1e-4)
whole = model.loss(rows[half:])
near("useful", result["usefulness"]["useful_share"], oracle.mean(v > 1.1 * whole for v in losses))

# Gradients: what `lns grads` writes for the same row.
alone = diagnose(folder / "run", "gradients", batch=1, rows=3)
first = alone["data"]["row_numbers"][0]
oracle.write_shard(folder / "row.bin", text[first * T : first * T + T + 1])
run("lns", "grads", folder / "1.plan", "--checkpoint", folder / "run", "--tokens", folder / "row.bin", "-o",
    folder / "grads.safetensors")
grads = oracle.read_safetensors(folder / "grads.safetensors")
squares = {name: math.fsum(v * v for v in values) for name, (_, values) in grads.items()}
for l in range(L):
    own = [name for name in grads if f"layers.{l}." in name]
    square = math.fsum(squares[name] for name in own)
    count = sum(len(grads[name][1]) for name in own)
    near("gradient", alone["gradients"]["norm"][l], math.sqrt(square), 1e-6)
    near("gradient", alone["gradients"]["norm_per_root_parameters"][l], math.sqrt(square / count), 1e-6)
near("gradients", alone["gradients"]["all"], math.sqrt(math.fsum(squares.values())), 1e-6)
print(f"{scheme}: as the formulas say")

# A block that adds nothing, and two that are equal.
special = dict(tensors)
for name, (shape, values) in tensors.items():
    if ".1." in name and ("o_proj" in name or "down_proj" in name):
        special[name] = (shape, [0.0] * len(values))
oracle.write_safetensors(folder / "zeroed.safetensors", special)
zeroed = diagnose(folder / "zeroed.safetensors", "contribution,angular,drop,causal,gradients")
if zeroed["drop"][1] != 0 or any(zeroed["causal"][1]) or zeroed["contribution"]["block"][1] != 0:
    sys.exit(f"a block of nothing: {zeroed}")
# What it does not do, no other block changes.
if zeroed["causal"][0][0] is not None or zeroed["contribution"]["block_cosine"][1] is not None:
    sys.exit(f"a block of nothing: {zeroed}")
special = dict(tensors)
for name in tensors:
    if ".0." in name:
        special[name.replace(".0.", ".1.")] = tensors[name]
oracle.write_safetensors(folder / "equal.safetensors", special)
equal = diagnose(folder / "equal.safetensors", "permutation")
if equal["permutation"]["place_scale"][0]["change"] != 0 or equal["permutation"]["place_scale"][1]["change"] == 0:
    sys.exit(f"equal blocks: {equal}")
# What was measured before leaves no trace in what is measured next.
again = diagnose(folder / "run", ALL, more=["--all-pairs"])
if again != result:
    sys.exit("the same numbers were expected of the same checkpoint")
del again["usefulness"]
fewer = diagnose(folder / "run", "lens,gradients,drop,variance,contribution,angular,causal,permutation",
                 more=["--all-pairs"])
if fewer != again:
    sys.exit("the numbers depend on what else is measured")
print(f"{scheme}: exact where nothing is to be seen")
