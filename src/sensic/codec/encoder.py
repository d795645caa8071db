"""The encoder: frames in, blocks out. Knows no file and no framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import copy
from typing import Any

import cv2
import numpy as np

from sensic.codec import lookahead
from sensic.codec.frames import write_checksum, write_quality, write_repeat
from sensic.codec.importance import importance, worth
from sensic.codec.latents import Floats, LatentPath, SymbolChooser, SymbolWriter
from sensic.codec.lookahead import Lookahead, Prepared
from sensic.codec.pipeline import ahead
from sensic.codec.pixels import PixelPath, padded
from sensic.codec.quantisation import INTER_WORTH, INTRA_WORTH
from sensic.codec.rate import Constant, RateControl
from sensic.codec.refinement import ROUNDS, refined
from sensic.codec.repeats import Coded
from sensic.codec.settings import EncoderSettings
from sensic.container import Block, FrameRecord
from sensic.entropy import SymbolEncoder
from sensic.model import Model
from sensic.model.model import QUALITIES
from sensic.motion import BLOCK, MotionCoder, MotionSearch, Thoroughness
from sensic.runtime import Backend
from sensic.video import Frame

RETRIES = (0, 20, 40)  # by how much the quality of a group's first frame rises while the picture is no picture
WORSE = 4.0  # an inter frame this many times worse than the first of its group starts a new group
ALLOWED = 64.0  # squared error below which nothing is ever called bad
FORESEEING = 2  # the lowest effort that looks ahead; rate control always does
SHORTEST = 8  # frames from the start of a group to a scene cut that starts another


class Encoder:
    """Encodes pictures of one size and depth. ``bits`` sums the ideal code length by part: motion, z, y, other.

    The encoder looks at every picture that the decoder will see. One that is far worse than the group's first is not
    kept: the group ends before it and the frame starts a new one (a scene cut, or content on which the recurrence of
    the networks diverges). A first frame that is no picture is coded again with a higher quality. A frame that the last
    picture shows as well is not coded at all, but repeats it.
    """

    def __init__(
        self,
        model: Model,
        backend: Backend,
        width: int,
        height: int,
        settings: EncoderSettings,
        *,
        adaptive: bool = True,
        rate: RateControl | None = None,
        search: Thoroughness | None = None,
        foresight: int | None = None,
        rounds: tuple[int, int] | None = None,
    ) -> None:
        """``adaptive``, ``search``, ``foresight`` (frames looked ahead) and ``rounds`` (of refinement, for first frames
        and others) are for measuring what they gain; None is what the effort stands for."""
        self._model, self._backend, self._settings, self._adaptive = model, backend, settings, adaptive
        self._rate = rate or Constant(settings.quality)
        self._height, self._width = padded(height), padded(width)
        self._search = MotionSearch(self._width, self._height, search or settings.effort)
        if foresight is None:
            foresight = lookahead.FRAMES if settings.effort >= FORESEEING or rate is not None else 0
        alone = settings.low_latency or settings.gop == 1
        self._lookahead = Lookahead(self._search, 0 if alone else min(foresight, settings.gop))
        self._rounds = ROUNDS[settings.effort] if rounds is None else rounds
        self._motion = MotionCoder(self._height // BLOCK, self._width // BLOCK)
        self._pixels = PixelPath(model, backend, self._height, self._width)
        self._position = 0  # of the next frame in its group
        self._first_error = 0.0  # squared error of the group's first picture
        self._coded: Coded | None = None  # the last picture
        self._checksum = 0  # over the symbols of the group so far
        self._coder = SymbolEncoder()  # of the block at hand, with its frames
        self._records: list[FrameRecord] = []
        self._starts, self._repeats, self._repeated = True, False, False  # any frame of the block, and the last
        self.bits: dict[str, float] = {"motion": 0.0, "z": 0.0, "y": 0.0, "other": 0.0}
        self.frames = 0

    def blocks(self, frames: Iterable[Frame], on_frame: Callable[[], None] = lambda: None) -> Iterator[Block]:
        """One block per group of pictures, or per frame in low-latency mode, as soon as it is complete.

        ``on_frame`` is called after every frame.
        """
        with ThreadPoolExecutor(1, "sensic-entropy") as self._pool:
            for prepared in ahead(self._lookahead.frames(frames, moving=self._settings.gop > 1)):
                going_on = 0 < self._position < self._settings.gop
                going_on &= not (prepared.cut and self._position >= SHORTEST)
                spent = sum(self.bits.values())
                if not (going_on and self._fitted(prepared, 0, WORSE * self._first_error)):
                    yield from self._end_group()
                    self._first(prepared)
                self._rate.spent(self.frames, sum(self.bits.values()) - spent)
                self._records.append(FrameRecord(prepared.frame.pts, prepared.frame.duration))
                self._position += 1
                self.frames += 1
                on_frame()
                if self._settings.low_latency:
                    yield from self._end_block()
                    self._begin_block(starts_group=False)
            yield from self._end_block()

    def _first(self, prepared: Prepared) -> None:
        """Code the first frame of a group."""
        spread = float(prepared.luma.std()) ** 2  # the error of a picture that is flat
        for raised in RETRIES:
            most = float("inf") if raised == RETRIES[-1] else spread / 2
            if self._fitted(prepared, raised, most):
                return

    def _fitted(self, prepared: Prepared, raised: int, most: float) -> bool:
        """Like ``_attempt``, but again and again until the rate control is content with the size."""
        while True:
            kept, spent = self._state(), sum(self.bits.values())
            if not self._attempt(prepared, raised, most):
                return False
            if self._rate.fits(self.frames, sum(self.bits.values()) - spent):
                return True
            self._restore(kept)
            most = float("inf")

    def _state(self) -> dict[str, Any]:
        """All that coding a frame changes."""
        parts = {"_coder": self._coder.copy(), "_motion": self._motion.copy(), "_pixels": copy(self._pixels)}
        latents = {"_latents": self._latents.copy()} if self._position else {}
        rest = {name: vars(self)[name] for name in ("_first_error", "_coded", "_checksum", "_repeats", "_repeated")}
        return {**parts, **latents, **rest, "bits": dict(self.bits)}

    def _restore(self, state: dict[str, Any]) -> None:
        vars(self).update(state)

    def _attempt(self, prepared: Prepared, raised: int, most: float) -> bool:
        """Code a frame; keep nothing of it, and return False, where its squared error is above ``most``."""
        coder, kept = self._coder.copy(), dict(self.bits)
        inter = self._position > 0
        if not inter:
            self._motion.reset()
            shape = (self._height // BLOCK, self._width // BLOCK)
            self._latents = LatentPath(self._model, self._backend, *shape, self._adaptive)
        expected = self._model.frame_quality(self._settings.quality, self._position)
        wanted = self._rate.quality(self.frames, self._position, prepared.outlook, prepared.frame.time)
        quality = min(self._model.frame_quality(wanted, self._position) + raised, QUALITIES - 1)
        if inter and self._coded and self._coded.shows(prepared.planes, quality):
            with self._counting("other"):
                write_repeat(self._coder, expected, repeated=self._repeated)
            self._repeats = self._repeated = True
            return True
        with self._counting("other"):
            write_quality(self._coder, quality, expected, repeated=self._repeated)
        if inter:
            self._motion_field(prepared, quality)
        self._pixels.predict(self._motion.previous if inter else None, quality)
        worth = self._worth(prepared, wanted)
        y, z = self._latent(prepared, quality, worth)
        port = SymbolWriter(self._coder, self._model.tables, self._pool, worth)
        latent = self._latents.frame(port, self._motion.previous, quality, inter, y, z)
        picture = self._pixels.synthesise(latent, quality)
        port.flush()
        error = cv2.norm(self._pixels.reference, prepared.luma, cv2.NORM_L2SQR) / prepared.luma.size
        if not error <= max(most, ALLOWED):
            self._coder, self.bits = coder, kept
            return False
        for part, bits in port.bits.items():
            self.bits[part] += bits
        if not inter:
            self._first_error = error
        self._coded, self._repeated = Coded(quality, prepared.planes, picture), False
        self._checksum = self._latents.checksum
        return True

    def _latent(self, prepared: Prepared, quality: int, worth: Floats) -> tuple[Floats, Floats]:
        """Latent and hyper-latent of a frame whose prediction is known."""
        y, z = self._pixels.analyse(prepared.planes, quality)
        chooser, inter = SymbolChooser(self._model.tables, worth), self._position > 0

        def decoded(asked: Floats) -> Floats:
            return self._latents.copy().frame(chooser, self._motion.previous, quality, inter, asked, z)

        def seen(latent: Floats) -> Floats:
            return self._pixels.analyse(self._pixels.picture(latent, quality), quality)[0]

        return refined(y, decoded, seen, self._rounds[inter]), z

    def _worth(self, prepared: Prepared, quality: int) -> Floats:
        """Bits for a squared quantisation step in every block, for what follows in the group."""
        shape = (self._height // BLOCK, self._width // BLOCK)
        if not self._lookahead.ahead:
            return np.full(shape, INTER_WORTH if self._position else INTRA_WORTH, np.float32)
        links = prepared.links[: self._settings.gop - 1 - self._position]
        return worth(importance(links, min(max(quality, 0), QUALITIES - 1), shape))

    def _motion_field(self, prepared: Prepared, quality: int) -> None:
        """Choose and write the motion of an inter frame; the coder of motion remembers it."""
        assert prepared.candidates is not None
        with self._counting("motion"):
            field = self._search.choose(
                prepared.luma, self._pixels.reference, prepared.candidates, self._motion.previous, quality, self._motion
            )
            self._motion.encode(field, self._coder)

    @contextmanager
    def _counting(self, part: str) -> Iterator[None]:
        """Add what is written meanwhile to the bits of a part."""
        before = self._coder.bits
        yield
        self.bits[part] += self._coder.bits - before

    def _begin_block(self, *, starts_group: bool) -> None:
        self._coder, self._records = SymbolEncoder(), []
        self._starts, self._repeats, self._repeated = starts_group, False, False

    def _end_block(self) -> Iterator[Block]:
        """The block so far, if it has frames."""
        if self._records:
            with self._counting("other"):
                write_checksum(self._coder, self._checksum)
            yield Block(tuple(self._records), self._starts, self._coder.finish(), repeats=self._repeats)

    def _end_group(self) -> Iterator[Block]:
        yield from self._end_block()
        self._begin_block(starts_group=True)
        self._position = 0
