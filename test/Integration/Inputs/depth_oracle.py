"""What docs/depth.md defines, of a small LLaMA with or without LayerNorm Scaling, in
float64, with formulas of its own: for comparison with `lns diagnose`. Nothing here is
shared with the compiler, the runtime or the tool.
"""

import json
import math
import struct


def read_safetensors(path):
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
        data = file.read()
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        values = struct.unpack(f"<{(end - begin) // 4}f", data[begin:end])
        tensors[name] = (entry["shape"], list(values))
    return tensors


def write_safetensors(path, tensors, metadata=None):
    header, data = {}, b""
    if metadata:
        header["__metadata__"] = metadata
    for name, (shape, values) in tensors.items():
        raw = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def write_shard(path, tokens):
    with open(path, "wb") as file:
        file.write(struct.pack("<256i", 20240520, 1, len(tokens), *([0] * 253)))
        file.write(struct.pack(f"<{len(tokens)}H", *tokens))


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


class Model:
    """config: hidden_size, num_attention_heads, rms_norm_eps, rope_theta, layers."""

    def __init__(self, config, tensors, scaled):
        self.config, self.scaled = config, scaled
        self.layers = config["num_hidden_layers"]
        self.parameters = {}
        for name, (shape, values) in tensors.items():
            if len(shape) == 2:
                rows, columns = shape
                values = [values[i * columns : (i + 1) * columns] for i in range(rows)]
            self.parameters[name] = values

    def get(self, layer, name):
        return self.parameters[f"model.layers.{layer}.{name}.weight"]

    def norm(self, x, gain, scale=1.0):
        r = scale / math.sqrt(dot(x, x) / len(x) + self.config["rms_norm_eps"])
        return [r * g * v for g, v in zip(gain, x)]

    @staticmethod
    def linear(weight, x):
        return [dot(row, x) for row in weight]

    def rotate(self, x, t):
        heads = self.config["num_attention_heads"]
        size = len(x) // heads
        out = list(x)
        for h in range(heads):
            for i in range(size // 2):
                angle = t * self.config["rope_theta"] ** (-2.0 * i / size)
                c, s = math.cos(angle), math.sin(angle)
                a, b = x[h * size + i], x[h * size + i + size // 2]
                out[h * size + i] = a * c - b * s
                out[h * size + i + size // 2] = b * c + a * s
        return out

    def attention(self, layer, xs, scale):
        heads = self.config["num_attention_heads"]
        normed = [self.norm(x, self.get(layer, "input_layernorm"), scale) for x in xs]
        qs = [self.rotate(self.linear(self.get(layer, "self_attn.q_proj"), n), t) for t, n in enumerate(normed)]
        ks = [self.rotate(self.linear(self.get(layer, "self_attn.k_proj"), n), t) for t, n in enumerate(normed)]
        vs = [self.linear(self.get(layer, "self_attn.v_proj"), n) for n in normed]
        size = len(qs[0]) // heads
        out = []
        for t, q in enumerate(qs):
            mixed = []
            for h in range(heads):
                part = slice(h * size, (h + 1) * size)
                scores = [dot(q[part], ks[s][part]) / math.sqrt(size) for s in range(t + 1)]
                most = max(scores)
                weights = [math.exp(score - most) for score in scores]
                total = math.fsum(weights)
                mixed += [math.fsum(w * vs[s][h * size + i] for s, w in enumerate(weights)) / total for i in range(size)]
            out.append(self.linear(self.get(layer, "self_attn.o_proj"), mixed))
        return out

    def feed_forward(self, layer, xs, scale):
        out = []
        for x in xs:
            n = self.norm(x, self.get(layer, "post_attention_layernorm"), scale)
            gate = self.linear(self.get(layer, "mlp.gate_proj"), n)
            up = self.linear(self.get(layer, "mlp.up_proj"), n)
            inner = [g / (1 + math.exp(-g)) * u for g, u in zip(gate, up)]
            out.append(self.linear(self.get(layer, "mlp.down_proj"), inner))
        return out

    def run(self, tokens, dropped=(), replace=None, scales=None):
        """Of one row: streams [L+1][T][d], branches [L][2][T][d]. `replace` is
        (block, function): the block's output is the function of its input."""
        xs = [list(self.parameters["model.embed_tokens.weight"][token]) for token in tokens]
        streams, branches = [xs], []
        for layer in range(self.layers):
            scale = 1 / math.sqrt(layer + 1) if self.scaled else 1.0
            if layer in dropped:
                zero = [[0.0] * len(x) for x in xs]
                branches.append([zero, zero])
            elif replace and replace[0] == layer:
                xs = [replace[1](x) for x in xs]
                branches.append([])
            else:
                a = self.attention(layer, xs, scale)
                middle = [[u + v for u, v in zip(x, y)] for x, y in zip(xs, a)]
                m = self.feed_forward(layer, middle, scale)
                xs = [[u + v for u, v in zip(x, y)] for x, y in zip(middle, m)]
                branches.append([a, m])
            streams.append(xs)
        return streams, branches

    def log_probabilities(self, x):
        n = self.norm(x, self.parameters["model.norm.weight"])
        logits = self.linear(self.parameters["lm_head.weight"], n)
        most = max(logits)
        total = most + math.log(math.fsum(math.exp(v - most) for v in logits))
        return [v - total for v in logits]

    def loss(self, rows, **how):
        losses = []
        for tokens, targets in rows:
            last = self.run(tokens, **how)[0][-1]
            losses += [-self.log_probabilities(x)[target] for x, target in zip(last, targets)]
        return math.fsum(losses) / len(losses)


def mean(values):
    values = list(values)
    return math.fsum(values) / len(values)


def length(x):
    return math.sqrt(dot(x, x))


def cosine(a, b):
    return dot(a, b) / (length(a) * length(b))


def add(a, b):
    return [x + y for x, y in zip(a, b)]


def minus(a, b):
    return [x - y for x, y in zip(a, b)]


def variance(x):
    m = mean(x)
    return math.fsum((v - m) ** 2 for v in x) / (len(x) - 1)


def pooled(xs):
    values = [v for x in xs for v in x]
    m = mean(values)
    return mean((v - m) ** 2 for v in values)


def solve(matrix, right):
    """Gauss with pivots; `right` has columns."""
    rows = [list(a) + list(b) for a, b in zip(matrix, right)]
    n = len(rows)
    for i in range(n):
        best = max(range(i, n), key=lambda r: abs(rows[r][i]))
        rows[i], rows[best] = rows[best], rows[i]
        for r in range(n):
            if r != i:
                f = rows[r][i] / rows[i][i]
                rows[r] = [a - f * b for a, b in zip(rows[r], rows[i])]
    return [[v / row[i] for v in row[n:]] for i, row in enumerate(rows)]


def affine(xs, ys):
    """x -> W x + b with the least squares."""
    ones = [x + [1.0] for x in xs]
    gram = [[math.fsum(o[i] * o[j] for o in ones) for j in range(len(ones[0]))] for i in range(len(ones[0]))]
    right = [[math.fsum(o[i] * y[c] for o, y in zip(ones, ys)) for c in range(len(ys[0]))] for i in range(len(ones[0]))]
    columns = list(zip(*solve(gram, right)))
    return lambda x: [dot(column, x + [1.0]) for column in columns]


def quantile(values, q):
    values = sorted(values)
    place = q * (len(values) - 1)
    low = int(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])
