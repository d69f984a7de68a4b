#!/usr/bin/env python3
"""Asks a fine-tuned model questions, greedily, and counts right answers.

    ask.py PLAN RUN asked.jsonl [--lns PATH] [--at-least SHARE]

Each line of asked.jsonl has a question and its answer. The question is put as the template
`plain` of `lns data prepare` puts it; the answer is what the model writes up to byte 0.
"""

import argparse
import json
import subprocess


def ask(arguments, question):
    prompt = f"user: {question}\nassistant: "
    command = [arguments.lns, "sample", arguments.plan, "--checkpoint", arguments.run]
    command += ["--prompt", prompt, "--bytes", "32", "--temperature", "0", "--end-at-zero"]
    text = subprocess.run(command, check=True, capture_output=True).stdout.decode()
    assert text.startswith(prompt), text
    return text[len(prompt) :].removesuffix("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", help="compiled with --batch=1")
    parser.add_argument("run")
    parser.add_argument("asked")
    parser.add_argument("--lns", default="lns")
    parser.add_argument("--at-least", type=float, default=0, help="share of right answers to succeed")
    arguments = parser.parse_args()
    right = count = 0
    for line in open(arguments.asked):
        row = json.loads(line)
        answer = ask(arguments, row["question"])
        count += 1
        right += answer == row["answer"]
        if answer != row["answer"]:
            print(f"{row['question']} {answer!r}, expected {row['answer']!r}")
    print(f"{right} of {count} right ({100 * right / count:.1f} %)")
    if right < arguments.at_least * count:
        raise SystemExit(f"fewer than {100 * arguments.at_least:.0f} %")


main()
