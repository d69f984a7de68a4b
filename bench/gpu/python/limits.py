"""Peak numbers of devices, and what a model costs.

The peaks are those of dense bf16 products summed in f32, and of the memory, as
the vendor's data sheets give them (where a sheet gives only the figure with
sparsity: half of it). No GPU holds them: they are the denominator that everyone
uses. MFU here is of *model* FLOPs, so that padding, recomputing or a masked half
of attention that is computed all the same count for nothing.
"""

# (parts of the name, all of which must be there), TFLOP/s, GB/s, source. First
# match counts, so a longer name stands before a shorter one.
DEVICES = [
    (("H100", "NVL"), 835.5, 3938, "H100 NVL data sheet, half of 1671 with sparsity"),
    (("H100", "PCIe"), 756.5, 2039, "H100 PCIe data sheet, half of 1513 with sparsity"),
    (("H100",), 989.4, 3352, "H100 SXM data sheet, half of 1979 with sparsity"),
    (("GH200",), 989.4, 4023, "GH200 data sheet, half of 1979 with sparsity"),
    (("H200", "NVL"), 835.5, 4813, "H200 NVL data sheet, half of 1671 with sparsity"),
    (("H200",), 989.4, 4813, "H200 SXM data sheet, half of 1979 with sparsity"),
    (("H800",), 989.4, 3352, "H800 SXM, as the H100"),
    (("GB200",), 2500.0, 8000, "GB200 data sheet, half of 5000 with sparsity"),
    (("B200",), 2250.0, 8000, "HGX B200 data sheet, half of 4500 with sparsity"),
    (("A100", "40GB"), 312.0, 1555, "A100 data sheet"),
    (("A100", "80GB", "PCI"), 312.0, 1935, "A100 data sheet"),
    (("A100",), 312.0, 2039, "A100 80GB SXM data sheet"),
    (("A40",), 149.7, 696, "A40 data sheet"),
    (("RTX A6000",), 154.8, 768, "RTX A6000 data sheet, half of 309.7 with sparsity"),
    (("L40S",), 362.1, 864, "L40S data sheet"),
    (("L40",), 181.1, 864, "L40 data sheet"),
    (("L4",), 121.0, 300, "L4 data sheet, half of 242 with sparsity"),
    (("RTX 5090",), 209.5, 1792, "RTX Blackwell architecture paper"),
    (("RTX 4090",), 165.2, 1008, "Ada architecture paper, f32 sums"),
    (("RTX 3090",), 71.0, 936, "GA102 architecture paper, f32 sums"),
]


def peak_of(device_name):
    """{"tflops", "gbps", "source"}; None for a device that is not listed."""
    words = device_name.upper()
    for parts, tflops, gbps, source in DEVICES:
        if all(part.upper() in words for part in parts):
            return {"tflops": tflops, "gbps": gbps, "source": source}
    return None


def model_cost(config, sequence):
    """FLOPs for a token of a training step, by the usual count: 6 for every
    matrix element (the head in, the embedding out), 6 L T d for attention,
    whose causal half is what counts."""
    hidden = config["hidden_size"]
    layers = config["num_hidden_layers"]
    heads = config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads") or heads
    head_dim = config.get("head_dim") or hidden // heads
    block = hidden * head_dim * (2 * heads + 2 * kv_heads)
    block += 3 * hidden * config["intermediate_size"]
    matrices = layers * block + hidden * config["vocab_size"]
    return {"matrix_parameters": matrices,
            "flops_per_token": 6 * matrices
            + 6 * layers * sequence * heads * head_dim}


def mfu(config, sequence, tokens_per_s, peak):
    if not peak or not peak["tflops"]:
        return None
    cost = model_cost(config, sequence)["flops_per_token"]
    return tokens_per_s * cost / (peak["tflops"] * 1e12)


def row_limit_ms(row, peak):
    """The least time that a profile's row can take: by its bytes or by its
    FLOPs, whichever is more; (ms, "memory" or "products") or None. FLOPs are
    taken for those of matrix products, which are the fastest there are."""
    if not peak:
        return None
    limits = []
    if row.get("bytes") and peak["gbps"]:
        limits.append((row["bytes"] / (peak["gbps"] * 1e6), "memory"))
    if row.get("flops") and peak["tflops"]:
        limits.append((row["flops"] / (peak["tflops"] * 1e9), "products"))
    return max(limits) if limits else None
