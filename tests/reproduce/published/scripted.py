"""Scripts of the shape of GENIUS', in other words, and what a script asks when it runs beside a made-up `openai`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

OPENAI = """
import json, os

class ChatCompletion:
    count = 0

    @classmethod
    def create(cls, **request):
        with open(os.environ["ASKED"], "a") as file:
            file.write(json.dumps(request) + "\\n")
        answers = json.loads(os.environ["ANSWERS"])
        cls.count += 1
        return {"choices": [{"message": {"role": "assistant", "content": answers[cls.count - 1]}}]}
"""

OF_LISTS = '''
import json
import openai
from decimal import Decimal

data = json.load(open("benchmark.json"))
system_content = "You know {networks}."

user_input = """Pick one of $3 operations a layer:
{0: nothing, 1: small, 2: large}
"""

experiments_prompt = lambda lists, accuracies : """Seen so far:
{}
Do better, in {{braces}} or not.
""".format("".join(["{} has {:.2f}% for $0\\n".format(one, told) for one, told in zip(lists, accuracies)]))

suffix = """Say nothing else."""
lists, accuracies = [], []
messages = [{"role": "system", "content": system_content}, {"role": "user", "content": user_input + suffix}]
for _ in range(3):
    said = openai.ChatCompletion.create(model="gpt-4", messages=messages, temperature=0, n=1)["choices"][0]["message"]
    one = json.loads(said["content"])
    lists.append(one)
    told = data["".join(map(str, one))]
    accuracies.append(float(Decimal(told).quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")))
    messages = [
        {"role": "system", "content": system_content},
        {"role": "user", "content": user_input + experiments_prompt(lists, accuracies) + suffix},
    ]
'''

OF_THE_LAST = '''
import json
import openai
from decimal import Decimal

data = json.load(open("benchmark.json"))
system_content = "You know cells."
user_input = """Pick six operations, and say why."""
experiments_prompt = lambda x : """That was {}%. Another, please.""".format(x)

messages = [{"role": "system", "content": system_content}, {"role": "user", "content": user_input}]
for _ in range(3):
    said = openai.ChatCompletion.create(model="gpt-4", messages=messages, temperature=0, n=1)["choices"][0]["message"]
    messages.append(said)
    told = float(Decimal(data[input("Type it:")]).quantize(Decimal("0.001"), rounding="ROUND_HALF_UP"))
    messages.append({"role": "user", "content": experiments_prompt(told)})
'''


def asked_by(
    script: Path, folder: Path, answers: Sequence[str], typed: Sequence[str] = (), options: Sequence[str] = ()
) -> list[Mapping[str, Any]]:
    """The requests of a script that runs in a folder, unchanged, and is answered so; `typed` is what a person types."""
    (folder / "modules").mkdir()
    (folder / "modules" / "openai.py").write_text(OPENAI, encoding="utf-8")
    asked = folder / "asked.jsonl"
    said = {"PYTHONPATH": str(folder / "modules"), "ASKED": str(asked), "ANSWERS": json.dumps(answers)}
    subprocess.run(
        [sys.executable, str(script), *options],
        cwd=folder,
        env={**os.environ, **said},
        input="".join(f"{line}\n" for line in typed),
        text=True,
        capture_output=True,
        check=True,
        timeout=60,
    )
    return [json.loads(line) for line in asked.read_text("utf-8").splitlines()]
