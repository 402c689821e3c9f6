"""How a model is talked to, by name: GENIUS' own five set-ups, and what differs from one of them or from the default.

`nas_bench_macro.py` and its like are the scripts of github.com/mingkai-zheng/GENIUS that made tables 7 to 13; on
ImageNet a person typed. Where a person read the answers the lenient reader stands in for the person: it rejects what it
cannot tell (`harness.text.published`). The scripts end at an answer that they cannot read; here it is a rejection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from genius_replay.advice import unknown
from harness.specification import Protocol
from reproduce.arguments import several
from reproduce.errors import UsageError

_SCRIPT = Protocol(repeats="evaluated", form="list")
_WIDTHS = msgspec.structs.replace(_SCRIPT, vocabulary="widths")

PRESETS: Mapping[str, Protocol] = {
    "genius-imagenet": Protocol(form="prose"),
    "genius-nas-bench-macro": _SCRIPT,
    "genius-channel-bench-resnet": _WIDTHS,
    "genius-channel-bench-mobilenet": _WIDTHS,
    "genius-nas-bench-201": Protocol(
        statement="conversation", told="last", repeats="evaluated", digits=3, rationale=True, form="prose"
    ),
}
"""GENIUS' set-ups."""


FIELDS = Protocol.__struct_fields__


def protocol(said: str | Sequence[str] | Protocol) -> Protocol:
    """The protocol of a preset's name, of fields as `NAME=VALUE`, or of a name and the fields that differ from it.

    >>> protocol(["genius-nas-bench-macro", "repeats=refused"])
    Protocol(statement='rebuilt', told='all', repeats='refused', digits=2, rationale=False, vocabulary='symbols', \
form='list', proposals=1)

    Raises:
        UsageError: there is no such preset, field or value.
    """
    if isinstance(said, Protocol):
        return said
    fields: dict[str, object] = {}
    for place, one in enumerate(several(said)):
        name, equals, value = str(one).partition("=")
        if not equals:
            if place or name not in PRESETS:
                raise UsageError(unknown("protocol", name, PRESETS, f", or FIELD=VALUE of {', '.join(FIELDS)}"))
            fields = msgspec.structs.asdict(PRESETS[name])
        elif name not in FIELDS:
            raise UsageError(unknown("field of a protocol", name, FIELDS))
        else:
            fields[name] = value
    try:
        return msgspec.convert(fields, Protocol, strict=False)
    except msgspec.ValidationError as error:
        raise UsageError(f"expected fields of a protocol as docs/record.md lists them, got one: {error}") from None


def refuse_unfit(how: Protocol, answers: str) -> None:
    """Refuse a protocol that contradicts itself, or the way in which answers are held to the space.

    Raises:
        UsageError: it does.
    """
    decided = ("form", "vocabulary", "rationale", "proposals")  # by the server, where it holds answers to the space
    changed = [name for name in decided if getattr(how, name) != getattr(Protocol(), name)]
    if answers != "free" and changed:
        raise UsageError(
            f"expected answers that are free with another {' and '.join(changed)} than the default, got {answers}, in "
            "which the server decides what an answer looks like"
        )
    if how.form == "list" and how.rationale:
        raise UsageError("expected form=line or form=prose with a rationale, got form=list, which has no place for one")
    if how.form == "prose" and (how.vocabulary, how.proposals) != ("symbols", 1):
        raise UsageError(
            f"expected one design in symbols in form=prose, got proposals={how.proposals} vocabulary={how.vocabulary}; "
            "the reader of prose reads no others"
        )


def as_published(how: Protocol, space: str) -> Protocol:
    """The protocol by which a published wording is said: that of the space's preset, in which repeats alone may differ.

    Raises:
        UsageError: another is asked for.
    """
    name = "genius-imagenet" if space == "mobilenetv2-se" else f"genius-{space}"
    preset = PRESETS.get(name, how)
    if how != Protocol() and msgspec.structs.replace(how, repeats=preset.repeats) != preset:
        raise UsageError(
            f"expected the protocol {name} with the published wording, which says how it is answered, got another; "
            "leave out --protocol, or name this one, with another value of repeats if need be"
        )
    return preset if how == Protocol() else how
