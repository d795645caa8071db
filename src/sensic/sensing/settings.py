"""What a stream of the sensing profile says of its operator and coder: 32 bytes in the header.

Layout (integers little-endian): byte kind of the operator, byte frames of a group, byte coder, byte flags (bit 0: layer
0 is there twice), 2 bytes measurements, 2 bytes 0, 8 bytes seed, 16 bytes fingerprint.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sensic.errors import DamagedError, UsageError, VersionError
from sensic.sensing.operators import LearnedTernary, Operator, Scrambled, Transform, WalshHadamard
from sensic.sensing.operators.protocol import FRAMES

OPERATORS = {"wht": 0, "scrambled": 1, "learned_ternary": 3}
"""Kinds that streams are made with, and their numbers in a header."""

_LAYOUT = struct.Struct("<BBBBHHQ16s")
_CODERS, _PROTECTED = 2, 1


@dataclass(frozen=True)
class SensingSettings:
    """How a camera measures and codes.

    ``operator`` is wht, scrambled or learned_ternary; ``frames`` 1, 2 or 4 are measured together; ``seed`` (0 to
    2⁶⁴ − 1) and ``measurements`` (of a 16×16 block, 1 to 256) are those of scrambled. ``mcu`` codes with Golomb–Rice
    codes, without any multiplication; ``protect`` sends the coarsest packet of each group twice. Raises UsageError.
    """

    operator: str = "wht"
    frames: int = 4
    seed: int = 0
    measurements: int = Scrambled.gain
    mcu: bool = False
    protect: bool = False

    def __post_init__(self) -> None:
        if self.operator not in OPERATORS:
            raise UsageError(f"operator is one of {', '.join(OPERATORS)}, not {self.operator!r}")
        if self.frames not in FRAMES:
            raise UsageError(f"frames is one of {', '.join(map(str, FRAMES))}, not {self.frames}")
        if self.operator != "scrambled" and (self.seed or self.measurements != Scrambled.gain):
            raise UsageError("seed and measurements are of the operator scrambled")
        _ = self.built  # its errors come now

    @cached_property
    def built(self) -> Transform | Scrambled:
        """The operator itself."""
        if self.operator == "wht":
            return WalshHadamard(self.frames)
        if self.operator == "learned_ternary":
            return LearnedTernary(self.frames)
        return Scrambled(self.seed, self.measurements, self.frames)

    def pack(self) -> bytes:
        """The 32 bytes of a header."""
        scrambled = self.operator == "scrambled"
        return _LAYOUT.pack(
            OPERATORS[self.operator], self.frames, int(self.mcu), _PROTECTED * self.protect,
            self.measurements if scrambled else 0, 0, self.seed, fingerprint(self.built),
        )  # fmt: skip

    @classmethod
    def unpack(cls, data: bytes) -> SensingSettings:
        """The inverse of ``pack``. Raises VersionError for what this Sensic doesn't know, DamagedError where the
        operator isn't the one that measured."""
        kind, frames, coder, flags, measurements, rest, seed, wanted = _LAYOUT.unpack(data)
        names = {number: name for name, number in OPERATORS.items()}
        if kind not in names or coder >= _CODERS or flags > _PROTECTED or rest:
            raise VersionError("the stream was measured or coded in a way newer than this Sensic: please update")
        name = names[kind]
        try:
            settings = cls(name, frames, seed, measurements or Scrambled.gain, bool(coder), bool(flags))
        except UsageError as error:
            raise DamagedError(f"the stream header makes no sense: {error}") from error
        if fingerprint(settings.built) == wanted:
            return settings
        if isinstance(settings.built, LearnedTernary):
            raise VersionError(
                f"the stream was measured by learned_ternary {wanted.hex()}; this Sensic has {settings.built.model}"
            )
        raise DamagedError(f"the operator {name} with seed {seed} isn't the one that measured this stream")


def fingerprint(operator: Operator) -> bytes:
    """16 bytes that tell operators apart: of a learned one the hash of its matrix, of others that of what they measure
    of a fixed group of 2 × 2 blocks."""
    if isinstance(operator, LearnedTernary):
        return bytes.fromhex(operator.model)
    t, r, c = np.ogrid[: operator.frames, : 2 * operator.block, : 2 * operator.block]
    measured = operator.forward((37 * t + 11 * r * r + 3 * r * c + 5 * c) % 256)
    return hashlib.sha256(measured.astype("<i4").tobytes()).digest()[:16]
