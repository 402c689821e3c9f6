"""Whether what is printed as JSON has the form that it says it has."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any, NoReturn

import jsonschema


def valid(text: str) -> dict[str, Any]:
    """The document in a text, if its schema allows it: no NaN, and no field that is not described."""
    content: dict[str, Any] = json.loads(text, parse_constant=_refuse)
    kind = str(content["schema"]).split(":")[2]
    validator(kind).validate(content)
    if kind == "report":
        keys = [column["key"] for column in content["columns"]]
        assert all([*row] == keys for row in content["rows"])
        assert {*content["comparable_within"]} <= {*keys}
    return content


def _refuse(name: str) -> NoReturn:
    raise AssertionError(f"{name} is no JSON")


@cache
def validator(kind: str) -> Any:
    """The validator of a schema, found as users find it."""
    schema = json.loads((resources.files("reproduce.report") / f"{kind}.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)
