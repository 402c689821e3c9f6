"""Made-up replies of which it is known what they propose: a design, or nothing."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

from harness import spaces
from harness.text import notation
from tables.space import Architecture, Space
from tests.strategies import WIDTHS

SPACES = (*(spaces.find(name).SPACE for name in spaces.NAMES), WIDTHS)


class Meant(NamedTuple):
    """A reply, how it is made, what it proposes, and whether it does so in the demanded form (None: in neither)."""

    kind: str
    space: Space
    text: str
    design: Architecture | None
    form: str | None = None


class Draw:
    """Two different designs of a space, and ways to write and to speak of them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.space = rng.choice(SPACES)
        self.a = self.space.sample(rng)
        self.b = next(other for other in iter(lambda: self.space.sample(rng), None) if other != self.a)

    def one(self, *texts: str) -> str:
        return self.rng.choice(texts)

    def flat(self, design: Architecture) -> str:
        return notation.write(self.space, design, "flat")

    def line(self, design: Architecture) -> str:
        return f"Design: {self.flat(design)}"

    def json(self, design: Architecture, indent: int | None = None) -> str:
        return json.dumps({"architecture": self.space.symbols(design)}, indent=indent)

    def any(self, design: Architecture) -> str:
        """In any notation that a model may choose."""
        names = [slot.choices[choice] for slot, choice in zip(self.space.slots, design, strict=True)]
        return self.one(
            self.line(design),
            self.flat(design),
            self.json(design),
            notation.write(self.space, design, self.one(*notation.LAYOUTS)),
            ", ".join(names),
            self.space.to_native(design),
        )

    def talk(self) -> str:
        return self.one(
            "",
            "Early layers stay cheap, late ones do the work.\n\n",
            f"I do not propose {self.flat(self.b)} again, since it was tested.\n",
            f"Experiment 2, {self.flat(self.b)}, was the best so far. I change one slot of it.\n\n",
            f"Compared with {self.flat(self.b)} this is cheaper.\n\n",
            "- no skip in the middle\n- not too wide at the end\n",
            "1. Keep what works.\n2. Never stop early.\n\n",
            "Je ne change que la fin.\n",
            "我只改变最后一层。\n\n",
            "**Reasoning**\n\nThe design that I chose is simple: it grows.\n\n",
            "I cannot be sure, but this should do better. Here is my design:\n",
            "In the required format:\n\n",
            "I avoid pooling in this design:\n",
            "I don't see a better one than this:\n",
            "I will not repeat Experiment 1, so here is another:\n",
            "- node 1 is not changed\n",
            "This one was not tested yet:\n",
            "Cheap at first (not too cheap), rich at the end\n",
            "You're right, I apologize. Here is the corrected design:\n",
        )

    def thinking(self, text: str) -> str:
        tag = self.one("think", "thinking", "Thinking", "reasoning", "thought", "REFLECTION", "seed:think", "思考")
        return self.one(
            f"<{tag}>\n{text}\n</{tag}>\n",
            f"{text}\n</{tag}>\n\n",
            f"<|channel|>analysis<|message|>{text}<|end|><|start|>assistant<|channel|>final<|message|>",
            f"analysisWell. {text}assistantfinal",
            f"[THINK]{text}[/THINK]",
            f"◁think▷{text}◁/think▷",
            f"<|START_THINKING|>{text}<|END_THINKING|>",
            f"<|thinking|>{text}<|/thinking|>",
            f"<|inner_prefix|>{text}<|inner_suffix|>",
            f"<|channel>thought\n{text}\n<channel|>",
            f"&lt;think&gt;{text}&lt;/think&gt;\n",
            f"Thinking...\n{text}\n...done thinking.\n\n",
        )

    def turn(self) -> str:
        return self.one(
            "\n\nUser: This design has been tested already. Propose another one.\n\nAssistant: ",
            "\nuser This design has been tested already. Propose another one.\nassistant ",
            "\n\nHuman: 92.1 %. Go on.\n\nAssistant:\n",
            "\n<|im_end|>\n<|im_start|>user\nNext?<|im_end|>\n<|im_start|>assistant\n",
            "\n[INST] Another one. [/INST]\n",
            "\n\n### User\nAnother one.\n\n### Assistant\n",
            "\n\n**User:** Another one.\n\n**Assistant:** ",
            "\n</s>\n",
            "\nThis design has been tested already. Propose another one.\n",
            "\n\n用户：再来一个\n\n助手：",
            "<end_of_turn>\n<start_of_turn>user\nNext<end_of_turn>\n<start_of_turn>model\n",
            "\n\nQ: Another one?\nA:\n",
            "\n\nTool: 93.2 %\n\nFinal design:\n",
            "\n<tool_response>93.2</tool_response>\nFinal design:\n",
            "\n[|user|]Next[|endofturn|]\n[|assistant|]\n",
            "\n<extra_id_1>User\nNext\n<extra_id_1>Assistant\n",
            '\n\n{"role": "user", "content": "Next"}\n',
            "\n\nInstruction: Next\nResponse:\n",
            "\n\nYour design has an accuracy of 92.1 %.\n\nImproved design:\n",
            "\n\nThe accuracy of this design is 93.1 %.\n\nRevised design:\n",
            "\n\nUtente: avanti\n\nAssistente:\n",
            "\n\n사용자: 다음\n",
        )


def obedient(draw: Draw) -> Meant:
    dressed = draw.one("{}", "{}", "**{}**", "`{}`", "{}  ", "{}\n", "{}\n\n")
    line = draw.one(draw.line(draw.a), draw.line(draw.a), f"**Design:** {draw.flat(draw.a)}")
    before = draw.one("", "", draw.thinking(f"Maybe {draw.line(draw.b)}? No."))
    return Meant("obedient", draw.space, before + draw.talk() + dressed.format(line), draw.a, "line")


def obedient_json(draw: Draw) -> Meant:
    before = draw.one("", "", "\n  ", draw.thinking(f"Maybe {draw.json(draw.b)}? No."))
    return Meant(
        "obedient JSON", draw.space, before + draw.json(draw.a, draw.rng.choice((None, 0, 2, 8))), draw.a, "json"
    )


def reference(draw: Draw) -> Meant:
    b = draw.one(draw.line(draw.b), f"\n{draw.line(draw.b)}", draw.any(draw.b), f"\n{draw.any(draw.b)}")
    said = draw.one(
        "Experiment 2 was: {}",
        "Experiment 2:{}",
        "Experiment 2 (best): {}",
        "Experiment #2: {}",
        "The form would be, for example: {}",
        "e.g. {}",
        "An example of it: {}",
        "Parent: {}",
        "The previous design: {}",
        "The best so far: {}",
        "Current best: {}",
        "Already tested: {}",
        "In your last message you wrote: {}",
        "A bad choice: {}",
        "Bisher am besten: {}",
        "{}: accuracy 93.1",
        "{} (93.1 %)",
    )
    return Meant("reference", draw.space, draw.one("", "I have no idea.\n") + said.format(b), None)


def echo(draw: Draw) -> Meant:
    numbered = f"Experiment {draw.rng.randrange(1, 9)}\n"
    figure = draw.one("\nAccuracy: 93.12 %", "\nValidation accuracy: 71.5 %\n", "")
    rest = draw.one("", "\n\nMy proposal: [1, 2, ..., 0]", "\n\nI need more experiments.", "\nDesign: [a, b, c]")
    return Meant("echo", draw.space, numbered + draw.flat(draw.b) + figure + rest, None)


def negation(draw: Draw) -> Meant:
    b = draw.one(draw.line(draw.b), draw.flat(draw.b), f"\n{draw.line(draw.b)}", f"\n{draw.flat(draw.b)}")
    said = draw.one(
        "Do not use {}",
        "I would never propose {}",
        "I would not go with the following design: {}",
        "It should not be {}",
        "I cannot propose {}",
        "You should avoid {}",
        "We don't want {}",
        "not {}",
        "I reject {}",
        "Ich schlage nicht vor: {}",
        "Je ne propose pas : {}",
        "не предлагаю: {}",
        "我不建议：{}",
        "{} is not what I propose.",
        "{} was a mistake.",
        "{} (rejected)",
        "What not to do: {}",
        "Anything except the following: {}",
        "You must not write this: {}",
        "Non usare: {}",
        "À éviter : {}",
        "これは使わない：{}",
        "사용하지 마세요: {}",
    )
    return Meant("negation", draw.space, said.format(b), None)


def cut_off(draw: Draw) -> Meant:
    whole = draw.talk() + draw.line(draw.a)
    cut = whole[: draw.rng.randrange(len(whole) - len(draw.line(draw.a)), len(whole))]
    return Meant("cut off", draw.space, cut, draw.a)


def cut_off_json(draw: Draw) -> Meant:
    whole = draw.json(draw.a, draw.rng.choice((None, 2)))
    return Meant("cut off", draw.space, whole[: draw.rng.randrange(len(whole))], draw.a)


def partial_revision(draw: Draw) -> Meant:
    wait = draw.one("\n\nWait, that was tested. Revised design:\n", "\n\nFinal design:\n", "\n\nCorrected:\n")
    revised = draw.line(draw.b)
    rest = draw.one(revised[: draw.rng.randrange(len(revised) - 2)], draw.flat(draw.b)[:-2], "")
    return Meant("partial revision", draw.space, draw.any(draw.a) + wait + rest, None)


def made_up_turn(draw: Draw) -> Meant:
    said = draw.one(draw.line(draw.a), draw.flat(draw.a), draw.json(draw.a))
    thought = draw.one("", "", "<think>Hm.</think>\n")
    return Meant("made-up turn", draw.space, said + draw.turn() + thought + draw.line(draw.b), draw.a)


def made_up_experiment(draw: Draw) -> Meant:
    told = "\n\nExperiment 4\n" + draw.one(draw.flat(draw.b), draw.line(draw.b)) + draw.one("", "\nAccuracy: 94.1 %")
    return Meant("made-up experiment", draw.space, draw.one(draw.line(draw.a), draw.flat(draw.a)) + told, draw.a)


def thinking(draw: Draw) -> Meant:
    return Meant("thinking", draw.space, draw.thinking(draw.any(draw.b)) + draw.any(draw.a), draw.a)


def thinking_cut_off(draw: Draw) -> Meant:
    opens = draw.one(
        "<think>",
        "<thinking>\n",
        "<Thought>",
        "<|channel|>analysis<|message|>",
        "[THINK]",
        "analysisWe ",
        "<|START_THINKING|>",
        "<|thinking|>",
        "<|channel>thought\n",
        "&lt;think&gt;",
        "Thinking...\n",
    )
    return Meant("thinking cut off", draw.space, opens + draw.one("", "Hm. ") + draw.any(draw.b), None)


def unended(draw: Draw) -> Meant:
    opens = draw.one("<plan>", "<draft>\n", "<details><summary>Ideas</summary>\n", "```thinking\n", '<x id="1">\n')
    return Meant("within a tag", draw.space, f"{opens}Hm.\n{draw.line(draw.b)}", None)


def thinking_behind(draw: Draw) -> Meant:
    return Meant("thinking behind", draw.space, f"{draw.line(draw.a)}\n<think>\nOr rather {draw.any(draw.b)}", None)


def comparison(draw: Draw) -> Meant:
    a, b = draw.flat(draw.a), draw.flat(draw.b)
    said = draw.one(
        "I propose {a} instead of {b}",
        "Design: {a} instead of {b}",
        "I propose {a} rather than {b}.",
        "My final proposal is {a}. What I changed compared to Experiment 2: {b}",
        "{a}\n\nThis changes two entries of {b}.",
        "My design is {a}, which is better than {b}.",
        '{{"final": {a}, "modified_from": {b}}}',
        '{{"architecture": {a}, "parent": {b}}}',
        '{{"architecture": {b}, "architecture": {a}}}',
        '{{"architecture": {a}}}\n\nThe parent was {{"architecture": {b}}}',
        "Design: {a} (before: {b})",
        "Design: {a}\n\nIt replaces {b}.",
    )
    return Meant("comparison", draw.space, said.format(a=a, b=b), draw.a)


def two(draw: Draw) -> Meant:
    between = draw.one("\n", " or ", "\n\nAlternatively:\n", "\nBetter:\n")
    return Meant("two designs", draw.space, draw.line(draw.a) + between + draw.line(draw.b), None)


def counts(draw: Draw) -> Meant:
    numbers = ", ".join(str(draw.rng.randrange(1, 3)) for _ in draw.space.slots)
    said = draw.one(
        "The operations were used this often: {}",
        "How often each was used: [{}]",
        "Counts: {}",
        "For example, [{}] would be valid.",
        "An architecture is a list, e.g. [{}]",
    )
    return Meant("counts and examples", draw.space, said.format(numbers), None)


def other_notation(draw: Draw) -> Meant:
    line = draw.line(draw.a)
    wide = line.translate(dict(zip(map(ord, "[],:0123456789"), "［］，：０１２３４５６７８９", strict=True)))
    written = draw.one(
        draw.any(draw.a),
        wide,
        line.replace(",", "，"),
        line.replace("[", "【").replace("]", "】"),
        line.replace("[", "[[").replace("]", "]]"),
        line.replace(", ", "; "),
        f"{line[:-1]}, ...]",
        f"> {line}",
        f"```\n{line}\n```",
        f"設計：{draw.flat(draw.a)}",
        f'{{"architecture": "{draw.flat(draw.a)}"}}',
        draw.json(draw.a).replace(", ", "，"),
        f"<answer>{line}</answer>",
    )
    return Meant("other notation", draw.space, draw.one("", draw.talk()) + written, draw.a)


def refusal(draw: Draw) -> Meant:
    said = draw.one(
        "I'm sorry, but I cannot help with that.",
        "Es tut mir leid, dabei kann ich nicht helfen.",
        "Lo siento, no puedo ayudar con eso.",
        "抱歉，我无法提供帮助。",
        "I cannot propose a design without data. The form would be Design: [a, b, c]",
        "I cannot propose a design. The last line would be\nDesign: [1, 2, ...]",
    )
    return Meant("refusal", draw.space, said, None)


KINDS: tuple[Callable[[Draw], Meant], ...] = (
    obedient,
    obedient_json,
    reference,
    echo,
    negation,
    cut_off,
    cut_off_json,
    partial_revision,
    made_up_turn,
    made_up_experiment,
    thinking,
    thinking_cut_off,
    unended,
    thinking_behind,
    comparison,
    two,
    counts,
    other_notation,
    refusal,
)


def replies(count: int, seed: int = 0) -> Iterator[Meant]:
    """So many replies, of each kind as many."""
    rng = random.Random(seed)
    for n in range(count):
        yield KINDS[n % len(KINDS)](Draw(rng))
