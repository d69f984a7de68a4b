#!/usr/bin/env python3
"""Makes questions of one form, with their answers: made words, to be spelt backwards.

    make_questions.py OUT --rows 6000 --asked 200 --letters 3-6

writes OUT/rows.jsonl, conversations to fine-tune on, and OUT/asked.jsonl, questions about
words that are in none of them. The same arguments give the same bytes.
"""

import argparse
import json
import pathlib
import random


def question(word):
    return f"Spell '{word}' backwards."


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--asked", type=int, default=200)
    parser.add_argument("--letters", default="3-6", help="length of a word, FROM-TO")
    parser.add_argument("--alphabet", default="abcdefghijklmnopqrstuvwxyz")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    least, most = map(int, arguments.letters.split("-"))
    draw = random.Random(arguments.seed)
    words = {}  # In the order in which they were made.
    wanted = arguments.rows + arguments.asked
    if sum(len(arguments.alphabet) ** n for n in range(least, most + 1)) < 2 * wanted:
        raise SystemExit(f"there are too few words of {arguments.letters} letters for {wanted} questions")
    while len(words) < wanted:
        words["".join(draw.choices(arguments.alphabet, k=draw.randint(least, most)))] = None
    words = list(words)
    arguments.out.mkdir(parents=True, exist_ok=True)
    with open(arguments.out / "rows.jsonl", "w") as file:
        for word in words[arguments.asked :]:
            messages = [
                {"role": "user", "content": question(word)},
                {"role": "assistant", "content": word[::-1]},
            ]
            file.write(json.dumps({"messages": messages}) + "\n")
    with open(arguments.out / "asked.jsonl", "w") as file:
        for word in words[: arguments.asked]:
            file.write(json.dumps({"question": question(word), "answer": word[::-1]}) + "\n")


main()
