#!/usr/bin/env python3
"""The same LLaMA in PyTorch, to be measured beside lnsc.

As good as plain PyTorch is today: fused AdamW, scaled_dot_product_attention,
bf16 activations without autocast, f32 parameters, gradients and moments. A
weight is rounded to bf16 where it is used, norms take their statistics in f32,
and the loss is taken of f32 logits. Eagerly or through torch.compile.

  torch_llama.py --turns --config C --norm lns|pre --batch B --seq T
      --mode eager|compile [--micro-batch M] [--steps N] [--device cuda|cpu]
    prints a line of JSON when ready, and one after N more steps for every line
    of standard input, as `lns bench --turns` does

  torch_llama.py --check --config C --norm N --checkpoint F --tokens F
      --expected F --batch B --seq T
    compares loss and every gradient of a golden model, in f32
"""

import argparse
import array
import json
import math
import statistics
import struct
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn


class Linear(nn.Module):
    """Without a bias; f32 weight, rounded to the input's type where it is used."""

    def __init__(self, rows, columns):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(columns, rows))
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, x):
        return F.linear(x, self.weight.to(x.dtype))


class Norm(nn.Module):
    """RMSNorm times the depth scale of LayerNorm Scaling."""

    def __init__(self, width, eps, scale=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps, self.scale = eps, scale

    def forward(self, x):
        gain = (self.weight * self.scale).to(x.dtype)
        return F.rms_norm(x, gain.shape, gain, self.eps)


def rotate(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads, self.kv_heads = config["heads"], config["kv_heads"]
        self.head_dim, hidden = config["head_dim"], config["hidden_size"]
        self.q_proj = Linear(hidden, self.heads * self.head_dim)
        self.k_proj = Linear(hidden, self.kv_heads * self.head_dim)
        self.v_proj = Linear(hidden, self.kv_heads * self.head_dim)
        self.o_proj = Linear(self.heads * self.head_dim, hidden)

    def forward(self, x, cos, sin):
        batch, time_, _ = x.shape
        split = lambda y, heads: y.view(batch, time_, heads,
                                        self.head_dim).transpose(1, 2)
        q = rotate(split(self.q_proj(x), self.heads), cos, sin)
        k = rotate(split(self.k_proj(x), self.kv_heads), cos, sin)
        v = split(self.v_proj(x), self.kv_heads)
        if self.kv_heads != self.heads:
            repeat = self.heads // self.kv_heads
            k, v = (y.repeat_interleave(repeat, dim=1) for y in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(y.transpose(1, 2).reshape(batch, time_, -1))


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        hidden, inner = config["hidden_size"], config["intermediate_size"]
        self.gate_proj = Linear(hidden, inner)
        self.up_proj = Linear(hidden, inner)
        self.down_proj = Linear(inner, hidden)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    def __init__(self, config, scale):
        super().__init__()
        hidden, eps = config["hidden_size"], config["rms_norm_eps"]
        self.input_layernorm = Norm(hidden, eps, scale)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = Norm(hidden, eps, scale)
        self.mlp = FeedForward(config)

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    """Parameters have Hugging Face's names."""

    def __init__(self, config, norm, dtype):
        super().__init__()
        self.dtype, hidden = dtype, config["hidden_size"]
        self.tied = config["tie_word_embeddings"]
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(config["vocab_size"], hidden)
        nn.init.normal_(self.model.embed_tokens.weight, std=0.02)
        self.model.layers = nn.ModuleList(
            Block(config, 1 / math.sqrt(depth) if norm == "lns" else 1.0)
            for depth in range(1, config["num_hidden_layers"] + 1))
        self.model.norm = Norm(hidden, config["rms_norm_eps"])
        if not self.tied:
            self.lm_head = Linear(hidden, config["vocab_size"])
        half = torch.arange(0, config["head_dim"], 2).double()
        self.frequencies = config["rope_theta"] ** (-half / config["head_dim"])

    def prepare(self, sequence, device):
        """Tables of the rotation."""
        angles = torch.outer(torch.arange(sequence).double(), self.frequencies)
        self.cos, self.sin = (f(angles).to(device, self.dtype)
                              for f in (torch.cos, torch.sin))

    def forward(self, tokens, targets):
        x = self.model.embed_tokens(tokens).to(self.dtype)
        for layer in self.model.layers:
            x = layer(x, self.cos, self.sin)
        x = self.model.norm(x)
        head = self.model.embed_tokens if self.tied else self.lm_head
        logits = F.linear(x, head.weight.to(x.dtype))
        return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten())


def read_config(path):
    with open(path) as file:
        config = json.load(file)
    config["heads"] = config["num_attention_heads"]
    config["kv_heads"] = config.get("num_key_value_heads") or config["heads"]
    config["head_dim"] = (config.get("head_dim")
                          or config["hidden_size"] // config["heads"])
    rope = config.get("rope_parameters") or {}
    config["rope_theta"] = (config.get("rope_theta") or rope.get("rope_theta")
                            or 10000.0)
    config.setdefault("tie_word_embeddings", False)
    return config


def make_optimizer(model, device):
    decayed = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() == 1]
    return torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.1},
         {"params": others, "weight_decay": 0.0}],
        lr=1e-4, betas=(0.9, 0.95), eps=1e-8, fused=device == "cuda")


class Trainer:
    def __init__(self, options):
        self.device = options.device
        self.micro = options.micro_batch or options.batch
        if options.batch % self.micro:
            raise SystemExit(f"--batch {options.batch} is no multiple of "
                             f"--micro-batch {self.micro}")
        torch.manual_seed(0)
        config = read_config(options.config)
        self.model = Llama(config, options.norm, torch.bfloat16).to(self.device)
        self.model.prepare(options.seq, self.device)
        self.parts = options.batch // self.micro
        shape = (options.batch, options.seq)
        draw = lambda: torch.randint(config["vocab_size"], shape,
                                     device=self.device)
        self.tokens, self.targets = draw(), draw()
        self.optimizer = make_optimizer(self.model, self.device)
        self.loss = self.model
        if options.mode == "compile":
            self.loss = torch.compile(self.model)

    def step(self):
        """Its milliseconds and loss, as lnsrt_train_step has them: with the
        loss on the host at the end."""
        begin = time.perf_counter()
        total = torch.zeros((), device=self.device)
        for tokens, targets in zip(self.tokens.split(self.micro),
                                   self.targets.split(self.micro)):
            loss = self.loss(tokens, targets) / self.parts
            loss.backward()
            total += loss.detach()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        value = total.item()
        if self.device == "cuda":
            torch.cuda.synchronize()
        return (time.perf_counter() - begin) * 1e3, value

    def memory(self):
        if self.device != "cuda":
            return {}
        return {"total": torch.cuda.max_memory_allocated()}


def take_turns(options):
    trainer = Trainer(options)
    for _ in range(3):
        trainer.step()
    print(json.dumps({"torch": torch.__version__, "mode": options.mode,
                      "micro_batch": trainer.micro,
                      "memory": trainer.memory()}), flush=True)
    for _ in sys.stdin:
        steps = [trainer.step() for _ in range(options.steps)]
        print(json.dumps({"step_ms": statistics.median(ms for ms, _ in steps),
                          "loss": steps[-1][1]}), flush=True)


def read_tensors(path):
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            values = array.array("f", data[8 + size + first:8 + size + last])
            tensors[name] = torch.tensor(values).view(entry["shape"])
    return tensors


def check(options):
    """Loss and gradients against expected values; in f32, on the CPU."""
    model = Llama(read_config(options.config), options.norm, torch.float32)
    model.load_state_dict(read_tensors(options.checkpoint))
    model.prepare(options.seq, "cpu")
    with open(options.tokens, "rb") as file:
        shard = array.array("H", file.read()[1024:])
    count = options.batch * options.seq
    batch = torch.tensor(shard[:count + 1].tolist())
    shape = (options.batch, options.seq)
    loss = model(batch[:-1].view(shape), batch[1:].view(shape))
    loss.backward()
    expected = read_tensors(options.expected)
    far = abs(loss.item() - expected["loss"].item()) / expected["loss"].item()
    if not far < 1e-5:
        raise SystemExit(f"loss {loss.item()}, expected "
                         f"{expected['loss'].item()}")
    for name, p in model.named_parameters():
        want = expected["grad." + name]
        distance = ((p.grad - want).norm() / want.norm()).item()
        if not distance < 1e-4:
            raise SystemExit(f"gradient of {name} is off by {distance:.2e}")
    print(json.dumps({"loss": loss.item(), "expected": expected["loss"].item()}))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--turns", action="store_true")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--config", required=True)
    parser.add_argument("--norm", choices=("lns", "pre"), required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--seq", type=int, required=True)
    parser.add_argument("--micro-batch", type=int, default=0)
    parser.add_argument("--mode", choices=("eager", "compile"), default="eager")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    for name in ("checkpoint", "tokens", "expected"):
        parser.add_argument("--" + name)
    options = parser.parse_args()
    if options.turns == options.check:
        parser.error("one of --turns and --check is needed")
    if options.check and not (options.checkpoint and options.tokens
                              and options.expected):
        parser.error("--check needs --checkpoint, --tokens and --expected")
    (take_turns if options.turns else check)(options)


if __name__ == "__main__":
    main()
