#!/usr/bin/env python3
"""Gives the attribute tables of mlir-tblgen's op pages what they leave out.

usage: attribute_tables.py TD.json < page > page

mlir-tblgen prints each attribute's C++ type, and neither what it is when it is
not written nor the words of an enum. Both are in the definitions: TD.json is
what `llvm-tblgen --dump-json` makes of them.
"""
import json
import re
import sys

HEADING = re.compile(r"^### `(lns\.\w+)` \(")
ROW = re.compile(r"^<tr><td><code>(\w+)</code></td>")


def read_attributes(records):
    """The attributes of every op, by the op's name and their own."""
    ops = {}
    for name in records["!instanceof"]["Op"]:
        op = records[name]
        ops["lns." + op["opName"]] = {
            argument: records[kind["def"]]
            for kind, argument in op["arguments"]["args"]
            if "Attr" in records[kind["def"]]["!superclasses"]
        }
    return ops


def get_base(records, attribute):
    base = attribute.get("baseAttr")
    return records[base["def"]] if base else attribute


def describe(records, attribute):
    base = get_base(records, attribute)
    if "EnumAttr" not in base["!superclasses"]:
        return base["summary"]
    cases = [records[case["def"]] for case in records[base["enum"]["def"]]["enumerants"]]
    return "one of " + ", ".join(f"`{case['str']}`" for case in cases)


def get_default(records, attribute):
    if "UnitAttr" in (attribute["!name"], *attribute["!superclasses"]):
        return "not set"
    if attribute["isOptional"]:
        return "absent"
    value = attribute["defaultValue"]
    if not value:
        return "must be given"
    return f"`{value.rsplit('::', 1)[-1]}`"


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        records = json.load(file)
    ops = read_attributes(records)
    attributes = {}
    for line in sys.stdin:
        line = line.rstrip("\n")
        if heading := HEADING.match(line):
            attributes = dict(ops[heading[1]])
        if line.startswith("<tr><th>Attribute"):
            print("| Attribute | Default | Description |")
            print("| :-------: | :-----: | ----------- |")
        elif row := ROW.match(line):
            attribute = attributes[row[1]]
            print(f"| `{row[1]}` | {get_default(records, attribute)} | {describe(records, attribute)} |")
        elif line not in ("<table>", "</table>"):
            print(line)


main()
