"""What an answer says to us: bodies of every kind, and what is cut off a text."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from baselines.genius import Prompts
from harness import spaces
from harness.protocol import Reason
from harness.text.reply import NOTHING, THINKING, TOKEN, TURN, UNENDED, Heard, heard, spoken, verbatim
from reproduce import runs
from reproduce.published.replay import wording

LINE = "Design: [1, 2]"
HARMONY = "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>"


def body(message: Any, **choice: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": message, **choice}]}


def says(content: Any, **choice: Any) -> dict[str, Any]:
    return body({"role": "assistant", "content": content}, **choice)


@pytest.mark.parametrize(
    "answer",
    [
        says(LINE),
        says(LINE, finish_reason="stop"),
        says(LINE, finish_reason=None),
        {**says(LINE), "error": None},
        says([{"type": "text", "text": LINE[:5]}, {"type": "image_url"}, {"type": "text", "text": LINE[5:]}]),
        body({"content": LINE, "reasoning_content": "Design: [9, 9]", "reasoning": "no"}),
        {"choices": [*says(LINE)["choices"], *says("Design: [9, 9]")["choices"]]},
        body({"content": LINE, "tool_calls": [], "refusal": None}),
        {**says(LINE), "output": []},  # of an endpoint that says more than it has to
    ],
)
def test_the_text_of_the_first_choice_is_heard(answer: dict[str, Any]) -> None:
    assert heard(answer) == Heard(LINE, None, LINE)


def response(*items: Any, **more: Any) -> dict[str, Any]:
    """A record's answer of the interface Responses."""
    said = {"status": "completed", "error": None, "incomplete_details": None, "output": items, **more}
    return {"content_type": "application/json", "text": json.dumps(said)}


def message(*parts: Any) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": parts}


TEXT = {"type": "output_text", "text": LINE, "annotations": []}
THOUGHT = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Design: [9, 9]"}]}
CALL = {"type": "function_call", "name": "design", "arguments": LINE, "call_id": "c"}


@pytest.mark.parametrize(
    "answer",
    [
        response(THOUGHT, message(TEXT)),
        response(message({**TEXT, "text": LINE[:5]}), message({**TEXT, "text": LINE[5:]}, "odd"), "odd", {}),
        response(message(TEXT), status=None),
    ],
)
def test_the_texts_of_a_response_are_heard(answer: dict[str, Any]) -> None:
    assert heard(answer) == Heard(LINE, None, LINE)


@pytest.mark.parametrize(
    ("answer", "reason", "detail"),
    [
        (response(), Reason.NOTHING_SAID, "no text"),
        (response(THOUGHT), Reason.NOTHING_SAID, "no text"),
        (response(message({"type": "refusal", "refusal": "No."})), Reason.REFUSED, "refused"),
        (
            response(THOUGHT, status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
            Reason.CUT_OFF,
            "greatest length",
        ),
        (
            response(message(TEXT), status="incomplete", incomplete_details={"reason": "content_filter"}),
            Reason.FILTERED,
            "content filter",
        ),
        (response(message(TEXT), status="incomplete"), Reason.ANOTHER_END, "ended with 'incomplete'"),
        (response(status="queued"), Reason.ANOTHER_END, "ended with 'queued'"),
        (response(message(TEXT), status="failed", error={"code": "server_error"}), Reason.FAILED, "server_error"),
        (response(message(TEXT), CALL), Reason.TOOL_CALL, "calls a tool"),
        ({**response(message(TEXT)), "withheld": "What looked like a credential"}, Reason.WITHHELD, "a credential"),
        ({"content_type": "text/event-stream", "text": "event: x\n"}, Reason.NO_ANSWER, "expected a choice"),
        ({"content_type": "application/json", "text": "[1]"}, Reason.NO_ANSWER, "expected a choice"),
        ({"unreadable": "Expected an answer that can be read", "raw": ""}, Reason.UNREADABLE, "that can be read"),
    ],
)
def test_a_response_that_says_nothing_whole_is_a_rejection(answer: dict[str, Any], reason: Reason, detail: str) -> None:
    rejection = heard(answer).rejection
    assert rejection is not None
    assert rejection.reason is reason
    assert detail in rejection.detail


def calls(*named: tuple[str, Any], **more: Any) -> dict[str, Any]:
    made = [{"type": "function", "function": {"name": name, "arguments": said}} for name, said in named]
    return body({"content": "I call it.", "tool_calls": made}, **more)


@pytest.mark.parametrize(
    "answer",
    [
        calls(("design", LINE), finish_reason="tool_calls"),
        calls(("design", LINE), finish_reason="stop"),  # as OpenAI says where a call was demanded
        response(THOUGHT, CALL),
    ],
)
def test_what_a_function_is_called_with_is_heard_where_it_is_demanded(answer: dict[str, Any]) -> None:
    assert heard(answer, "design") == Heard(LINE, None, LINE)
    rejection = heard(answer).rejection
    assert rejection is not None
    assert rejection.reason is Reason.TOOL_CALL


@pytest.mark.parametrize(
    ("answer", "reason", "detail"),
    [
        (says(LINE), Reason.WRONG_FORM, "expected one call of the function 'design' and no other, got none"),
        (calls(("design", LINE), ("design", LINE)), Reason.AMBIGUOUS, "got 2 calls"),
        (calls(("other", LINE)), Reason.WRONG_FORM, "got another"),
        (calls(("design", {"architecture": [1]})), Reason.WRONG_FORM, "got another"),
        (calls(("design", LINE), finish_reason="length"), Reason.CUT_OFF, "greatest length"),
        (calls(("design", "")), Reason.NOTHING_SAID, "nothing is said"),
        (response(message(TEXT)), Reason.WRONG_FORM, "got none"),
    ],
)
def test_an_answer_without_the_one_call_is_a_rejection(answer: dict[str, Any], reason: Reason, detail: str) -> None:
    rejection = heard(answer, "design").rejection
    assert rejection is not None
    assert rejection.reason is reason
    assert detail in rejection.detail


@pytest.mark.parametrize(
    ("answer", "reason", "detail"),
    [
        (says(None), Reason.NOTHING_SAID, "no text"),
        (says(""), Reason.NOTHING_SAID, "no text"),
        (says(" \n"), Reason.NOTHING_SAID, "no text"),
        (says([]), Reason.NOTHING_SAID, "no text"),
        (says([{"type": "image_url"}, "odd", {"type": "text", "text": 3}]), Reason.NOTHING_SAID, "no text"),
        (says(LINE, finish_reason="length"), Reason.CUT_OFF, "greatest length"),
        (says(None, finish_reason="length"), Reason.CUT_OFF, "greatest length"),
        (says(LINE, finish_reason="content_filter"), Reason.FILTERED, "content filter"),
        (says(LINE, finish_reason="tool_calls"), Reason.TOOL_CALL, "calls a tool"),
        (says(None, finish_reason="function_call"), Reason.TOOL_CALL, "calls a function"),
        (says(LINE, finish_reason="error"), Reason.ANOTHER_END, "ended with 'error'"),
        (says(LINE, finish_reason={"odd": [1]}), Reason.ANOTHER_END, "ended with"),
        (body({"content": None, "refusal": "I will not."}), Reason.REFUSED, "refused"),
        (says([{"type": "refusal", "refusal": "No."}]), Reason.REFUSED, "refused"),
        (body({"content": None, "tool_calls": [{"id": "a"}]}), Reason.TOOL_CALL, "calls a tool"),
        ({**says(LINE), "error": {"message": "overloaded"}}, Reason.FAILED, "overloaded"),
        (says(LINE, error={"message": "overloaded"}), Reason.FAILED, "overloaded"),
        ({"choices": []}, Reason.NO_ANSWER, "has none"),
        ({"choices": True}, Reason.NO_ANSWER, "has none"),
        ({"choices": [3]}, Reason.NO_ANSWER, "has none"),
        ({"choices": [{"message": "text"}]}, Reason.NO_ANSWER, "has none"),
        ({"choices": {"0": {}}}, Reason.NO_ANSWER, "has none"),
        ({}, Reason.NO_ANSWER, "has none"),
        ({"unreadable": "bytes that are not UTF-8", "raw": "/w=="}, Reason.UNREADABLE, "not UTF-8"),
        ({**says(LINE), "withheld": "a credential in choices[0]"}, Reason.WITHHELD, "a credential in"),
    ],
)
def test_an_answer_that_says_nothing_whole_is_a_rejection(answer: dict[str, Any], reason: Reason, detail: str) -> None:
    found = heard(answer)
    assert found.rejection is not None
    assert found.rejection.reason is reason
    assert detail in found.rejection.detail
    assert found.text in (LINE, NOTHING)
    assert isinstance(verbatim(answer), Heard)  # what was recorded before is read however it ended


@pytest.mark.parametrize(
    ("text", "kept", "before", "behind"),
    [
        (LINE, LINE, "", ""),
        (f"\n {LINE} \n", LINE, "", ""),
        (f"<think>Hm.</think>{LINE}", LINE, THINKING, ""),
        (f"<THINKING>\nHm.\n</Thinking>\n{LINE}", LINE, THINKING, ""),
        (f"Hm.</think>\n\n{LINE}", LINE, THINKING, ""),
        (f"Yes.<think>a</think>b<thought>c</thought>{LINE}", LINE, THINKING, ""),
        (f"[THINK]Hm.[/THINK]{LINE}", LINE, THINKING, ""),
        (f"◁think▷Hm.◁/think▷{LINE}", LINE, THINKING, ""),
        (f"<inner_thoughts>Hm.</inner_thoughts>{LINE}", LINE, THINKING, ""),
        (f'<think budget="9">Hm.</think>{LINE}', LINE, THINKING, ""),
        (f"<seed:think>Hm.</seed:think>{LINE}", LINE, THINKING, ""),
        (f"<unused94>thought\nHm.<unused95>{LINE}", LINE, THINKING, ""),
        (f"Thinking...\nHm.\n...done thinking.\n\n{LINE}", LINE, THINKING, ""),
        (f"<think>{LINE}", "", "", UNENDED),
        (f"{LINE}<think>Or", "", "", UNENDED),
        (f"<think>a</think>{LINE}<think>Or", "", THINKING, UNENDED),
        (f"{HARMONY}{LINE}<|return|>", LINE, THINKING, TOKEN),
        (f"<|channel|>analysis<|message|>{LINE}", "", "", UNENDED),
        (f"analysisHm.assistantfinal{LINE}", LINE, THINKING, ""),
        (f"analysisWe need {LINE}", "", "", UNENDED),
        (f"Analysis\n\nIt grows.\n{LINE}", f"Analysis\n\nIt grows.\n{LINE}", "", ""),
        (f"<|im_start|>assistant\n{LINE}<|im_end|>", LINE, "", TOKEN),
        (f"Assistant: {LINE}", LINE, "", ""),
        (f"{LINE}</s>more", LINE, "", TOKEN),
        (f"{LINE}\n\nUser: Next?", LINE, "", TURN),
        (f"{LINE} Human: Next?", LINE, "", TURN),
        (f"{LINE}\nuser This design has been tested already. Propose another one.", LINE, "", TURN),
        (f"{LINE}\nuser\nNext", LINE, "", TURN),
        (f"{LINE}\n**User:** Next", LINE, "", TURN),
        (f"{LINE}\n### User\nNext", LINE, "", TURN),
        (f"{LINE}\n### Instruction: Next", LINE, "", TURN),
        (f"{LINE}\n[INST] Next", LINE, "", TOKEN),
        (f"{LINE}\n用户：再来", LINE, "", TURN),
        (f"{LINE}\n<user>Next</user>", LINE, "", TURN),
        (f"{LINE}\nObservation: 92.1 %", LINE, "", TURN),
        (f"{LINE}\n\nUser: Next\n\nAssistant: <think>Hm.</think>Design: [2, 1]", LINE, "", TURN),
        (f"<think>User: a design\n</think>{LINE}\nUser: Next\n<think>b</think>no", LINE, THINKING, TURN),
        (f"The task.\nUser: a design.\n</think>{LINE}", LINE, THINKING, ""),
        (f"<think>a<think>b</think>c</think>{LINE}", LINE, THINKING, ""),
        (f"{HARMONY}{LINE}<|end|><|start|>user<|message|>No<|end|>{HARMONY}no", LINE, THINKING, TOKEN),
        (f"<|channel|>final<|message|>{LINE}", LINE, THINKING, ""),
        (f"{LINE}<start_of_turn>user\nNext", LINE, "", TOKEN),
        ("The user wants more: a system, a human.", "The user wants more: a system, a human.", "", ""),
    ],
)
def test_what_is_said_for_others_is_cut_off(text: str, kept: str, before: str, behind: str) -> None:
    part = spoken(text)
    assert text[slice(*part.span)] == kept
    assert (part.before, part.behind) == (before, behind)
    assert spoken(kept).span == (0, len(kept))


def wordings() -> list[tuple[str, Prompts]]:
    found = []
    for name in spaces.NAMES:
        space = spaces.find(name).SPACE
        window = (270, 330) if name == "mobilenetv2-se" else None
        found += [(name, runs.wording(space, "free", window)), (f"first {name}", wording(name, window))]
    return found


@pytest.mark.parametrize(("name", "prompts"), wordings(), ids=[name for name, _ in wordings()])
def test_what_our_own_prompts_say_is_no_answer(name: str, prompts: Prompts) -> None:
    for part in filter(None, (prompts.repeated, prompts.unreadable, prompts.above, prompts.below)):
        said = re.sub(r"\$\w+", "17", part)
        assert spoken(f"{LINE}\n\n{said}\n{LINE}").behind == TURN, said
    listed = prompts.opening.partition("\n\n")[2] or prompts.opening
    assert spoken(f"{LINE}\n\n{listed}").behind == TURN, listed
