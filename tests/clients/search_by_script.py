"""A search as researchers write one: a loop around an SDK, a table beside it, a history in a folder.

It runs with OpenAI's SDK of today and with that of 2023, and knows nothing of recordings. With `--typed` the
conversation grows, and a person reads each answer and types its digits.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import openai

parser = argparse.ArgumentParser()
parser.add_argument("--key", required=True)
parser.add_argument("--typed", action="store_true")
arguments = parser.parse_args()
openai.api_key = arguments.key
sdk: Any = openai
create = sdk.chat.completions.create if hasattr(sdk, "chat") else sdk.ChatCompletion.create

table: dict[str, float] = json.loads(Path("benchmark/three_layers.json").read_text())
system = {"role": "system", "content": "You choose widths."}
task = "Choose a width from 0 to 3 for each of three layers, as a JSON list."
messages: list[Any] = [system, {"role": "user", "content": task}]
told, asked, scores = "", [], []

history = Path("history")
history.mkdir(exist_ok=True)
for _ in range(5):
    answer = create(model="gpt-4", messages=messages, temperature=0, n=1).choices[0].message
    text = str(answer.content)
    asked.append([*messages, {"role": "assistant", "content": text}])
    digits = input(f"{text}\nIts digits: ") if arguments.typed else "".join(map(str, json.loads(text)))
    scores.append({"widths": digits, "accuracy": table[digits]})
    (history / "messages.json").write_text(json.dumps(asked))
    (history / "scores.json").write_text(json.dumps(scores))
    told += f"{digits} has an accuracy of {table[digits]:.2f} %.\n"
    if arguments.typed:
        messages = [*asked[-1], {"role": "user", "content": f"It has {table[digits]:.3f} %. A better one?"}]
    else:
        messages = [system, {"role": "user", "content": f"{task}\n{told}Choose a better one."}]
