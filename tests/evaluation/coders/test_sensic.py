"""Sensic is measured by the files that its own program writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import sensic
from sensic.errors import EvaluationError, ModelError, UsageError
from sensic.evaluation.coders import coder
from sensic.evaluation.coders.sensic import shares, strip_y4m
from sensic.networks.sensing import SensingSize, SensingVAE
from sensic.sensing import SensingSettings
from sensic.training.sensing.export import export_sensing
from tests.evaluation import footage
from tests.small_model import small_model

SPEC = f"sensic:{small_model().directory}"


@pytest.mark.parametrize(("width", "height", "depth"), [(96, 64, 8), (67, 49, 10)])
def test_what_is_measured_is_what_the_stream_holds(tmp_path: Path, width: int, height: int, depth: int) -> None:
    clip = footage.clip(tmp_path, width, height, depth, frames=7)
    tested = coder(f"{SPEC}@fast")
    encoded = tested.encode(clip, tmp_path / "o.mkv", 40, gop=3, threads=1)
    info = sensic.probe(encoded.path)
    assert (info.frames, info.groups, info.header.quality, info.header.gop) == (7, 3, 40, 3)
    assert info.header.model.hex() == small_model().id
    assert encoded.file_bytes == encoded.path.stat().st_size
    assert info.payload_bytes < encoded.payload_bytes < encoded.file_bytes  # blocks have a head and a checksum
    assert len(encoded.bits) == 7
    assert sum(encoded.bits) == pytest.approx(8 * encoded.payload_bytes)
    assert min(encoded.bits[:1]) > max(encoded.bits[1:3])  # the intra frame and the others of its group
    got = tested.decode(encoded.path, tmp_path / "o.yuv", clip=clip, threads=1)
    with sensic.open_video(encoded.path, model=small_model()) as video:
        assert footage.same(footage.raw_planes(got.path, clip.info), [frame.planes for frame in video])
    assert min(encoded.usage.seconds, encoded.usage.cpu, got.usage.seconds, got.usage.memory) > 0
    assert str(tmp_path) not in " ".join([*encoded.command, *got.command])
    assert encoded.command[:3] == ["OPENCV_FOR_THREADS_NUM=1", "sensic", "encode"]
    assert encoded.command[encoded.command.index("--preset") + 1] == "fast"
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".mkv") == ["o.yuv"]


def test_specifications() -> None:
    assert coder("sensic").spec == "sensic"
    assert coder("sensic").version == f"sensic {sensic.__version__}, model default {sensic.Model.load().id}"
    assert coder("sensic@fast").spec == "sensic:default@fast"
    assert coder("sensic:default@fast").spec == "sensic:default@fast"
    assert coder(SPEC).version.endswith(small_model().id)
    assert coder(SPEC).settings == (0, 16, 32, 47, 63)


@pytest.mark.parametrize(
    ("words", "decoder"), [("", "linear"), (":1@tv", "tv"), ("", "learned"), (":2:learned_ternary", "linear")]
)
def test_the_sensing_profile(tmp_path: Path, words: str, decoder: str) -> None:
    if decoder == "learned":
        model = export_sensing(SensingVAE(SensingSize(8, 1, 3, 8, 8, 2, 1)), tmp_path / "m", name="m", facts={})
        words = f":4@{model.directory}"
    clip = footage.clip(tmp_path, 67, 49, 8, frames=7)
    tested = coder(f"sensing{words}")
    together = int(words[1:2] or 4)
    operator = words[3:] if "ternary" in words else "wht"
    measured = f"sensing:{together}" + (f":{operator}" if operator != "wht" else "")
    assert tested.spec == (f"{measured}@{model.directory}" if decoder == "learned" else f"{measured}@{decoder}")
    encoded = tested.encode(clip, tmp_path / "o.mkv", 40, gop=3, threads=1)
    info = sensic.probe(encoded.path)
    assert (info.frames, info.groups, info.header.profile) == (7, -(-7 // together), "sensing")
    assert SensingSettings.unpack(info.header.model).operator == operator
    assert len(encoded.bits) == 7
    assert sum(encoded.bits) == pytest.approx(8 * encoded.payload_bytes)
    got = tested.decode(encoded.path, tmp_path / "o.yuv", clip=clip, threads=1)
    sensic.decode(encoded.path, tmp_path / "o.y4m", decoder=decoder, model=model if decoder == "learned" else None)
    strip_y4m(tmp_path / "o.y4m", tmp_path / "wanted.yuv", 67 * 49 + 2 * 34 * 25)
    assert got.path.read_bytes() == (tmp_path / "wanted.yuv").read_bytes()


def test_bad_specifications_of_the_sensing_profile(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"frames is one of 1, 2, 4, not 3"):
        coder("sensing:3")
    with pytest.raises(UsageError, match=r"operator is one of wht, .*, not 'hadamard'"):
        coder("sensing:hadamard")
    with pytest.raises(UsageError, match="no model of the profile sensing"):
        coder(f"sensing@{small_model().directory}")
    with pytest.raises(ModelError, match="no-such-model"):
        coder("sensing@no-such-model")


def test_a_folder_may_have_an_at_sign(tmp_path: Path) -> None:
    folder = tmp_path / "me@home"
    folder.symlink_to(small_model().directory)
    assert coder(f"sensic:{folder}").version == coder(SPEC).version
    assert coder(f"sensic:{folder}@slow").spec == f"sensic:{folder}@slow"


def test_bad_specifications_and_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"preset is 0 to 9 or one of .*, not 'hasty'"):
        coder("sensic@hasty")
    with pytest.raises(ModelError, match="no-such-model"):
        coder("sensic:no-such-model")
    clip = footage.clip(tmp_path, frames=2)
    with pytest.raises(UsageError, match=r"a whole number from 0 to 63, not 1\.5"):
        coder(SPEC).encode(clip, tmp_path / "o.mkv", 1.5, gop=2, threads=1)
    with pytest.raises(UsageError, match="a whole number from 0 to 63, not 64"):
        coder(SPEC).encode(clip, tmp_path / "o.mkv", 64, gop=2, threads=1)


def test_its_own_errors_are_quoted(tmp_path: Path) -> None:
    clip = footage.clip(tmp_path, frames=2)
    with pytest.raises(EvaluationError, match=r"sensic failed: sensic: gop is a whole number of frames from 1 to 600"):
        coder(SPEC).encode(clip, tmp_path / "o.mkv", 3, gop=601, threads=1)
    with pytest.raises(EvaluationError, match="sensic failed: "):
        coder(SPEC).decode(clip.path, tmp_path / "o.yuv", clip=clip, threads=1)
    assert not (tmp_path / "o.yuv").exists()


@given(st.lists(st.tuples(st.floats(1, 1e6), st.lists(st.floats(0.1, 1e5), min_size=1, max_size=5)), max_size=5))
def test_shares_sum_to_each_packet(groups: list[tuple[float, list[float]]]) -> None:
    ideal = [length for _, lengths in groups for length in lengths]
    bits = iter(shares([packet for packet, _ in groups], [len(lengths) for _, lengths in groups], ideal))
    for packet, lengths in groups:
        mine = [next(bits) for _ in lengths]
        assert sum(mine) == pytest.approx(packet)
        assert [b / packet for b in mine] == pytest.approx([length / sum(lengths) for length in lengths])
    assert not list(bits)


@given(st.lists(st.binary(min_size=6, max_size=6), max_size=4))
def test_pictures_of_a_y4m_file_may_hold_any_bytes(
    tmp_path_factory: pytest.TempPathFactory, frames: list[bytes]
) -> None:
    folder = tmp_path_factory.mktemp("y4m")
    (folder / "in.y4m").write_bytes(b"YUV4MPEG2 W2 H2\n" + b"".join(b"FRAME\n" + frame for frame in frames))
    strip_y4m(folder / "in.y4m", folder / "out.yuv", 6)
    assert (folder / "out.yuv").read_bytes() == b"".join(frames)
