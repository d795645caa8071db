from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensic.codec.encoder import Encoder
from sensic.codec.refinement import ROUNDS, refined
from sensic.codec.settings import EncoderSettings
from sensic.model import Model
from sensic.runtime import OnnxBackend
from sensic.video import Filters, VideoSource
from tests.codec.test_rate import BUNNY


@given(st.integers(0, 2**32 - 1), st.integers(0, 12))
def test_what_the_picture_lacks_is_asked_for(seed: int, rounds: int) -> None:
    """A synthesis that loses a fifth, and rounding far finer than that."""
    wanted = np.random.default_rng(seed).normal(0, 20, (1, 2, 3, 4)).astype(np.float32)

    def decoded(asked: np.ndarray) -> np.ndarray:
        return np.rint(asked * 64).astype(np.float32) / 64

    def seen(latent: np.ndarray) -> np.ndarray:
        return latent * np.float32(0.8)

    asked = refined(wanted, decoded, seen, rounds)
    if rounds == 0:
        assert asked is wanted
    before, after = (np.abs(wanted - seen(decoded(one))).max() for one in (wanted, asked))
    assert after <= before + 0.02
    assert rounds < 12 or after < 0.6 * before


def test_a_first_frame_needs_fewer_bits_for_its_error() -> None:
    model = Model.default()
    backend = OnnxBackend(model, 1)
    with VideoSource(BUNNY, Filters(scale="320:180")) as video:
        frame = next(iter(video))

    def coded(quality: int, rounds: tuple[int, int]) -> tuple[float, float]:
        encoder = Encoder(model, backend, 320, 180, EncoderSettings(quality=quality, gop=1), rounds=rounds)
        list(encoder.blocks(iter([frame])))
        error = np.square(encoder._pixels.reference[:180].astype(float) - frame.y).mean()
        return -float(np.log(error)), sum(encoder.bits.values())

    curve = np.array([coded(quality, (0, 0)) for quality in (24, 30, 36)])
    better, bits = coded(30, ROUNDS[-1])
    assert curve[0, 0] < better < curve[-1, 0]
    assert bits < 0.99 * np.interp(better, *curve.T)
