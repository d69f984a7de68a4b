#!/usr/bin/env python3
"""What transformers' renderer makes of conversations and instructions.

Writes golden.json: published chat templates with what each is recognized as, and rows with
their text and the bytes of it that the loss is on, which the renderer finds by Jinja's
`generation` blocks around the answers. The templates `alpaca` and `plain` are this project's
own; they are written down here once more, in Jinja. `--table` prints the rows of
`knownTemplates` in tools/lns/data/chat_template.cpp. Needs transformers and xxhash; the
tests need neither.
"""

import argparse
import json
import pathlib

import xxhash
from transformers.utils.chat_template_utils import render_jinja_template

QWEN_SYSTEM = "You are a helpful assistant."
SMOL_SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"

NO_PROMPT = (
    "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}"
)
CHATML_LOOP = (
    "{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
DEFAULT_SYSTEM = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\\nSYSTEM<|im_end|>\\n' }}{% endif %}"
)
LLAMA3_LOOP = (
    "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = "
    "'<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim"
    " + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
    "{{ content }}{% endfor %}"
)
LLAMA3_PROMPT = "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}"

# As files have them: name, what it is, the system's turn that it adds, text.
PUBLISHED = [
    ("chatml", "chatml", "", "{% for message in messages %}" + CHATML_LOOP),
    (
        "chatml, with a default",
        "chatml",
        "",
        NO_PROMPT + "{% for message in messages %}" + CHATML_LOOP,
    ),
    (
        "Qwen2-Instruct",
        "chatml",
        QWEN_SYSTEM,
        DEFAULT_SYSTEM.replace("SYSTEM", QWEN_SYSTEM) + CHATML_LOOP,
    ),
    (
        "SmolLM2-Instruct",
        "chatml",
        SMOL_SYSTEM,
        DEFAULT_SYSTEM.replace("SYSTEM", SMOL_SYSTEM) + CHATML_LOOP,
    ),
    ("Meta-Llama-3-Instruct, first", "llama3", "", LLAMA3_LOOP + LLAMA3_PROMPT),
    (
        "Meta-Llama-3-Instruct",
        "llama3",
        "",
        LLAMA3_LOOP + "{% if add_generation_prompt %}" + LLAMA3_PROMPT + "{% endif %}",
    ),
    (
        "Meta-Llama-3-Instruct, with a default",
        "llama3",
        "",
        NO_PROMPT + LLAMA3_LOOP + "{% if add_generation_prompt %}" + LLAMA3_PROMPT + "{% endif %}",
    ),
]


def with_line_breaks(template):
    """Files have line breaks in string literals as they are, or as Jinja's escape."""
    return template.replace("\\n", "\n")



# Of this project: conversations and instructions.
ALPACA_START = (
    "Below is an instruction that describes a task. Write a response that appropriately "
    "completes the request.\n\n"
)
ALPACA_START_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further "
    "context. Write a response that appropriately completes the request.\n\n"
)
OWN = {
    ("alpaca", "messages"): (
        "{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}{% elif m.role == 'user' %}"
        "{% if loop.first %}{{ start }}{% endif %}{{ '### Instruction:\\n' + m.content }}{% else %}"
        "{% if loop.first %}{{ start }}{% endif %}{{ '### Response:\\n' }}{% generation %}"
        "{{ m.content + end }}{% endgeneration %}{% endif %}{% if not loop.last %}{{ '\\n\\n' }}"
        "{% endif %}{% endfor %}"
    ),
    ("plain", "messages"): (
        "{% for m in messages %}{{ m.role + ': ' }}{% if m.role == 'assistant' %}{% generation %}"
        "{{ m.content + end }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}"
        "{% if not loop.last %}{{ '\\n' }}{% endif %}{% endfor %}"
    ),
    ("alpaca", "instruction"): (
        "{{ start_input if row.input else start }}{{ '### Instruction:\\n' + row.instruction }}"
        "{% if row.input %}{{ '\\n\\n### Input:\\n' + row.input }}{% endif %}{{ '\\n\\n### Response:\\n' }}"
        "{% generation %}{{ row.output + end }}{% endgeneration %}"
    ),
    ("plain", "instruction"): (
        "{{ row.instruction + '\\n' }}{% if row.input %}{{ row.input + '\\n' }}{% endif %}"
        "{% generation %}{{ row.output + end }}{% endgeneration %}"
    ),
}

CONVERSATIONS = [
    [("user", "What is 2 + 2?"), ("assistant", "4")],
    [("system", "Be brief."), ("user", "Hi"), ("assistant", "Hello!")],
    [
        ("user", "  blanks around \n"),
        ("assistant", "\u00a0 kept, or trimmed\u3000\n"),
        ("user", ""),
        ("assistant", "two\nlines"),
        ("user", "an open turn"),
    ],
    [("system", ""), ("user", "Привет, 你好 \U0001f600"), ("assistant", "é e\u0301 \u2028end")],
    [("assistant", "It starts."), ("user", "Indeed."), ("assistant", "And ends.")],
    [("user", "### Response:\nno markup"), ("assistant", "'quoted' {{ braces }} {% x %}")],
]
INSTRUCTIONS = [
    {"instruction": "Name a color.", "input": "", "output": "Red"},
    {"instruction": "Translate.", "input": "chien", "output": "dog\n"},
    {"instruction": "Räume auf", "input": " 一\n二 ", "output": " ordentlich "},
]


def with_generation(template):
    """The same template with a block around the answer and what ends it."""
    for header, text, end in [
        ("message['role'] + '\\n'", "message['content']", "'<|im_end|>'"),
        ("message['role'] + '<|end_header_id|>\\n\\n'", "(message['content'] | trim)", "'<|eot_id|>'"),
    ]:
        for plus in (" + ", "+ "):
            old = header + plus + text.strip("()") + " + " + end
            if old in template and "im_start" in template:
                return template.replace(
                    "{{'<|im_start|>' + " + old + " + '\\n'}}",
                    "{{'<|im_start|>' + " + header + "}}{% if message['role'] == 'assistant' %}"
                    "{% generation %}{{ " + text + " + " + end + " }}{% endgeneration %}{% else %}"
                    "{{ " + text + " + " + end + " }}{% endif %}{{ '\\n' }}",
                )
            if old in template:
                return template.replace(
                    "{% set content = '<|start_header_id|>' + " + old + " %}{% if loop.index0 == 0 %}"
                    "{% set content = bos_token + content %}{% endif %}{{ content }}",
                    "{% if loop.index0 == 0 %}{{ bos_token }}{% endif %}{{ '<|start_header_id|>' + "
                    + header + " }}{% if message['role'] == 'assistant' %}{% generation %}{{ " + text
                    + " + " + end + " }}{% endgeneration %}{% else %}{{ " + text + " + " + end
                    + " }}{% endif %}",
                )
    raise SystemExit("no answer found in " + template)


def render(template, messages, generation, **values):
    texts, indices = render_jinja_template(
        [messages],
        chat_template=template,
        return_assistant_tokens_mask=generation,
        bos_token="<|begin_of_text|>",
        start=ALPACA_START,
        start_input=ALPACA_START_INPUT,
        **values,
    )
    text = texts[0]
    if not generation:
        return text, []
    position = lambda at: len(text[:at].encode())
    return text, [[position(begin), position(end)] for begin, end in indices[0]]


def make():
    cases = []
    for name, kind, system, template in PUBLISHED:
        if name.endswith("first"):
            continue  # Adds a prompt to whole conversations; rows end without.
        for conversation in CONVERSATIONS:
            messages = [{"role": role, "content": content} for role, content in conversation]
            text, _ = render(template, messages, False)
            marked, answers = render(with_generation(template), messages, True)
            broken, _ = render(with_line_breaks(template), messages, False)
            assert text == marked == broken, (text, marked, broken)
            cases.append(
                {"template": template, "row": {"messages": messages}, "end": "", "text": text, "answers": answers}
            )
    for (name, form), template in OWN.items():
        for end in ("</s>", "\0"):
            for example in CONVERSATIONS if form == "messages" else INSTRUCTIONS:
                if form == "messages":
                    messages = [{"role": role, "content": content} for role, content in example]
                    row = {"messages": messages}
                else:
                    row, messages = example, [{"role": "user", "content": ""}]
                text, answers = render(template, messages, True, row=row, end=end)
                cases.append({"template": name, "row": row, "end": end, "text": text, "answers": answers})
    known = [
        {"name": n, "is": k, "system": s, "template": spelling}
        for n, k, s, t in PUBLISHED
        for spelling in (t, with_line_breaks(t))
    ]
    return {"known": known, "cases": cases}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", action="store_true", help="print knownTemplates")
    arguments = parser.parse_args()
    if arguments.table:
        for name, kind, system, template in PUBLISHED:
            data = with_line_breaks(template).encode()
            constant = {"chatml": "ChatMl", "llama3": "Llama3"}[kind]
            print(f"    // {name}")
            print(f"    {{{len(data)}, 0x{xxhash.xxh64_hexdigest(data).upper()}, Kind::{constant}, {json.dumps(system)}}},")
        return
    path = pathlib.Path(__file__).parent / "golden.json"
    path.write_text(json.dumps(make(), indent=1, ensure_ascii=True) + "\n")


main()
