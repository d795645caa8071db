"""The public API of evaluation is what its page says, and what is not needed is not imported."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sensic import evaluation

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"


def documented() -> list[str]:
    """Names in the first column of the table of the chapter on Python."""
    chapter = PAGE.read_text(encoding="utf-8").split("## From Python")[1]
    return [
        name for line in re.findall(r"^\| (`\w+`.*?) \|", chapter, re.MULTILINE) for name in re.findall(r"\w+", line)
    ]


def test_the_exports_are_what_the_page_says() -> None:
    assert sorted(documented()) == sorted(evaluation.__all__)
    assert set(evaluation.__all__) <= set(dir(evaluation))


@pytest.mark.parametrize("name", evaluation.__all__)
def test_every_export_is_there_and_documented(name: str) -> None:
    thing = getattr(evaluation, name)
    if not name.isupper():
        own = inspect.getdoc(thing)
        assert own
        assert not own.startswith(f"{name}(")  # a dataclass without a docstring gets its signature as one


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'guess'"):
        _ = evaluation.guess


def test_importing_it_is_cheap_and_a_missing_library_is_one_line() -> None:
    code = (
        "import sys, sensic.evaluation as e\n"
        "heavy = {'scipy', 'matplotlib', 'librosa', 'jinja2', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "sys.modules['jinja2'] = None\n"
        "from sensic.errors import UsageError\n"
        "try: e.write_report\n"
        "except UsageError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "evaluation needs more libraries, jinja2 first: pip install 'sensic[eval]'\n"
