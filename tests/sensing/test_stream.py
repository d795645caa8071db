"""The sensing profile from file to file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

import sensic
from sensic.container import FrameRecord, StreamHeader, StreamReader, StreamWriter
from sensic.errors import DamagedError, StreamError, UsageError, VersionError
from sensic.sensing import Packet, SensingDecoder, SensingEncoder, SensingSettings
from sensic.sensing.packets import split
from sensic.video import Frame, VideoInfo
from tests.codec.pictures import info, pictures, write_video

FRAMES = 10  # two groups of four, and half a one


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("videos") / "source.mkv", FRAMES)


def coded(frames: Sequence[Frame], quality: int, settings: SensingSettings) -> list[list[Packet]]:
    """The packets of every group."""
    encoder = SensingEncoder(settings, frames[0].depth, quality)
    return [split(block.payload) for block in encoder.blocks(frames)]


def decoded(
    groups: Iterable[Sequence[Packet]], frames: Sequence[Frame], settings: SensingSettings, keep: int | None = None
) -> list[Frame]:
    """What the linear decoder makes of packets; frames tell when and how large."""
    first = frames[0]
    facts = VideoInfo(width=first.width, height=first.height, depth=first.depth, time_base=first.time_base)
    header = StreamHeader(settings.pack(), 32, settings.frames, facts, profile="sensing")
    records = [block.frames for block in SensingEncoder(settings, first.depth, 0).blocks(frames)]
    return list(SensingDecoder(header, keep=keep).received(zip(records, groups, strict=True)))


def psnr(found: Sequence[Frame], frames: Sequence[Frame]) -> float:
    """Of luma, dB."""
    pairs = zip(found, frames, strict=True)
    error = np.mean([np.square(a.y.astype(np.float64) - b.y).mean() for a, b in pairs])
    return float(10 * np.log10((2 ** frames[0].depth - 1) ** 2 / max(error, 1e-9)))


def size(groups: Iterable[Iterable[Packet]]) -> int:
    return sum(len(packet.pack()) for group in groups for packet in group)


@pytest.mark.parametrize("mcu", [False, True], ids=["range", "mcu"])
@pytest.mark.parametrize("frames", [1, 2, 4])
@pytest.mark.parametrize(("width", "height", "depth"), [(64, 48, 8), (33, 17, 10), (1, 1, 8)])
def test_whole_measurements_are_lossless(
    tmp_path: Path, mcu: bool, frames: int, width: int, height: int, depth: int
) -> None:
    source = write_video(tmp_path / "source.mkv", 5, width, height, depth)
    stream, settings = tmp_path / "stream.mkv", SensingSettings(frames=frames, mcu=mcu)
    report = sensic.encode(source, stream, quality=63, profile="sensing", sensing=settings)
    assert report.frames == 5
    checked = sensic.verify(stream, reference=source)
    assert checked.psnr == (float("inf"),) * 3
    sensic.decode(stream, tmp_path / "back.mkv")
    with sensic.open_video(stream) as video:
        for frame, original in zip(video, pictures(5, width, height, depth), strict=True):
            assert (frame.time, frame.depth, frame.colour) == (original.time, depth, original.colour)
        np.testing.assert_array_equal(video[3].y, list(pictures(5, width, height, depth))[3].y)


@pytest.mark.parametrize("mcu", [False, True], ids=["range", "mcu"])
@pytest.mark.parametrize("frames", [1, 2, 4])
@pytest.mark.parametrize(("width", "height", "depth"), [(64, 48, 8), (33, 17, 10)])
def test_whole_measurements_of_the_learned_transform_are_lossless(
    tmp_path: Path, mcu: bool, frames: int, width: int, height: int, depth: int
) -> None:
    source = write_video(tmp_path / "source.mkv", 5, width, height, depth)
    stream, settings = tmp_path / "stream.mkv", SensingSettings("learned_ternary", frames, mcu=mcu)
    sensic.encode(source, stream, quality=63, profile="sensing", sensing=settings)
    assert sensic.verify(stream, reference=source).psnr == (float("inf"),) * 3
    assert sensic.probe(stream).sensing == settings


def test_a_learned_transform_has_every_decoder_but_the_network(tmp_path: Path, video: Path) -> None:
    stream, settings = tmp_path / "stream.mkv", SensingSettings("learned_ternary", protect=True)
    sensic.encode(video, stream, quality=32, profile="sensing", sensing=settings)
    found = {}
    for decoder in ("linear", "tv"):
        sensic.decode(stream, tmp_path / "back.mkv", decoder=decoder)
        with sensic.video.VideoSource(tmp_path / "back.mkv") as back:
            found[decoder] = psnr(list(back), list(pictures(FRAMES)))
    assert found["tv"] > found["linear"] - 0.5 > 20
    for arguments in ({"decoder": "learned"}, {"uncertainty": True}, {"model": "sensing"}):
        with pytest.raises(UsageError, match="for the operator wht, not learned_ternary: try linear"):
            sensic.decode(stream, tmp_path / "never.mkv", **arguments)
    assert not (tmp_path / "never.mkv").exists()


def test_another_learned_transform_is_refused() -> None:
    packed = SensingSettings("learned_ternary").pack()
    assert packed[0] == 3
    assert SensingSettings.unpack(packed) == SensingSettings("learned_ternary")
    with pytest.raises(VersionError, match=f"learned_ternary {bytes(16).hex()}; this Sensic has 25b3c888"):
        SensingSettings.unpack(packed[:16] + bytes(16))
    with pytest.raises(VersionError, match="newer"):
        SensingSettings.unpack(b"\x02" + packed[1:])


def test_scrambled_keeps_all_or_less(tmp_path: Path, video: Path) -> None:
    stream, quality = tmp_path / "stream.mkv", []
    for measurements in (64, 128, 256):
        settings = SensingSettings("scrambled", 2, seed=2**63 + 5, measurements=measurements)
        sensic.encode(video, stream, quality=63, profile="sensing", sensing=settings)
        psnr = sensic.verify(stream, reference=video).psnr
        assert psnr is not None
        quality.append(psnr[0])
    assert quality == sorted(quality)
    assert quality[1] < 40
    assert quality[2] == float("inf")


@pytest.mark.parametrize("mcu", [False, True], ids=["range", "mcu"])
@pytest.mark.parametrize("frames", [1, 4])
def test_rate_sweep(frames: int, mcu: bool) -> None:
    """Every quality is larger and better than the one below."""
    source, settings = list(pictures(4, 96, 64)), SensingSettings(frames=frames, mcu=mcu)
    rates, qualities = [], []
    for quality in range(8, 63, 6):
        groups = coded(source, quality, settings)
        rates.append(size(groups))
        qualities.append(psnr(decoded(groups, source, settings), source))
    assert rates == sorted(rates)
    assert qualities == sorted(qualities)
    assert qualities[-1] > 45


def test_noise_sweep() -> None:
    """More noise costs more bytes at one quality, and the error stays that of the quantiser and the dead zone."""
    source, settings = list(pictures(4, 96, 64)), SensingSettings()
    generator, rates = np.random.default_rng(0), []
    for deviation in (0, 2, 5, 10, 20):
        noisy = [
            replace(frame, y=np.clip(frame.y + generator.normal(0, deviation, frame.y.shape), 0, 255).astype(np.uint8))
            for frame in source
        ]
        groups = coded(noisy, 40, settings)
        rates.append(size(groups))
        step = 16.0  # of the orthonormal transform at this quality; a dead bin is less than two of them wide
        assert psnr(decoded(groups, noisy, settings), noisy) > 10 * np.log10(255**2 / step**2)
    assert rates == sorted(rates)
    assert rates[-1] > 1.5 * rates[0]


@pytest.mark.parametrize(
    "settings",
    [
        SensingSettings(frames=1),
        SensingSettings(),
        SensingSettings(mcu=True),
        SensingSettings("learned_ternary"),
        SensingSettings("learned_ternary", 1),
    ],
    ids=str,
)
def test_a_prefix_is_a_coarser_picture(settings: SensingSettings) -> None:
    source = list(pictures(8, 96, 64))
    groups = coded(source, 44, settings)
    most = max(packet.layer for packet in groups[0]) + 1
    steps = [psnr(decoded(groups, source, settings, keep), source) for keep in range(1, most + 1)]
    assert steps == sorted(steps)
    assert steps[0] > 15
    assert steps[-1] > steps[0] + 3
    # Packets beyond the prefix are not even looked at.
    prefix = [[packet for packet in group if packet.layer < 2] for group in groups]
    for one, other in zip(decoded(groups, source, settings, 2), decoded(prefix, source, settings), strict=True):
        np.testing.assert_array_equal(one.y, other.y)


def test_packet_loss() -> None:
    """0, 5, 10, 20 and 40% of the packets are lost: it gets worse little by little."""
    source, settings = list(pictures(32, 48, 32)), SensingSettings(protect=True)
    groups = coded(source, 26, settings)
    means = []
    for percent in (0, 5, 10, 20, 40):
        values = []
        for seed in range(2):
            lost = np.random.default_rng(seed)
            arrived = [[packet for packet in group if 100 * lost.random() >= percent] for group in groups]
            values.append(psnr(decoded(arrived, source, settings), source))
        means.append(float(np.mean(values)))
    assert means == sorted(means, reverse=True)
    assert means[-1] > 15


def test_a_lost_packet_touches_no_other() -> None:
    """Of what did arrive, every bin is what it is when all arrives; no other group changes."""
    source, settings = list(pictures(8, 48, 32)), SensingSettings()
    groups = coded(source, 40, settings)
    whole = SensingDecoder(_header(settings, info(48, 32)))
    complete = [whole._packets.bins(group) for group in groups]
    for lost in range(4):
        rest = [packet for packet in groups[0] if packet.layer != lost]
        for bins, full in zip(whole._packets.bins(rest), complete[0], strict=True):
            here = bins.arrived
            assert 0 < here.sum() < len(here)
            np.testing.assert_array_equal(bins.low[here], full.low[here])
            np.testing.assert_array_equal(bins.high[here], full.high[here])
        after = decoded([rest, groups[1]], source, settings)[4:]
        for one, other in zip(after, decoded(groups, source, settings)[4:], strict=True):
            np.testing.assert_array_equal(one.y, other.y)


def test_lost_means_follow_from_the_groups_around() -> None:
    still = [replace(next(pictures(1, 48, 32)), pts=number) for number in range(12)]
    groups, settings = coded(still, 50, SensingSettings()), SensingSettings()
    complete = decoded(groups, still, settings)
    for lost in range(3):  # of pictures that stand still, every neighbour tells all
        arrived = [group[1:] if number == lost else group for number, group in enumerate(groups)]
        for one, other in zip(decoded(arrived, still, settings), complete, strict=True):
            np.testing.assert_array_equal(one.y, other.y)
    assert psnr(decoded([group[1:] for group in groups], still, settings), still) < 25  # grey, if nobody knows


def test_a_lost_layer_leaves_the_other_groups_as_they_are() -> None:
    source, settings = list(pictures(12, 48, 32)), SensingSettings()
    groups = coded(source, 40, settings)
    complete = decoded(groups, source, settings)
    lossy = decoded([groups[0], groups[1][1:], groups[2]], source, settings)
    for number, (one, other) in enumerate(zip(lossy, complete, strict=True)):
        assert (one.y != other.y).any() == (4 <= number < 8)


def test_protection_is_the_first_packet_twice() -> None:
    source = list(pictures(4, 48, 32))
    plain, safe = coded(source, 40, SensingSettings())[0], coded(source, 40, SensingSettings(protect=True))[0]
    assert safe[:-1] == plain
    assert safe[-1] == replace(plain[0], repeated=True)
    settings = SensingSettings(protect=True)
    for one, other in zip(decoded([safe[1:]], source, settings), decoded([safe], source, settings), strict=True):
        np.testing.assert_array_equal(one.y, other.y)


def _header(settings: SensingSettings, facts: VideoInfo) -> StreamHeader:
    return StreamHeader(settings.pack(), 32, settings.frames, facts, profile="sensing")


def _with_header(stream: Path, changed: bytes) -> bytes:
    """The stream with other bytes where the operator is described."""
    out = BytesIO()
    with StreamReader(str(stream)) as reader:
        header = replace(reader.header, model=changed)
        with StreamWriter(out, header) as writer:
            for block in reader.blocks():
                writer.write(replace(block, last=False))
    return out.getvalue()


def test_a_wrong_seed_fails_loudly(tmp_path: Path, video: Path) -> None:
    stream = tmp_path / "stream.mkv"
    sensic.encode(video, stream, profile="sensing", sensing=SensingSettings("scrambled", 1, seed=5))
    good = SensingSettings("scrambled", 1, seed=5).pack()
    assert sensic.verify(_with_header(stream, good)).frames == FRAMES
    wrong = good[:8] + (6).to_bytes(8, "little") + good[16:]
    with pytest.raises(DamagedError, match="scrambled with seed 6 isn't the one"):
        sensic.verify(_with_header(stream, wrong))


@pytest.mark.parametrize("count", [5, 9])
def test_a_block_with_more_frames_than_are_measured_is_damaged(tmp_path: Path, video: Path, count: int) -> None:
    """Found by ``benchmarks.damage``: behind a repaired checksum the number of frames may be any."""
    stream, damaged = tmp_path / "stream.mkv", tmp_path / "damaged.mkv"
    sensic.encode(video, stream, profile="sensing", sensing=SensingSettings(frames=4))
    with StreamReader(str(stream)) as reader, StreamWriter(damaged, reader.header) as writer:
        first, *_, last = reader.blocks()
        writer.write(first)
        records = tuple(FrameRecord(last.frames[0].pts + 40 * n) for n in range(count))
        writer.write(replace(last, frames=records, last=False))
    with pytest.raises(DamagedError, match=f"a block has {count} frames, though 4 are measured together"):
        sensic.decode(damaged, tmp_path / "out.y4m")
    report = sensic.decode(damaged, tmp_path / "out.y4m", on_error="conceal")
    assert [one.frames for one in report.concealed] == [count]
    assert report.frames == 4 + count


@pytest.mark.parametrize("place", range(32))
def test_nothing_of_an_operator_can_change_unnoticed(place: int) -> None:
    """But for protection and the coder, which the operator has nothing to do with."""
    good = bytearray(SensingSettings("scrambled", 2, seed=77, measurements=50).pack())
    good[place] += 1
    if place in (2, 3):
        assert SensingSettings.unpack(bytes(good)).built.spec == {
            "kind": "scrambled", "seed": 77, "measurements": 50, "frames": 2,
        }  # fmt: skip
        return
    with pytest.raises((DamagedError, VersionError)):
        SensingSettings.unpack(bytes(good))


@pytest.mark.parametrize(
    "settings",
    [SensingSettings(), SensingSettings(frames=1, mcu=True), SensingSettings("scrambled", 4, 9, 33, protect=True)],
    ids=str,
)
def test_settings_come_back(settings: SensingSettings) -> None:
    assert SensingSettings.unpack(settings.pack()) == settings


def test_what_a_stream_says_of_itself(tmp_path: Path, video: Path) -> None:
    stream = tmp_path / "stream.mkv"
    report = sensic.encode(video, stream, quality=20, profile="sensing")
    assert sum(report.bits.values()) <= 8 * report.payload_bytes
    assert len(report.frame_bits) == FRAMES
    found = sensic.probe(stream)
    assert (found.frames, found.groups, found.header.gop) == (FRAMES, 3, 4)
    assert found.sensing == SensingSettings()
    assert found.to_json()["sensing"]["operator"] == "wht"
    with sensic.open_video(stream) as opened:
        whole = list(opened)
        for number in (9, 2, 5):
            np.testing.assert_array_equal(opened[number].y, whole[number].y)
        assert opened.at(Fraction(3, 25)).pts == whole[3].pts


def test_low_latency_is_a_block_for_each_frame(tmp_path: Path, video: Path) -> None:
    stream = tmp_path / "stream.mkv"
    sensic.encode(video, stream, profile="sensing", low_latency=True)
    assert sensic.probe(stream).groups == FRAMES
    with pytest.raises(UsageError, match="frames is 1"):
        sensic.encode(video, stream, profile="sensing", low_latency=True, sensing=SensingSettings(frames=4))


def test_total_variation_stays_in_the_bins(tmp_path: Path, video: Path) -> None:
    pytest.importorskip("skimage")
    stream = tmp_path / "stream.mkv"
    sensic.encode(video, stream, quality=26, profile="sensing")
    results = {}
    for decoder in ("linear", "tv"):
        sensic.decode(stream, tmp_path / "back.mkv", decoder=decoder)
        with sensic.video.VideoSource(tmp_path / "back.mkv") as back:
            results[decoder] = list(back)
    frames = list(pictures(FRAMES))
    assert psnr(results["tv"], frames) > psnr(results["linear"], frames) - 0.5
    assert any((a.y != b.y).any() for a, b in zip(results["tv"], results["linear"], strict=True))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"profile": "perceptual"}, "neural, sensing"),
        ({"sensing": SensingSettings()}, "for that profile"),
        ({"profile": "sensing", "quality": 64}, "0 to 63"),
    ],
)
def test_wrong_ways_to_encode(tmp_path: Path, video: Path, arguments: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        sensic.encode(video, tmp_path / "stream.mkv", **arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"decoder": "magic"}, "linear, tv, learned"),
        ({"layers": 5}, "1 to 4"),
        ({"layers": 0}, "1 to 4"),
        ({"uncertainty": True, "decoder": "linear"}, "only the learned"),
        ({"threads": 0}, "1 or more"),
    ],
)
def test_wrong_ways_to_decode(tmp_path: Path, video: Path, arguments: dict[str, object], says: str) -> None:
    stream = tmp_path / "stream.mkv"
    sensic.encode(video, stream, quality=10, profile="sensing")
    with pytest.raises(UsageError, match=says):
        sensic.decode(stream, tmp_path / "back.mkv", **arguments)


@pytest.mark.parametrize(
    "settings",
    [
        {"operator": "fourier"},
        {"frames": 3},
        {"seed": 1},
        {"measurements": 100},
        {"operator": "learned_ternary", "seed": 1},
        {"operator": "scrambled", "measurements": 0},
        {"operator": "scrambled", "seed": 2**64},
    ],
    ids=str,
)
def test_wrong_settings(settings: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        SensingSettings(**settings)


def test_a_hostile_stream_ends_in_one_error(tmp_path: Path, video: Path) -> None:
    """Bodies of noise with good checksums: an error of ours, or pictures, and never anything else."""
    stream, generator = tmp_path / "stream.mkv", np.random.default_rng(0)
    sensic.encode(video, stream, quality=10, profile="sensing")
    outcomes = set()
    for mcu in (False, True):
        for _ in range(10):
            out = BytesIO()
            with StreamReader(str(stream)) as reader:
                header = replace(reader.header, model=SensingSettings(mcu=mcu).pack())
                with StreamWriter(out, header) as writer:
                    for block in reader.blocks():
                        layers = generator.integers(0, 8, 5).tolist()
                        packets = [Packet(layer, 63, generator.bytes(100)) for layer in layers]
                        payload = b"".join(packet.pack() for packet in packets)
                        writer.write(replace(block, payload=payload, last=False))
            with suppress(StreamError):
                sensic.verify(out.getvalue())
                outcomes.add("pictures")
    assert outcomes == {"pictures"}
