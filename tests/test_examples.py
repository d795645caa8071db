"""The examples in docstrings and pages are run, on a few frames of the demo clip."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest

import sensic

ROOT = Path(__file__).parents[1]
OPTIONS = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL | doctest.NORMALIZE_WHITESPACE
FRAMES, WIDTH, HEIGHT = 6, 320, 180

SKIPPED = "+SKIP"  # what needs footage, and time
MODULES = sorted(
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "src" / "sensic").rglob("*.py")
    if ">>> " in (text := path.read_text(encoding="utf-8")) and SKIPPED not in text
)
PAGES = sorted((ROOT / "docs").rglob("*.md"))
CODE = re.compile(r"^```(python|pycon)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return [match[2] for match in CODE.finditer(page.read_text(encoding="utf-8")) if match[1] == language]


@pytest.fixture(scope="module")
def holiday(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """holiday.mp4, the beginning of the demo clip, and holiday.mkv, a stream of it."""
    folder = tmp_path_factory.mktemp("holiday")
    with av.open(str(ROOT / "demo" / "bunny.mp4")) as source, av.open(str(folder / "holiday.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "8", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number, frame in zip(range(FRAMES), source.decode(video=0), strict=False):
            small = frame.reformat(WIDTH, HEIGHT)
            small.pts, small.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(small))
        output.mux(stream.encode(None))
    sensic.encode(folder / "holiday.mp4", folder / "holiday.mkv", preset="fast")
    return folder


@pytest.fixture
def folder(holiday: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of them, to work in."""
    for file in holiday.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)


def check(test: doctest.DocTest) -> None:
    said: list[str] = []
    results = doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=said.append)
    assert results.failed == 0, "".join(said)


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.usefixtures("folder")
def test_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    tests = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert tests
    for test in tests:
        check(test)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "pycon")], ids=lambda page: page.stem)
@pytest.mark.usefixtures("folder")
def test_pages(page: Path) -> None:
    parser = doctest.DocTestParser()
    check(parser.get_doctest("\n".join(blocks(page, "pycon")), {}, page.stem, str(page), 0))


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.stem)
def test_other_code_of_pages_is_python_and_uses_what_there_is(page: Path) -> None:
    for block in blocks(page, "python"):
        for name in used(ast.parse(block)):
            module, _, attribute = name.rpartition(".")
            assert hasattr(importlib.import_module(module), attribute), name


def used(tree: ast.AST) -> Iterator[str]:
    """Names of Sensic that code imports, or takes from the package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sensic"):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sensic":
            yield f"sensic.{node.attr}"


def test_the_guide_leads_everywhere() -> None:
    """Links between pages, pictures and chapters lead somewhere."""
    for page in (*PAGES, ROOT / "README.md"):
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)  # not code
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            path, _, chapter = target.partition("#")
            if "://" in target:
                continue
            found = (page.parent / path) if path else page
            assert found.exists(), f"{page.name}: {target}"
            if chapter:
                assert chapter in chapters(found), f"{page.name}: {target}"


def chapters(page: Path) -> set[str]:
    """As GitHub names them in links."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
