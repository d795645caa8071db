"""What a measurement depends on."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensic.evaluation import cache as module
from sensic.evaluation.cache import Cache, code, coding_version, source_hash
from sensic.evaluation.results import Measurement

MEASUREMENT = Measurement("clip", "x265:medium", 28.0, 120, 100, {"psnr_y": 30.5}, {"bits": [800.0]})


def test_what_is_put_in_comes_out(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    name = cache.name({"clip": "a", "setting": 28})
    assert cache.get(name) is None
    cache.put(name, MEASUREMENT, ["too small"])
    assert Cache(tmp_path / "cache").get(name) == (MEASUREMENT, ["too small"])
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [f"{name}.json"]


def test_every_part_of_a_key_counts_and_its_order_does_not(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.name({"a": 1, "b": [2]}) == cache.name({"b": [2], "a": 1})
    assert len({cache.name(key) for key in ({"a": 1}, {"a": 2}, {"b": 1}, {"a": 1, "b": 1}, {"a": [1]})}) == 5


def test_other_code_makes_other_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Cache(tmp_path).name({})
    monkeypatch.setattr(module, "source_hash", lambda *parts: "changed")
    assert Cache(tmp_path).name({}) != before


def test_what_is_only_said_is_no_other_code() -> None:
    plain = "def f(x):\n    return x + 1\n"
    told = '"""A module."""\n\n\ndef f(x):  # one more\n    """Adds one."""\n    return x+1\n'
    assert code(plain) == code(told)
    assert code(plain) != code(plain.replace("1", "2"))


def test_sources_are_those_of_the_package() -> None:
    assert source_hash("codec") != source_hash("entropy") != source_hash("evaluation/process.py")
    assert set(coding_version()) >= {"sources", "onnxruntime", "constriction"}
    for part in (*module.MEASURING, *module.CODING):
        assert (module.PACKAGE / part).exists()
