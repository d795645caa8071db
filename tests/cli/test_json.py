"""What the commands really print with --json is what the schema and its page say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import sensic.cli
from sensic.cli import console, main
from tests.cli.conftest import SCHEMA, VALIDATOR, validate
from tests.cli.test_program import make_clip

PAGE = SCHEMA.with_name("json.md").read_text(encoding="utf-8")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [validate(line) for line in found] == [""] * len(found)
    return found


def kinds() -> dict[str, list[dict[str, Any]]]:
    """The documented records, by type."""
    found: dict[str, list[dict[str, Any]]] = {}
    for reference in VALIDATOR.schema["anyOf"]:
        record = VALIDATOR.schema["$defs"][reference["$ref"].rsplit("/", 1)[1]]
        found.setdefault(record["properties"]["type"]["const"], []).append(record)
    return found


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(VALIDATOR.schema)
    for records in kinds().values():
        for record in records:
            assert record["properties"]["schema"] == {"const": console.SCHEMA}
            assert {"type", "schema"} <= set(record["required"])
            assert record["additionalProperties"] is False


def test_every_record_is_documented() -> None:
    sources = Path(sensic.cli.__file__).parent.glob("*.py")
    made = {kind for path in sources for kind in re.findall(r"\brecord\(\s*\"(\w+)\"", path.read_text("utf-8"))}
    assert made == set(kinds())
    described = re.findall(r"^### `(\w+)`", PAGE, re.MULTILINE)
    assert sorted(described) == sorted(made)


@pytest.mark.parametrize("kind", kinds())
def test_every_field_is_on_the_page(kind: str) -> None:
    chapter = PAGE.split(f"### `{kind}`")[1].split("\n### ")[0]
    for record in kinds()[kind]:
        for name in set(record["properties"]) - {"type", "schema"}:
            assert f"`{name}`" in chapter, name


def test_real_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clip = str(make_clip(tmp_path / "in.mkv"))
    stream, back = str(tmp_path / "stream.mkv"), str(tmp_path / "back.mkv")
    assert main(["encode", clip, stream, "--preset", "0", "--json"]) == 0
    *progress, encoded = lines(capsys)
    assert encoded["type"] == "encoded"
    assert {line["type"] for line in progress} == {"progress"}
    assert main(["info", stream, "--json"]) == 0
    assert [line["type"] for line in lines(capsys)] == ["info"]
    assert main(["verify", stream, "--reference", clip, "--json"]) == 0
    assert lines(capsys)[-1]["type"] == "verified"
    assert main(["verify", stream, "--json"]) == 0
    assert lines(capsys)[-1]["psnr"] is None
    assert main(["decode", stream, back, "--json"]) == 0
    assert lines(capsys)[-1]["type"] == "decoded"
    assert main(["encode", clip, stream, "--profile", "sensing", "--json"]) == 0
    assert lines(capsys)[-1]["type"] == "encoded"
    assert main(["info", stream, "--json"]) == 0
    assert lines(capsys)[-1]["sensing"]["operator"] == "wht"
    assert main(["sense-budget", clip, "--json"]) == 0
    assert lines(capsys)[-1]["type"] == "budget"


@pytest.mark.parametrize(
    ("words", "code"), [(["info", "none.mkv"], 1), (["encode", "a", "b", "-q", "99"], 2), (["info", "--wrong"], 2)]
)
def test_errors(words: list[str], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--json"]) == code
    assert [(line["type"], line["exit_code"]) for line in lines(capsys)] == [("error", code)]


def test_what_is_wrong_is_found() -> None:
    good = {"type": "error", "schema": 1, "message": "no", "exit_code": 1}
    assert validate(good) == ""
    for bad in ({**good, "schema": 2}, {**good, "more": 1}, {**good, "exit_code": "1"}, {**good, "type": "unheard-of"}):
        assert validate(bad)
