"""Looks at the lines of an nGPT checkpoint's matrices: check FILE... | scale FILE OUT.

`check`: rows, and columns of o and down, have length 1. `scale`: doubles one
matrix, and leaves the rest as it is.
"""

import json
import struct
import sys


def read(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:8 + size]), data[8 + size:]


def numbers(body, entry):
    begin, end = entry["data_offsets"]
    return list(struct.unpack(f"<{(end - begin) // 4}f", body[begin:end]))


def check(path):
    header, body = read(path)
    count = 0
    for name, entry in header.items():
        if name == "__metadata__" or len(entry["shape"]) != 2:
            continue
        values, (rows, columns) = numbers(body, entry), entry["shape"]
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            lines = [values[i::columns] for i in range(columns)]
        else:
            lines = [values[i * columns:(i + 1) * columns] for i in range(rows)]
        for i, line in enumerate(lines):
            length = sum(x * x for x in line) ** 0.5
            if not abs(length - 1) <= 1e-5:
                sys.exit(f"{path}: {name}: line {i} has length {length}")
        count += 1
    return count


if sys.argv[1] == "check":
    counts = {check(path) for path in sys.argv[2:]}
    print(*counts, "matrices of length 1")
else:
    header, body = read(sys.argv[2])
    entry = header["model.layers.1.mlp.down_proj.weight"]
    begin, end = entry["data_offsets"]
    values = numbers(body, entry)
    body = (body[:begin] + struct.pack(f"<{len(values)}f", *(2 * x for x in values))
            + body[end:])
    text = json.dumps(header).encode()
    open(sys.argv[3], "wb").write(struct.pack("<Q", len(text)) + text + body)
