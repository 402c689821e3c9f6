"""A made-up conversation with every slip that a person may make: nothing is lost, and every answer is replayed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.client import Tally
from cache.record import Record
from harness.spaces.mobilenetv2_se import SPACE
from harness.text import notation
from reproduce.published.audit import FileAudit, as_json, as_text
from reproduce.published.conversation import cut
from tests.reproduce.published.conversations import (
    ITERATIONS,
    Edit,
    Messages,
    answer,
    audited,
    conversation,
    design,
    experiment,
    feedback,
    iteration,
    listing,
    records,
    replacing,
    taken_apart,
    told,
)

MACS_3 = told(design(2, 1))  # of the third experiment
MACS = told(design(1, 0))  # fed back in the second iteration
FED_BACK_2 = feedback(1)


def counted(exact: int, different: int = 0, already_tested: int = 0, none: int = 1) -> dict[str, int]:
    return {
        "exact": exact,
        "truncated": 0,
        "different": different,
        "already_tested": already_tested,
        "none": none,
    }


def assert_whole(found: FileAudit, messages: Messages) -> None:
    """Whatever the file holds: every answer is replayed, and stands under exactly one class."""
    answers = sum(role == "assistant" for role, _ in messages)
    assert found.miss is None
    assert found.tally == Tally(answers, answers, 0)
    assert sum(found.counts()["fed_back"].values()) == len(found.turns) == answers
    as_text([found])
    as_json([found])


def edited(edit: Edit) -> FileAudit:
    messages = edit(conversation())
    found = audited(messages)
    assert_whole(found, messages)
    return found


def test_the_made_up_conversation_is_in_order() -> None:
    found = edited(lambda messages: messages)
    assert found.counts()["fed_back"] == counted(9)
    assert found.counts()["experiments"] == {"listed": 4, "differ": 0}
    assert found.verbatim == ()


HEADINGS = [
    "-Experiment{}\n",
    "Experiment{}\n",
    "- experiment{}\n",
    " - Experiment{}\n",
    "- Experiement{}\n",
    "- Experimnet {}\n",
    "- Experiment #{}\n",
    "- Experiment_{}:\n",
    "* Experiment{}\n",
    "- Experiment\n",
    "- Experiment2\n",
    "- Experiment4\n",
    "- Experiment33\n",
    "- Experiment{} ",
    "- Experiment{}: ",
    "- Experiment {} (the best)\n",
]


@pytest.mark.parametrize("first_only", [True, False])
@pytest.mark.parametrize("heading", HEADINGS)
def test_a_slip_in_a_heading(heading: str, first_only: bool) -> None:
    found = edited(replacing("- Experiment3\n", heading.format(3), first_only=first_only))
    assert found.counts()["fed_back"] == counted(9)
    assert found.counts()["experiments"] == {"listed": 4, "differ": 0}


def test_a_newline_missing_before_a_heading() -> None:
    found = edited(replacing("\n\n- Experiment3", " - Experiment3"))
    assert found.counts()["fed_back"] == counted(9)
    assert found.counts()["experiments"] == {"listed": 4, "differ": 0}


def all_but(missing: int, *, until: int = ITERATIONS, renumbered: bool = False) -> Edit:
    """Leave an experiment out of the statements before iteration `until`."""

    def experiments(iteration: int) -> list[str]:
        kept = [n for n in range(1, iteration + 1) if n != missing or iteration >= until]
        return [
            experiment(n).replace(f"Experiment{n}", f"Experiment{place}" if renumbered else f"Experiment{n}")
            for place, n in enumerate(kept, start=1)
        ]

    return listing(experiments)


@pytest.mark.parametrize(
    ("edit", "listed", "exact"),
    [
        (all_but(3, until=4), 4, 9),  # only the first prompt lacks it
        (all_but(3), 3, 8),
        (all_but(3, renumbered=True), 3, 8),
        (listing(lambda t: [experiment(n) for n in (*range(1, t + 1), *([2] if t > 2 else []))]), 4, 9),  # twice
        (listing(lambda t: [experiment(n) for n in range(t, 0, -1)]), 4, 9),  # backwards
    ],
)
def test_experiments_missing_doubled_and_in_another_order(edit: Edit, listed: int, exact: int) -> None:
    found = edited(edit)
    assert found.counts()["fed_back"] == counted(exact, none=10 - exact)
    assert found.counts()["experiments"] == {"listed": listed, "differ": 0}


def test_an_experiment_with_another_design_and_no_number() -> None:
    other = experiment(3, heading="- Experiment\n", architecture=(6,) * 30)
    found = edited(listing(lambda t: [other if n == 3 else experiment(n) for n in range(1, t + 1)]))
    assert found.counts()["fed_back"] == counted(8, different=1)
    assert found.experiments_differ == (3,)


@pytest.mark.parametrize("first_only", [True, False])
@pytest.mark.parametrize(
    ("figure", "expected"),
    [
        (f"of {str(MACS_3)[0]},{str(MACS_3)[1:]} FLOPS", counted(9)),
        (f"of 1,{MACS_3} FLOPS", counted(8, different=1)),
        (f"of {MACS_3}M FLOPS", counted(9)),
        (f"of {MACS_3}M", counted(9)),
        (f"of {MACS_3} M", counted(9)),
        (f"of {MACS_3} FLOPs", counted(9)),
        (f"of  {MACS_3}  FLOPS", counted(9)),
        (f"of {MACS_3}FLOPS", counted(9)),
        (f"{MACS_3} FLOPS", counted(9)),
        ("of FLOPS", counted(8, none=2)),
    ],
)
def test_a_slip_in_the_cost_of_an_experiment(figure: str, expected: dict[str, int], first_only: bool) -> None:
    found = edited(replacing(f"of {MACS_3} FLOPS", figure, first_only=first_only))
    assert found.counts()["fed_back"] == expected


@pytest.mark.parametrize(
    ("figure", "accuracy"),
    [
        ("accuracy of %", None),
        ("accuracy", None),
        ("accuracy 73.39%", 73.39),
        ("accurancy of 73.39%", 73.39),
        ("accuracy  of  73.39%", 73.39),
        ("Accuracy of .7339", 0.7339),
        ("accuracy of about 73.39", 73.39),
        ("accuracy of 73,39%", 73.39),
    ],
)
def test_a_slip_in_an_accuracy(figure: str, accuracy: float | None) -> None:
    messages = replacing("accuracy of 73.39%", figure)(conversation())
    found = audited(messages)
    assert_whole(found, messages)
    assert found.counts()["fed_back"] == counted(9)
    assert taken_apart(messages).told[2][1].accuracy == accuracy


def test_an_accepted_answer_without_a_design_listed_with_too_many_entries() -> None:
    def edit(messages: Messages) -> Messages:
        messages = replacing(notation.write(SPACE, design(2, 1)), "Stage 1: [1, 0, 0, 0, 0, 0, 0]")(messages)
        messages[14] = ("assistant", "I cannot say.")
        return messages

    found = edited(edit)
    assert found.counts()["unparsed"] == 1
    assert found.counts()["fed_back"] == counted(8, none=2)


@pytest.mark.parametrize(
    "said",
    [
        f"resulting in {MACS} FLOPS, which is 20 FLOPS higher than the upper bound of 330",
        f"resulting {MACS} FLOPS, which is 20 FLOPS above the upper bound of 330",
        f"resulting {MACS} FLOPS, which is 20 FLOPS higher the uper bound of 330",
        f"resulting {MACS}M, which is 20M higher the upper bound of 330",
        f"resulting {MACS}, which is 20 FLOPS higher the upper bound of 330",
        f"resulting {MACS} FLOPs which is 20 FLOPs Higher the upper bound of 330",
        f"resulting  {MACS} FLOPS, which  is 20FLOPS higher the upper bound of 330",
        f"with {MACS} FLOPS, which exceeds the upper bound of 330 FLOPS by 20 FLOPS",
        f"20 FLOPS higher than the upper bound of 330 FLOPS, at {MACS} FLOPS",
        f"{MACS} FLOPS was not what we wanted",
        f"RESULTING {MACS} FLOPS, 20 FLOPS below the lower bound of 370",
    ],
)
def test_feedback_in_other_words_is_held_against_the_cost(said: str) -> None:
    assert edited(replacing(FED_BACK_2, f"No: {said}.")).counts()["fed_back"] == counted(9)
    wrong = edited(replacing(FED_BACK_2, f"No: {said}.".replace(str(MACS), f"1,{MACS}")))
    assert wrong.counts()["fed_back"] == counted(8, different=1)


@pytest.mark.parametrize(
    "said",
    [
        "has been tested already",
        "is already being tested",
        "was tested before",
        "Already exists in experiments",
        "is the same as Experiment 2",
        "was proposed previously",
    ],
)
def test_a_repeat_in_other_words(said: str) -> None:
    assert edited(replacing(FED_BACK_2, f"The design {said}.")).counts()["fed_back"] == counted(8, already_tested=1)


@pytest.mark.parametrize(
    "said", ["Stage 2 is too thin.", "It is higher than the bound of 330 FLOPS.", "Think before you propose again.", ""]
)
def test_feedback_that_nobody_expected_is_a_finding(said: str) -> None:
    found = edited(replacing(FED_BACK_2, said))
    assert found.counts()["fed_back"] == counted(8, none=2)
    assert f"message 7 (iteration 1, turn 0): feedback that was not understood: {said}" in as_text([found])


def test_dollars_are_no_placeholders() -> None:
    edit = replacing("Stage 1 (Layer", "$tage 1 $x (Layer")
    assert (
        edited(lambda messages: replacing("It is too costly", "It costs $$ and $macs")(edit(messages))).counts()[
            "fed_back"
        ]["exact"]
        >= 5
    )


def test_feedback_behind_the_last_answer_is_heard() -> None:
    found = edited(lambda messages: [*messages, ("user", feedback(4).replace(str(told(design(4, 0))), "900"))])
    assert found.counts()["fed_back"] == counted(9, different=1, none=0)


def test_feedback_before_a_new_statement_is_heard() -> None:
    def edit(messages: Messages) -> Messages:
        return [*messages[:10], ("user", "No: resulting 900 FLOPS, which is above the bound."), *messages[10:]]

    assert edited(edit).counts()["fed_back"] == counted(8, different=1)


def test_what_a_statement_without_an_answer_lists_is_heard() -> None:
    found = edited(lambda messages: [*messages, *iteration(ITERATIONS)[:2]])
    assert found.counts()["fed_back"] == counted(10, none=0)
    assert found.counts()["experiments"] == {"listed": 5, "differ": 0}


@pytest.mark.parametrize("place", [1, 6, 21])
def test_a_statement_sent_twice(place: int) -> None:
    found = edited(lambda messages: [*messages[: place + 1], *messages[place:]])
    assert found.counts()["fed_back"] == counted(9)


def test_feedback_sent_in_two_messages() -> None:
    first, second = FED_BACK_2.split(", which", 1)
    found = edited(lambda messages: [*messages[:8], ("user", first), ("user", "which" + second), *messages[9:]])
    assert found.counts()["fed_back"] == counted(9)
    assert "iteration 1, messages before turn 1" in found.verbatim


def test_a_missing_system_message_shifts_nothing() -> None:
    found = edited(lambda messages: [*messages[:10], *messages[11:]])
    assert found.counts()["fed_back"] == counted(9)
    assert found.counts()["experiments"] == {"listed": 4, "differ": 0}


def test_an_iteration_begun_again() -> None:
    again = [*iteration(2)[:2], ("assistant", answer(2, 0).replace("balanced", "a first try"))]
    found = edited(lambda messages: [*messages[:10], *again, *messages[10:]])
    assert found.counts()["fed_back"] == counted(9, none=2)
    assert found.counts()["experiments"] == {"listed": 4, "differ": 0}


def test_more_iterations_than_ten() -> None:
    messages = [message for number in range(7) for message in iteration(number)]
    messages += [message for number in range(7, 12) for message in iteration(number % 7, [])]
    found = audited(messages)
    assert_whole(found, messages)
    assert len(found.turns) == 24


TABLE = "flops_stage1_first = [1.5053, 23.7855, 26.9967, 31.8136, 35.5292, 40.3461, 47.5715]"


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (TABLE, 0),
        (TABLE.replace("]", ",]"), 1),
        (TABLE.replace("47.5715", "47.57.15"), 1),
        (TABLE.replace("23.7855,", "23.7855"), 6),
        (TABLE.replace(", 47.5715", ""), 1),
        (TABLE.replace("]", ", 9.5]"), 1),
        (TABLE.replace("35.5292", "35.5292 # ?"), 1),
        ("flops_stage1_first = []", 7),
        (TABLE.replace("stage1", "stage6"), 7),
    ],
)
def test_a_slip_in_the_table_of_a_prompt(row: str, wrong: int) -> None:
    found = edited(replacing("Think first.", row + "\nlayer0 : {defined: True, FLOPS: 5.419.}"))
    assert found.table_wrong == wrong
    assert 5_419_000 in found.fixed_macs_stated


@pytest.mark.parametrize("stated", ["5.419", "500"])
def test_fixed_layers_can_cost_too_little_or_too_much(stated: str) -> None:
    found = edited(replacing("Think first.", f"layer0 : {{defined: True, FLOPS: {stated}}}"))
    assert f"{stated}00"[:5].rstrip("0") in as_text([found])
    assert f"M too {'much' if stated == '500' else 'little'}" in as_text([found])


@pytest.mark.parametrize("first_only", [True, False])
@pytest.mark.parametrize("bounds", ["[270 , 330]", "[ 270, 330 ]", "[270, 330", "270 to 330", "between 270 and 330"])
def test_a_slip_in_the_window(bounds: str, first_only: bool) -> None:
    messages = replacing("[270, 330]", bounds, first_only=first_only)(conversation())
    assert taken_apart(messages).window == (270, 330)
    assert_whole(audited(messages), messages)


def test_without_a_window_the_bounds_are_those_of_the_feedback() -> None:
    messages = replacing("[270, 330]", "bounds")(conversation())
    assert taken_apart(messages).window == (0, 330)
    assert_whole(audited(messages), messages)


def test_figures_that_change_in_a_later_prompt() -> None:
    def edit(messages: Messages) -> Messages:
        messages[21] = "user", messages[21][1].replace(f"of {MACS_3} FLOPS", "of 310 FLOPS")
        return messages

    found = edited(edit)
    assert found.counts()["fed_back"] == counted(9)
    assert found.figures_changed == ((3, (f"{MACS_3} M, 73.39 %", "310 M, 73.39 %")),)
    assert f"experiment 3: listed with figures that change, {MACS_3} M, 73.39 %, then 310 M" in as_text([found])


def test_answers_that_state_several_designs_are_counted() -> None:
    def edit(messages: Messages) -> Messages:
        first = notation.write(SPACE, (6,) * 30)
        messages[2] = "assistant", f"{first}\nToo much. Final model:\n{messages[2][1]}\nStage 1: [6, 6, 6, 6, 6, 6]"
        return messages

    found = edited(edit)
    assert found.counts()["several_designs"] == 1
    assert "1 answers state several designs, of which the last was read; 1 have lists beside it" in as_text([found])


def _answered(by: list[Record], monkeypatch: pytest.MonkeyPatch) -> FileAudit:
    """The audit of the conversation with other records than its own."""
    monkeypatch.setattr("reproduce.published.audit.published_records", lambda *_: by)
    return audited(conversation())


def test_a_replay_that_ends_early_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    edited = replacing("Now choose anew.", "Something else.")(conversation())
    found = _answered(records(edited), monkeypatch)
    assert found.tally == Tally(10, 2, 8)
    assert found.miss is not None
    assert "iteration 1, turn 0" in found.miss
    text = as_text([found])
    assert "the replay ended early: No recorded answer for run up, iteration 1, turn 0" in text
    assert "Something else." in text


def test_answers_that_come_back_in_another_place_are_no_hits(monkeypatch: pytest.MonkeyPatch) -> None:
    found = _answered([*reversed(records(conversation()))], monkeypatch)
    assert found.tally == Tally(10, 0, 10)
    assert found.miss is not None


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["- Experiment", "1", " ", "\n", "Stage 1: [1]", "total of 3 FLOPS", "acc 7%", "x"])))
def test_the_parts_of_a_statement_join_to_it(pieces: list[str]) -> None:
    text = "".join(pieces)
    opening, experiments, closing = cut(text)
    assert opening + "".join(each.text for each in experiments) + closing == text


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_edit_breaks_the_audit(data: st.DataObject) -> None:
    """Characters deleted, doubled and changed, messages of users dropped or doubled."""
    messages = conversation()
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.sampled_from([n for n, (role, _) in enumerate(messages) if role == "user"]))
        role, text = messages[place]
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 30, len(text))))
        inserted = data.draw(st.sampled_from(["", "$", " ", "\n", "7", ",", "- Experiment2 ", text[start:end] * 2]))
        messages[place] = role, text[:start] + inserted + text[end:]
        if data.draw(st.booleans()):
            messages.insert(place, messages[place])
    assert_whole(audited(messages), messages)
