"""Groups decoded side by side are those that come one after the other."""

from __future__ import annotations

import threading
from itertools import pairwise
from pathlib import Path

import pytest

import sensic
from sensic.codec import groups
from sensic.codec.decoder import Decoder
from sensic.codec.groups import side_by_side
from sensic.codec.profiles import decoder_for
from sensic.container import StreamReader
from sensic.errors import DamagedError, UsageError
from tests.codec.pictures import write_video
from tests.vectors.streams import HERE

MODEL = HERE / "model"
FRAMES = 11


@pytest.fixture(scope="module", params=[False, True], ids=["blocks of groups", "blocks of frames"])
def stream(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("groups")
    write_video(folder / "in.mkv", FRAMES, 48, 32)
    sensic.encode(folder / "in.mkv", folder / "s.mkv", model=MODEL, preset=0, gop=3, low_latency=request.param)
    return folder / "s.mkv"


def decoded(stream: Path, workers: int) -> bytes:
    path = stream.with_name(f"{workers}.y4m")
    assert sensic.decode(stream, path, model=MODEL, workers=workers).frames == FRAMES
    return path.read_bytes()


def test_the_pictures_are_the_same(stream: Path) -> None:
    alone = decoded(stream, 1)
    assert [decoded(stream, workers) for workers in (2, 3, 7)] == [alone] * 3


@pytest.mark.parametrize("held", [0, 48 * 32 * 3 // 2 * 3, 48 * 32 * 3 // 2 * 7])
def test_too_many_pictures_to_hold_come_one_after_the_other(
    stream: Path, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = decoded(stream, 1)
    monkeypatch.setattr(groups, "HELD_BYTES", held)
    assert decoded(stream, 3) == alone


def test_all_threads_end_when_nobody_wants_more(stream: Path) -> None:
    before = threading.active_count()
    with StreamReader(stream) as reader:
        decoder = decoder_for(reader.header, MODEL, 1)
        assert isinstance(decoder, Decoder)
        frames = side_by_side(decoder, reader.blocks(), 2)
        times = [next(frames).pts for _ in range(2)]
        frames.close()  # type: ignore[attr-defined]
    assert all(a < b for a, b in pairwise(times))
    assert threading.active_count() == before


def test_damage_in_any_group_is_an_error_and_leaves_nothing(stream: Path) -> None:
    data = bytearray(stream.read_bytes())
    data[-200] ^= 1
    damaged = stream.with_name("damaged.mkv")
    damaged.write_bytes(data)
    out = stream.with_name("damaged.y4m")
    with pytest.raises(DamagedError):
        sensic.decode(damaged, out, model=MODEL, workers=3)
    assert not out.exists()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"workers": 0}, "1 or more"),
        ({"workers": True}, "whole number"),
        ({"workers": 2, "threads": 2}, "workers or threads"),
        ({"workers": 2, "on_error": "conceal"}, "whole streams"),
        ({"workers": 2, "backend": "pytorch"}, "onnxruntime"),
    ],
)
def test_what_contradicts_workers(stream: Path, options: dict[str, object], why: str) -> None:
    for call in (sensic.decode, sensic.plan_decode):
        with pytest.raises(UsageError, match=why):
            call(stream, stream.with_name("x.y4m"), model=MODEL, **options)  # type: ignore[operator]
