"""A dry run finds what the real run finds, and writes nothing."""

from __future__ import annotations

import inspect
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import sensic
from sensic.sensing import SensingSettings
from tests.codec.pictures import write_video


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    write_video(folder / "in.mkv", 7)
    sensic.encode(folder / "in.mkv", folder / "stream.mkv", gop=4, preset=0)
    (folder / "text.txt").write_text("hello")
    data = bytearray((folder / "stream.mkv").read_bytes())
    data[-200] ^= 1
    (folder / "damaged.mkv").write_bytes(data)
    return folder


@pytest.mark.parametrize(
    ("real", "plan"),
    [(sensic.encode, sensic.plan_encode), (sensic.decode, sensic.plan_decode)],
    ids=["encode", "decode"],
)
def test_it_takes_what_the_real_one_takes(real: Callable[..., Any], plan: Callable[..., Any]) -> None:
    wanted = dict(inspect.signature(real).parameters)
    del wanted["progress"]
    assert list(inspect.signature(plan).parameters.values()) == list(wanted.values())


def test_encode(folder: Path, tmp_path: Path) -> None:
    plan = sensic.plan_encode(folder / "in.mkv", tmp_path / "out.mkv", gop=4, quality=20, preset="fast")
    assert (plan.frames, plan.groups, plan.quality, plan.effort, plan.replaces) == (7, 2, 20, 2, False)
    assert plan.model_id == sensic.Model.default().id
    report = sensic.encode(folder / "in.mkv", tmp_path / "out.mkv", gop=4, quality=20, preset="fast")
    assert (report.frames, report.width, report.height) == (plan.frames, plan.info.width, plan.info.height)
    assert sensic.plan_encode(folder / "in.mkv", tmp_path / "out.mkv").replaces


def test_filters_and_rate(folder: Path, tmp_path: Path) -> None:
    filters = sensic.Filters(trim="2f:5f", scale="32:-2")
    plan = sensic.plan_encode(folder / "in.mkv", tmp_path / "out.mkv", filters=filters)
    assert (plan.frames, plan.info.width) == (3, 32)
    for passes in (1, 2):
        rate = sensic.RateTarget(bitrate=2_000, passes=passes)
        low = sensic.plan_encode(folder / "in.mkv", tmp_path / "out.mkv", rate=rate)
        high = sensic.plan_encode(
            folder / "in.mkv", tmp_path / "out.mkv", rate=sensic.RateTarget(bitrate=500_000, passes=passes)
        )
        assert low.quality < high.quality
    assert os.listdir(tmp_path) == []


def test_the_profile_sensing(folder: Path, tmp_path: Path) -> None:
    plan = sensic.plan_encode(
        folder / "in.mkv", tmp_path / "out.mkv", profile="sensing", sensing=SensingSettings(frames=2)
    )
    assert (plan.gop, plan.groups, plan.model) == (2, 4, None)


def test_decode(folder: Path, tmp_path: Path) -> None:
    plan = sensic.plan_decode(folder / "stream.mkv", tmp_path / "out.mp4", codec="libx264")
    assert (plan.frames, plan.groups, plan.container, plan.codec) == (7, 2, "mp4", "libx264")
    plan = sensic.plan_decode((folder / "stream.mkv").read_bytes(), "-")
    assert (plan.container, plan.codec) == ("yuv4mpegpipe", None)
    plan = sensic.plan_decode(folder / "stream.mkv", tmp_path / "out.mkv")
    assert plan.codec == "ffv1"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("source", "destination", "options"),
    [
        ("none.mkv", "out.mkv", {}),
        ("text.txt", "out.mkv", {}),
        ("in.mkv", "in.mkv", {}),
        ("in.mkv", "none/out.mkv", {}),
        ("in.mkv", ".", {}),
        ("in.mkv", "out.mkv", {"quality": 64}),
        ("in.mkv", "out.mkv", {"gop": 0}),
        ("in.mkv", "out.mkv", {"preset": "slowest"}),
        ("in.mkv", "out.mkv", {"model": "none"}),
        ("in.mkv", "out.mkv", {"threads": 0}),
        ("in.mkv", "out.mkv", {"profile": "magic"}),
        ("in.mkv", "out.mkv", {"sensing": SensingSettings()}),
        ("in.mkv", "out.mkv", {"profile": "sensing", "low_latency": True, "sensing": SensingSettings(frames=4)}),
        ("in.mkv", "out.mkv", {"filters": sensic.Filters(crop="4000:10")}),
        ("in.mkv", "out.mkv", {"workers": 0}),
        ("in.mkv", "out.mkv", {"workers": 2, "low_latency": True}),
        ("in.mkv", "out.mkv", {"workers": 2, "threads": 2}),
        ("in.mkv", "out.mkv", {"profile": "sensing", "rate": sensic.RateTarget(bitrate=10_000)}),
        ("in.mkv", "out.mkv", {"rate": sensic.RateTarget(bitrate=10_000, passes=2), "low_latency": True}),
        ("in.mkv", "out.mkv", {"rate": sensic.RateTarget(max_size=100)}),
    ],
    ids=str,
)
def test_errors_of_encode(
    folder: Path, monkeypatch: pytest.MonkeyPatch, source: str, destination: str, options: Any
) -> None:
    _same_error(folder, monkeypatch, sensic.encode, sensic.plan_encode, source, destination, options)


@pytest.mark.parametrize(
    ("source", "destination", "options"),
    [
        ("none.mkv", "out.mkv", {}),
        ("in.mkv", "out.mkv", {}),
        ("damaged.mkv", "out.mkv", {}),
        ("stream.mkv", "stream.mkv", {}),
        ("stream.mkv", "out", {}),
        ("stream.mkv", "none/out.mkv", {}),
        ("stream.mkv", "out.mkv", {"codec": "none"}),
        ("stream.mkv", "out.mkv", {"codec": "libx264", "options": {"crf": "x"}}),
        ("stream.mkv", "out.mkv", {"format": "none"}),
        ("stream.mkv", "out.y4m", {"codec": "libx264"}),
        ("stream.mkv", "out.mkv", {"model": "none"}),
        ("stream.mkv", "out.mkv", {"layers": 1}),
        ("stream.mkv", io.BytesIO(), {}),
    ],
    ids=lambda value: "file" if isinstance(value, io.BytesIO) else str(value),
)
def test_errors_of_decode(
    folder: Path, monkeypatch: pytest.MonkeyPatch, source: str, destination: Any, options: Any
) -> None:
    _same_error(folder, monkeypatch, sensic.decode, sensic.plan_decode, source, destination, options)


def _same_error(folder: Path, monkeypatch: pytest.MonkeyPatch, real: Any, plan: Any, *words: Any) -> None:
    source, destination, options = words
    monkeypatch.chdir(folder)
    before = sorted(os.listdir())
    with pytest.raises(sensic.SensicError) as planned:
        plan(source, destination, **options)
    assert sorted(os.listdir()) == before
    with pytest.raises(sensic.SensicError) as done:
        real(source, destination, **options)
    assert (type(planned.value), str(planned.value)) == (type(done.value), str(done.value))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_is_read_only(folder: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(sensic.OutputError, match="Permission denied"):
        sensic.plan_encode(folder / "in.mkv", tmp_path / "out.mkv")
