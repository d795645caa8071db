"""The manual pages hold every command and every option."""

from __future__ import annotations

import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from typer.core import TyperArgument, TyperOption

from hatch_build import ManualPages
from sensic.cli import man
from sensic.cli.app import program
from sensic.cli.command import leaves

PAGES = man.pages()


def plain(text: str) -> str:
    return re.sub(r"\\f[BIR]", "", text).replace(r"\-", "-")


def test_every_command_has_a_page() -> None:
    assert set(PAGES) == {"sensic.1", *(f"sensic-{'-'.join(words)}.1" for words, _ in leaves(program()))}
    for name in PAGES:
        if name != "sensic.1":
            assert name.removesuffix(".1") in plain(PAGES["sensic.1"])


@pytest.mark.parametrize("words", dict(leaves(program())), ids="-".join)
def test_every_option_is_in_its_page(words: tuple[str, ...]) -> None:
    text = plain(PAGES[f"sensic-{'-'.join(words)}.1"])
    tagged = [line.split() for before, line in pairwise(text.splitlines()) if before == ".TP"]
    for param in dict(leaves(program()))[words].params:
        if isinstance(param, TyperOption):
            assert any({*param.opts, *param.secondary_opts} <= {w.rstrip(",") for w in line} for line in tagged)
        elif isinstance(param, TyperArgument):
            assert any(param.metavar.rstrip(".") in line[0] for line in tagged)


def test_texts_hold_no_instructions() -> None:
    assert man._text(".TH \\fB – it's") == r"\&.TH \efB \[u2013] it\(aqs"
    for page in PAGES.values():
        assert page.isascii()
        assert all(re.match(r"\.(TH|SH|SS|TP|PP)\b", line) for line in page.splitlines() if line.startswith("."))


def test_they_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    assert man.main([str(tmp_path / "man1")]) == 0
    assert {path.name for path in (tmp_path / "man1").iterdir()} == set(PAGES)
    assert '"2001-09-09"' in (tmp_path / "man1" / "sensic.1").read_text()
    assert man.main([]) == 2


@pytest.mark.parametrize(
    "checker", [["mandoc", "-Tlint", "-Wwarning"], ["groff", "-man", "-Tutf8", "-ww", "-z", "-b"]], ids=lambda c: c[0]
)
def test_nothing_is_wrong_with_the_roff(checker: list[str], tmp_path: Path) -> None:
    if not shutil.which(checker[0]):
        pytest.skip(f"needs {checker[0]}")
    paths = man.write(tmp_path)
    done = subprocess.run([*checker, *paths], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_they_go_into_wheels() -> None:
    hook = ManualPages(str(Path(__file__).parents[2]), {}, None, None, "", "wheel")
    data: dict[str, dict[str, str]] = {"shared_data": {}}
    hook.initialize("standard", data)
    assert set(data["shared_data"].values()) == {f"share/man/man1/{name}" for name in PAGES}
    assert all(Path(page).read_text().startswith(".TH SENSIC") for page in data["shared_data"])
    hook.finalize("standard", data, "")
    assert not any(Path(page).exists() for page in data["shared_data"])
    hook.initialize("editable", data := {"shared_data": {}})
    assert data == {"shared_data": {}}
