"""Counts the CUDA kernels of a model of every scheme that is given, 12 and 48 blocks
deep: LNSC LNS FOLDER DTYPE SCHEME...
"""

import json
import pathlib
import subprocess
import sys

lnsc, lns, folder, dtype = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3]), sys.argv[4]
folder.mkdir(parents=True)
MODEL = {"model_type": "llama", "hidden_size": 64, "intermediate_size": 96,
         "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 96,
         "tie_word_embeddings": False}


def kernels(scheme, layers):
    config, plan = folder / "config.json", folder / "plan"
    config.write_text(json.dumps(MODEL | {"num_hidden_layers": layers}))
    subprocess.run([lnsc, config, f"--norm={scheme}", "--batch=1", "--seq=16",
                    "--target=cuda", f"--dtype={dtype}", "-o", plan], check=True)
    info = subprocess.run([lns, "plan", "info", plan, "--json"], check=True,
                          capture_output=True)
    return sorted(kernel["symbol"] for kernel in json.loads(info.stdout)["cuda"]["kernels"])


for scheme in sys.argv[5:]:
    few, many = kernels(scheme, 12), kernels(scheme, 48)
    if len(few) != len(many):
        sys.exit(f"{scheme}: {len(few)} kernels for 12 blocks, {len(many)} for 48")
    print(f"{scheme}: {len(few)} kernels")
