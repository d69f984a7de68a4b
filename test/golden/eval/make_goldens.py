#!/usr/bin/env python3
"""Makes the golden files of this folder with lm-evaluation-harness.

  make_goldens.py            writes model, questions and what lm_eval computes
  make_goldens.py --check    computes anew and compares with the stored numbers

Needs lm_eval, torch and transformers; tests need none of them, nor this script.
The model is a LLaMA of two blocks with random parameters, which transformers runs
in float64; all numbers are lm_eval's own, by its HFLM and its tasks.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import datasets  # noqa: E402
import lm_eval.evaluator  # noqa: E402
import lm_eval.models.huggingface  # noqa: E402
import safetensors.torch  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from lm_eval.api.task import ConfigurableTask  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
TOKENIZERS = HERE.parent / "tokenizers"
SEQUENCE = 32
TOLERANCE = 1e-6

CONFIG = dict(
    architectures=["LlamaForCausalLM"], model_type="llama", vocab_size=640,
    hidden_size=24, intermediate_size=40, num_hidden_layers=2,
    num_attention_heads=3, num_key_value_heads=1, head_dim=8, hidden_act="silu",
    rms_norm_eps=1e-5, rope_theta=10000.0, max_position_embeddings=64,
    tie_word_embeddings=True, attention_bias=False, mlp_bias=False,
    bos_token_id=None, eos_token_id=None, initializer_range=0.02,
)

# What stands beside each tokenizer. The first adds nothing to a text, the others
# begin it with BOS.
CASES = {
    "gpt2": {"bos_token": None, "eos_token": "<|endoftext|>"},
    "llama3": {"bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"},
    "mistral": {"bos_token": "<s>", "eos_token": "</s>"},
}


def model_weights():
    """Numbers of Python's own generator, so that any version makes the same."""
    numbers = random.Random(20261201)
    d, f, kv = CONFIG["hidden_size"], CONFIG["intermediate_size"], CONFIG["head_dim"]

    def tensor(*shape, std, mean=0.0):
        count = 1
        for n in shape:
            count *= n
        values = [numbers.gauss(mean, std) for _ in range(count)]
        return torch.tensor(values, dtype=torch.float64).reshape(shape).to(torch.bfloat16)

    weights = {"model.embed_tokens.weight": tensor(CONFIG["vocab_size"], d, std=0.5)}
    for layer in range(CONFIG["num_hidden_layers"]):
        name = f"model.layers.{layer}."
        for part, rows, columns in (
            ("self_attn.q_proj", d, d), ("self_attn.k_proj", kv, d), ("self_attn.v_proj", kv, d),
            ("self_attn.o_proj", d, d), ("mlp.gate_proj", f, d), ("mlp.up_proj", f, d),
            ("mlp.down_proj", d, f),
        ):
            weights[name + part + ".weight"] = tensor(rows, columns, std=0.35)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            weights[name + norm + ".weight"] = tensor(d, std=0.2, mean=1.0)
    weights["model.norm.weight"] = tensor(d, std=0.2, mean=1.0)
    return weights


# Questions of own making.


def questions():
    """What lines of choices.jsonl hold; `task` says which delimiter and form."""
    lines = []

    def ask(task, context, choices, gold, **more):
        lines.append({"task": task, "id": f"{task}-{len(lines)}", "context": context,
                      "choices": choices, "gold": gold} | more)

    def fill(contexts, continuation, gold):
        lines.append({"task": "suffix", "id": f"suffix-{len(lines)}", "contexts": contexts,
                      "continuation": continuation, "gold": gold})

    plain = [
        ("Question: What is a license for?\nAnswer:", ["to use the Work", "to eat it"], 0),
        ("Question: Who may copy?\nAnswer:", ["You", "nobody", "the court"], 0),
        ("The Licensor shall not be", ["liable", "late", "a lion", "green"], 0),
        ("A derivative work is", ["based on the Work", "a bird"], 0),
        ("Copyright", ["owner", "onion"], 0),
        # No context, so that the beginning of a text is in its place.
        ("", ["Apache License", "apple licence", "A"], 0),
        ("", ["the", "The", "th\u00e9"], 1),
        ("", ["1", "2", "10"], 2),
        # White space at the end of a context belongs to the continuation.
        ("Subject to the terms ", ["of this License", "of that pie"], 0),
        ("Subject to the terms\n", ["and conditions", "or else"], 1),
        ("one two three \t ", ["four", "five"], 0),
        ("blank\u00a0and\u3000wide\u2003", ["space", "row"], 1),
        ("control\x1c\x1f", ["separators", "marks"], 0),
        # Characters of several bytes: lengths differ by characters and bytes.
        ("Ein Wort mit Umlaut:", ["Lizenz", "\u00c4pfel", "Gr\u00f6\u00dfe"], 2),
        ("\u4f60\u597d", ["\u4e16\u754c", "world"], 0),
        ("caf", ["\u00e9", "e\u0301", "e"], 0),
        ("\u0420\u0443\u0441\u0441\u043a\u0438\u0439", ["\u044f\u0437\u044b\u043a", "text"], 0),
        ("Answer with an emoji:", ["\U0001f600", "\U0001f468\u200d\U0001f469", ":-)"], 1),
        # Contexts that do not fit, by a little and by far.
        ("In no event and under no legal theory, whether in tort, contract, or otherwise, "
         "unless required by applicable law, shall any Contributor be", ["liable", "glad"], 0),
        ("word " * 60 + "end", ["of it", "less"], 0),
        ("\u00e9" * 40, ["\u00e8", "e"], 1),
        ("a b c d e f g h i j k l m n o p q r s t u v w x y z", ["0 1 2 3", "A B"], 0),
        # A choice that fills the model's context by itself, nearly.
        ("Say:", ["x y z x y z x y z x y z", "x"], 0),
        # One letter each: the same context, seen once.
        ("Q\nA. one\nB. two\nAnswer:", ["A", "B", "C", "D"], 1),
        # Special tokens that are spelt out.
        ("<|endoftext|>The Work", ["shall", "<|endoftext|>"], 0),
        ("<|begin_of_text|>The Work", ["shall", "may"], 1),
        ("<s>The Work", ["shall", "may"], 1),
        # Equal choices: the first of equals counts.
        ("twice", ["same", "same"], 1),
    ]
    for context, choices, gold in plain:
        ask("plain", context, choices, gold)
    bare = [
        # Whole words have other tokens than their parts.
        ("The Licens", ["or grants", "ee takes", "ing ends"], 0),
        ("Contribut", ["ion of You", "ors to it", "ed by You"], 1),
        ("def f(x):\n    return", [" x", " y", "\n"], 0),
        ("", ["License", "license"], 1),
        ("trailing ", ["blank", " blank"], 0),
        ("\u00fcber", ["all", "\u00e4ll"], 0),
    ]
    for context, choices, gold in bare:
        ask("bare", context, choices, gold, delimiter="")
    lists = [
        ("Either is right:", ["yes", "no", "maybe"], [0, 2]),
        ("Only one is:", ["yes", "no", "maybe"], [1]),
        ("All are:", ["a", "b"], [0, 1]),
        ("", ["first", "second", "third", "fourth"], [3, 0]),
        ("The last two: ", ["red", "gr\u00fcn", "blue"], [1, 2]),
        ("None of the first:", ["x", "xx", "xxx"], [2]),
    ]
    for context, choices, gold in lists:
        ask("lists", context, choices, gold)
    fill(["The trophy did not fit into the case because the trophy",
          "The trophy did not fit into the case because the case"], "was too large.", 0)
    fill(["Ann thanked Bea because Ann", "Ann thanked Bea because Bea"], "had helped.", 1)
    fill(["The Work", "The Licensor", "The court"], "grants You a license", 1)
    fill(["short", "word " * 50], "and long", 0)
    fill(["", "not empty"], "context", 1)
    fill(["left ", "right\n"], "blank", 0)
    fill(["\u00e9t\u00e9", "hiver"], "\u00e0 Paris", 0)
    fill(["Terms", "Conditions"], "apply", 0)
    fill(["He", "She"], "said so", 1)
    fill(["A" * 80, "B"], "C", 1)
    return lines


def texts():
    license = (HERE.parents[2] / "LICENSE").read_text()
    body = " ".join(license.split())
    return {
        "short": "License",
        "words": "  Two  blanks before,\tone behind \n",
        "unicode": "Gr\u00f6\u00dfe \u4f60\u597d \U0001f600 e\u0301\u00a0x" * 3,
        "long": body[300:620],
        "longer": body[2000:2600],
        "begun": "<|begin_of_text|><s><|endoftext|>Terms and Conditions",
    }


# What lm_eval makes of them.

METRICS = ["acc", "acc_norm", "acc_bytes", "acc_mutual_info"]


def task(name, docs, **config):
    split = {"test": datasets.Dataset.from_list(docs)}
    return ConfigurableTask(config=dict(
        task=name, custom_dataset=lambda **_: split, test_split="test", **config))


def make_tasks():
    lines = questions()
    of = lambda name: [line for line in lines if line["task"] == name]
    listed = lambda metrics: [dict(metric=m, aggregation="mean", higher_is_better=True) for m in metrics]
    choices = dict(output_type="multiple_choice", doc_to_text=lambda doc: doc["context"],
                   doc_to_choice=lambda doc: doc["choices"], doc_to_target=lambda doc: doc["gold"])
    tasks = {
        "plain": task("plain", of("plain"), **choices, metric_list=listed(METRICS)),
        "bare": task("bare", of("bare"), **choices, target_delimiter="", metric_list=listed(METRICS)),
        # acc_mutual_info of several right answers compares a number with a list there.
        "lists": task("lists", of("lists"), **choices, metric_list=listed(METRICS[:3])),
        "suffix": task("suffix", of("suffix"), output_type="multiple_choice",
                       doc_to_text=lambda doc: doc["gold"], doc_to_choice=lambda doc: doc["contexts"],
                       doc_to_target=lambda doc: doc["continuation"], metric_list=listed(["acc"])),
    }
    for name, text in texts().items():
        tasks[name] = task(
            name, [{"text": text}], output_type="loglikelihood_rolling", doc_to_text="",
            doc_to_target=lambda doc: doc["text"],
            metric_list=[dict(metric=m) for m in ("word_perplexity", "byte_perplexity", "bits_per_byte")])
    return tasks


def evaluate(name, folder):
    shutil.copy(TOKENIZERS / name / "tokenizer.json", folder)
    config = {"tokenizer_class": "PreTrainedTokenizerFast"} | CASES[name]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float64, attn_implementation="eager").eval()
    lm = lm_eval.models.huggingface.HFLM(
        pretrained=model, tokenizer=tokenizer, max_length=SEQUENCE, batch_size=1)
    found = lm_eval.evaluator.evaluate(
        lm=lm, task_dict=make_tasks(), bootstrap_iters=100, log_samples=True)
    golden = {"tokenizer": name, "tokenizer_config": CASES[name], "sequence": SEQUENCE,
              "prefix_token": lm.prefix_token_id, "questions": [], "tasks": {}, "texts": {}}
    for task_name in ("plain", "bare", "lists", "suffix"):
        result = found["results"][task_name]
        golden["tasks"][task_name] = {
            key.removesuffix(",none"): value for key, value in result.items()
            if key.split(",")[0].removesuffix("_stderr") in METRICS}
        for sample in sorted(found["samples"][task_name], key=lambda s: s["doc_id"]):
            values = [response[0][0] for response in sample["resps"]]
            doc = sample["doc"]
            count = len(doc.get("choices") or doc["contexts"])
            golden["questions"].append(
                {"id": doc["id"], "ll": values[:count]}
                | ({"ll_alone": values[count:]} if len(values) > count else {}))
    for text_name in texts():
        result = {key.removesuffix(",none"): value for key, value in found["results"][text_name].items()
                  if key.endswith(",none") and "stderr" not in key}
        sample = found["samples"][text_name][0]
        result["log_likelihood"] = sample["resps"][0][0]
        golden["texts"][text_name] = result
    return golden


def flat(value, path=""):
    if isinstance(value, dict):
        for key, part in value.items():
            yield from flat(part, f"{path}/{key}")
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from flat(part, f"{path}/{i}")
    else:
        yield path, value


def same(stored, made):
    a, b = dict(flat(stored)), dict(flat(made))
    near = lambda x, y: x == y or (
        isinstance(x, float) and isinstance(y, float) and abs(x - y) <= TOLERANCE * max(1, abs(x)))
    bad = [key for key in a.keys() | b.keys() if key not in a or key not in b or not near(a[key], b[key])]
    for key in sorted(bad)[:10]:
        print(f"  {key}: {a.get(key)} is stored, {b.get(key)} was made")
    return not bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    transformers.utils.logging.disable_progress_bar()
    torch.manual_seed(0)
    files = {
        "config.json": json.dumps(CONFIG, indent=2) + "\n",
        "choices.jsonl": "".join(json.dumps(line) + "\n" for line in questions()),
        "texts.json": json.dumps(texts(), indent=1) + "\n",
    }
    ok = True
    with tempfile.TemporaryDirectory() as made:
        made = pathlib.Path(made)
        safetensors.torch.save_file(model_weights(), made / "model.safetensors", metadata={"format": "pt"})
        (made / "config.json").write_text(files["config.json"])
        weights = (made / "model.safetensors").read_bytes()
        goldens = {name: evaluate(name, made) for name in CASES}
    for name, golden in goldens.items():
        path = HERE / f"{name}.json"
        if check:
            good = same(json.loads(path.read_text()), golden)
            print(f"{name}: {'the same' if good else 'OTHER'}")
            ok &= good
        else:
            path.write_text(json.dumps(golden, indent=1) + "\n")
    for name, text in files.items():
        if check:
            ok &= (HERE / name).read_text() == text
        else:
            (HERE / name).write_text(text)
    if check:
        ok &= (HERE / "model.safetensors").read_bytes() == weights
    else:
        (HERE / "model.safetensors").write_bytes(weights)
    print(f"{len(questions())} questions, {len(texts())} texts, lm_eval {lm_eval.__version__}, "
          f"transformers {transformers.__version__}, torch {torch.__version__}")
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
