"""Encoder against decoder, without files."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensic.codec.decoder import Decoder
from sensic.codec.encoder import Encoder, Prepared
from sensic.codec.settings import EncoderSettings
from sensic.container import Block, StreamHeader
from sensic.errors import DamagedError, UsageError
from sensic.model import Model
from sensic.runtime import OnnxBackend
from sensic.runtime.reference import ReferenceBackend
from sensic.video import Frame
from tests.codec.pictures import info, pictures
from tests.small_model import small_model

BACKEND = OnnxBackend(small_model(), 1)


class EncoderWithEyes(Encoder):
    """Keeps the encoder's own reconstruction of every picture."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.seen: list[np.ndarray] = []
        self.spent: list[float] = []
        self.tried: list[int] = []  # positions

    def _attempt(self, prepared: Prepared, raised: int, most: float) -> bool:
        self.tried.append(self._position)
        before = sum(self.bits.values())
        kept = super()._attempt(prepared, raised, most)
        if kept:
            self.seen.append(self._pixels.reference)
            self.spent.append(sum(self.bits.values()) - before)
        return kept


def encode(frames: list[Frame], **settings_: object) -> tuple[EncoderWithEyes, list[Block], StreamHeader]:
    chosen = EncoderSettings(**settings_)  # type: ignore[arg-type]
    first = frames[0]
    encoder = EncoderWithEyes(small_model(), BACKEND, first.width, first.height, chosen)
    blocks = list(encoder.blocks(iter(frames)))
    model = bytes.fromhex(small_model().id)
    picture = info(first.width, first.height, first.depth)
    return encoder, blocks, StreamHeader(model, chosen.quality, chosen.gop, picture, chosen.low_latency)


@settings(max_examples=15)
@given(
    st.integers(1, 7), st.integers(1, 70), st.integers(1, 50), st.sampled_from([8, 10]), st.integers(0, 63),
    st.integers(1, 4), st.booleans(), st.integers(0, 9),
)  # fmt: skip
def test_the_decoder_sees_what_the_encoder_saw(
    count: int, width: int, height: int, depth: int, quality: int, gop: int, low_latency: bool, effort: int
) -> None:
    frames = list(pictures(count, width, height, depth))
    encoder, blocks, header = encode(frames, quality=quality, gop=gop, low_latency=low_latency, effort=effort)
    groups = sum(block.starts_group for block in blocks)
    assert groups >= -(-count // gop)
    assert len(blocks) == (count if low_latency else groups)
    decoded = list(Decoder(small_model(), BACKEND, header).frames(iter(blocks)))
    assert [(f.pts, f.duration) for f in decoded] == [(f.pts, f.duration) for f in frames]
    for frame, seen in zip(decoded, encoder.seen, strict=True):
        assert (frame.width, frame.height, frame.depth) == (width, height, depth)
        luma = frame.y if depth == 8 else np.rint(frame.y * (255 / 1023))
        assert np.abs(luma.astype(int) - seen[:height, :width]).max() <= (0 if depth == 8 else 1)
    assert abs(sum(encoder.bits.values()) - 8 * sum(len(b.payload) for b in blocks)) <= 64 * len(blocks)


def test_symbols_decode_with_the_plain_reference() -> None:
    """Entropy decoding with NumPy integers alone reads what ONNX Runtime wrote."""
    _, blocks, header = encode(list(pictures(4)), quality=40)
    fast = list(Decoder(small_model(), BACKEND, header).symbols(iter(blocks)))
    plain = list(Decoder(small_model(), ReferenceBackend(small_model()), header).symbols(iter(blocks)))
    assert len(fast) == 4
    for a, b in zip(fast, plain, strict=True):
        assert a.quality == b.quality
        assert np.array_equal(a.latent, b.latent)
        assert (a.motion is None) == (b.motion is None)
        assert a.motion is None or np.array_equal(a.motion, b.motion)


def test_other_arithmetic_is_noticed() -> None:
    """A backend whose means are off by one step reads other symbols, and the checksum says so."""

    class Off:
        def run(self, graph: str, inputs: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
            results = BACKEND.run(graph, inputs)
            if graph == "hyper":
                return results[0], np.clip(results[1] + 9, 0, 63)
            return results

    _, blocks, header = encode(list(pictures(3)), quality=40)
    with pytest.raises(DamagedError):
        list(Decoder(small_model(), Off(), header).symbols(iter(blocks)))  # type: ignore[arg-type]


def test_a_stream_that_begins_inside_a_group_is_refused() -> None:
    _, blocks, header = encode(list(pictures(3)), low_latency=True)
    with pytest.raises(DamagedError, match="middle"):
        list(Decoder(small_model(), BACKEND, header).frames(blocks[1:]))


@settings(max_examples=30)
@given(st.data())
def test_damage_behind_the_checksums_never_passes_silently(data: st.DataObject) -> None:
    """Even with a repaired CRC: wrong symbols fail the checksum over symbols (1 in 65,536 would not)."""
    _, blocks, header = encode(list(pictures(3)), quality=30)
    payload = bytearray(blocks[0].payload)
    position = data.draw(st.integers(0, len(payload) - 9))
    payload[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DamagedError):
        list(Decoder(small_model(), BACKEND, header).frames([replace(blocks[0], payload=bytes(payload))]))


def test_an_attempt_that_is_dropped_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """When no inter frame is good enough every frame starts a group, and the stream is that of such groups."""
    frames = list(pictures(4))
    _, expected, _ = encode(frames, gop=1, low_latency=True)
    monkeypatch.setattr("sensic.codec.encoder.WORSE", 0.0)
    monkeypatch.setattr("sensic.codec.encoder.ALLOWED", 0.0)
    encoder, blocks, _ = encode(frames, gop=32, low_latency=True)
    assert [block.payload for block in blocks] == [block.payload for block in expected]
    assert all(block.starts_group for block in blocks)
    assert encoder.bits["motion"] == 0
    assert abs(sum(encoder.bits.values()) - 8 * sum(len(b.payload) for b in blocks)) <= 64 * 4


def test_content_on_which_the_networks_diverge_stays_a_picture() -> None:
    """Steep ramps that wrap round fell to 6 dB within three frames below quality 30."""
    model = Model.default()
    backend = OnnxBackend(model, 2)

    def ramp(number: int, height: int, width: int) -> np.ndarray:
        return (np.add.outer(np.arange(height) * 3, np.arange(width) * 2) + 4 * number).astype(np.uint8)

    frames = [Frame(ramp(n, 48, 64), ramp(n, 24, 32), ramp(n, 24, 32), 8, n, Fraction(1, 25)) for n in range(10)]
    for quality in (0, 20):
        encoder = Encoder(model, backend, 64, 48, EncoderSettings(quality=quality))
        header = StreamHeader(bytes.fromhex(model.id), quality, 32, info(64, 48))
        decoded = Decoder(model, backend, header).frames(encoder.blocks(iter(frames)))
        errors = [np.square(a.y.astype(float) - b.y).mean() for a, b in zip(decoded, frames, strict=True)]
        assert max(errors) < 1500  # 16 dB; a flat picture has 5,000


@pytest.mark.parametrize("low_latency", [False, True])
@pytest.mark.parametrize("quality", [0, 32, 63])
def test_a_still_picture_costs_next_to_nothing(quality: int, low_latency: bool) -> None:
    width, height = (352, 288) if low_latency else (176, 144)
    frame = next(iter(pictures(1, width, height)))
    still = [replace(frame, pts=100 * n) for n in range(8)]
    encoder, blocks, header = encode(still, quality=quality, low_latency=low_latency)
    spent = [bits / (width * height) for bits in encoder.spent]
    assert sum(spent[1:]) / 7 < 0.0005
    decoded = list(Decoder(small_model(), BACKEND, header).frames(iter(blocks)))
    assert [f.pts for f in decoded] == [f.pts for f in still]
    assert np.array_equal(decoded[0].y, decoded[-1].y)
    assert {block.repeats for block in blocks[low_latency:]} == {True}


@given(st.lists(st.integers(0, 2), min_size=2, max_size=9), st.integers(0, 63), st.integers(1, 9), st.booleans())
@settings(max_examples=15)
def test_repeats_are_those_of_pictures_that_stay(shown: list[int], quality: int, gop: int, low_latency: bool) -> None:
    """Any order of three pictures: what is decoded is what the encoder saw, and nothing repeats another picture."""
    some = list(pictures(40, 48, 32))[::19]
    frames = [replace(some[which], pts=100 * n) for n, which in enumerate(shown)]
    encoder, blocks, header = encode(frames, quality=quality, gop=gop, low_latency=low_latency)
    decoder = Decoder(small_model(), BACKEND, header)
    for frame, seen in zip(decoder.frames(iter(blocks)), encoder.seen, strict=True):
        assert np.array_equal(frame.y, seen)
    symbols = list(Decoder(small_model(), BACKEND, header).symbols(iter(blocks)))
    for n, item in enumerate(symbols):
        assert item.latent is not None or shown[n] == shown[n - 1]


def test_what_repeats_in_a_new_block_is_an_ordinary_frame_in_an_old_one() -> None:
    """Only the version of the block tells; a decoder that took one for the other finds another checksum."""
    frame = next(iter(pictures(1)))
    _, blocks, header = encode([replace(frame, pts=100 * n) for n in range(4)])
    with pytest.raises(DamagedError):
        list(Decoder(small_model(), BACKEND, header).symbols([replace(blocks[0], repeats=False)]))


def test_a_scene_begins_a_group_before_anything_of_it_is_coded() -> None:
    frames = [replace(frame, pts=100 * n) for n, frame in enumerate((*pictures(12), *pictures(12, seed=5)))]
    encoder, blocks, _ = encode(frames, quality=40)
    assert [len(block.frames) for block in blocks] == [12, 12]
    assert len(encoder.tried) - encoder.tried.count(0) == 22


@pytest.mark.parametrize(
    "wrong", [{"quality": -1}, {"quality": 64}, {"quality": 1.5}, {"gop": 0}, {"gop": 601}, {"quality": True}]
)
def test_settings_out_of_range(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=r"from \d+ to \d+"):
        EncoderSettings(**wrong)  # type: ignore[arg-type]
