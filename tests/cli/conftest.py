"""Every line of JSON that a test of the command line makes is held against the schema that is documented."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from sensic.cli import console

SCHEMA = Path(__file__).parents[2] / "docs" / "json.schema.json"
VALIDATOR = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


class UndocumentedError(BaseException):
    """Beyond Exception: the command line would make an error message of it."""


def documented(kind: object) -> list[dict[str, Any]]:
    """The records of a type."""
    definitions = VALIDATOR.schema["$defs"]
    records = [definitions[reference["$ref"].rsplit("/", 1)[1]] for reference in VALIDATOR.schema["anyOf"]]
    return [record for record in records if record["properties"]["type"]["const"] == kind]


def validate(line: dict[str, Any]) -> str:
    """What is wrong with a line, as those of its type are; empty where nothing is."""
    if VALIDATOR.is_valid(line):
        return ""
    errors = [best_match(VALIDATOR.evolve(schema=record).iter_errors(line)) for record in documented(line.get("type"))]
    return "; ".join(f"{line['type']}: {e.json_path}: {e.message[:300]}" for e in errors) or "a type that is unheard of"


@pytest.fixture(autouse=True)
def records_are_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    real = console.record

    def record(kind: str, **fields: Any) -> None:
        line = {"type": kind, "schema": console.SCHEMA, **console._plain(fields)}
        found = validate(json.loads(json.dumps(line)))
        if found:
            raise UndocumentedError(found)
        real(kind, **fields)

    monkeypatch.setattr(console, "record", record)
