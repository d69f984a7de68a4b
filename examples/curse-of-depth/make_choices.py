#!/usr/bin/env python3
"""Makes questions to choose an answer of, from those of examples/sft/make_questions.py.

    make_choices.py asked.jsonl choices.jsonl

The wrong answers are other orders of the same letters, so that neither length nor letters
give the right one away. Words that have too few orders are left out, and counted. The same
file gives the same bytes.
"""

import json
import random
import sys

WRONG = 3


def wrong_answers(draw, answer):
    """Other orders of the letters, or None where there are too few."""
    found = {}
    for _ in range(100):
        letters = list(answer)
        draw.shuffle(letters)
        if (order := "".join(letters)) != answer:
            found[order] = None
        if len(found) == WRONG:
            return list(found)
    return None


def main():
    if len(sys.argv) != 3:
        raise SystemExit("usage: make_choices.py asked.jsonl choices.jsonl")
    asked, out = sys.argv[1:]
    draw = random.Random(1)
    count = left_out = 0
    with open(asked) as questions, open(out, "w") as file:
        for line in questions:
            row = json.loads(line)
            choices = wrong_answers(draw, row["answer"])
            if choices is None:
                left_out += 1
                continue
            gold = draw.randrange(WRONG + 1)
            choices.insert(gold, row["answer"])
            # The template `plain` of `lns data prepare`, up to the answer.
            context = f"user: {row['question']}\nassistant:"
            row = {"context": context, "choices": choices, "gold": gold, "task": "backwards"}
            file.write(json.dumps(row) + "\n")
            count += 1
    if count < 2:
        raise SystemExit(
            f"make_choices.py: error: {asked}: {count} of {count + left_out} words have {WRONG + 1} "
            "orders of their letters, expected 2 at least; ask more or longer words"
        )
    print(f"{count} questions, {left_out} words left out that have too few orders")


main()
