"""What both sides write and read of a frame besides its latents: its quality, and the closing checksum of a block."""

from __future__ import annotations

import numpy as np

from sensic.entropy import FrequencyTable, SymbolDecoder, SymbolEncoder
from sensic.entropy.coder import TOTAL
from sensic.errors import DamagedError
from sensic.model.model import QUALITIES

# One in 4,096 frames is expected to depart from the quality that the header and the model's pattern give.
_DEPARTS = FrequencyTable([TOTAL - (TOTAL >> 12), TOTAL >> 12])
_QUALITY = FrequencyTable.uniform(QUALITIES)
_AGAIN = FrequencyTable([TOTAL >> 4, TOTAL - (TOTAL >> 4)])  # a picture that was repeated once mostly stays
_BYTE = FrequencyTable.uniform(256)


def _one(value: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.array([value], np.int32)


def write_quality(coder: SymbolEncoder, quality: int, expected: int, *, repeated: bool = False) -> None:
    """``repeated``: the frame before, in the same block, showed the last picture again."""
    if repeated:
        coder.encode(_one(0), _AGAIN)
    coder.encode(_one(quality != expected), _DEPARTS)
    if quality != expected:
        coder.encode(_one(quality), _QUALITY)


def write_repeat(coder: SymbolEncoder, expected: int, *, repeated: bool) -> None:
    """A frame that departs from the expected quality to that very quality shows the last picture again."""
    if repeated:
        coder.encode(_one(1), _AGAIN)
        return
    coder.encode(_one(1), _DEPARTS)
    coder.encode(_one(expected), _QUALITY)


def read_quality(coder: SymbolDecoder, expected: int, *, repeats: bool, repeated: bool) -> int | None:
    """The quality of a frame; None where it shows the last picture again, in a block that ``repeats``."""
    if repeated and coder.decode(1, _AGAIN)[0]:
        return None
    if not coder.decode(1, _DEPARTS)[0]:
        return expected
    quality = int(coder.decode(1, _QUALITY)[0])
    return None if repeats and quality == expected else quality


def write_checksum(coder: SymbolEncoder, checksum: int) -> None:
    """The low 16 bits of the CRC-32C over all symbols of the group so far."""
    coder.encode(np.array([checksum & 255, checksum >> 8 & 255], np.int32), _BYTE)


def check_checksum(coder: SymbolDecoder, checksum: int) -> None:
    low, high = coder.decode(2, _BYTE)
    if int(low) | int(high) << 8 != checksum & 0xFFFF:
        raise DamagedError(
            "the decoded symbols differ from those encoded: the stream or a backend's arithmetic is faulty"
        )
