"""The public API is what the user guide says, and all of it is documented."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import sensic

GUIDE = Path(__file__).parent.parent / "docs" / "guide.md"


def documented() -> list[str]:
    """Names in the first column of the table of the guide's chapter on Python."""
    chapter = GUIDE.read_text(encoding="utf-8").split("## From Python")[1].split("\n## ")[0]
    return re.findall(r"^\| `(\w+)` \|", chapter, re.MULTILINE)


def test_the_exports_are_what_the_guide_says() -> None:
    assert sorted(documented()) == sorted(sensic.__all__)


def test_all_is_what_star_and_dir_give() -> None:
    assert set(sensic.__all__) <= set(dir(sensic))
    namespace: dict[str, object] = {}
    exec("from sensic import *", namespace)
    assert set(sensic.__all__) == namespace.keys() - {"__builtins__"}


@pytest.mark.parametrize("name", sensic.__all__)
def test_every_export_is_documented(name: str) -> None:
    thing = getattr(sensic, name)
    own = inspect.getdoc(thing)
    assert own
    # A dataclass without a docstring gets its signature as one, which tells nobody anything.
    assert not own.startswith(f"{name}(")


def test_every_error_is_exported_and_below_the_root() -> None:
    errors = {name for name, thing in vars(sensic.errors).items() if inspect.isclass(thing)}
    assert errors == {name for name in sensic.__all__ if name.endswith("Error")}
    for name in errors:
        assert issubclass(getattr(sensic, name), sensic.SensicError)


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'transcode'"):
        _ = sensic.transcode


def test_using_the_package_does_not_import_pytorch() -> None:
    code = f"import sys, sensic; [getattr(sensic, n) for n in {sensic.__all__!r}]; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
