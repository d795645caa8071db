"""The binary adaptive range coder of the sensing profile: 32 bits, no division, no heap in C.

A context's 16-bit probability that its next bit is 1 moves by 1/32 towards each bit that comes.
"""

from __future__ import annotations

from collections.abc import Callable

from sensic.errors import DamagedError

Bit = Callable[[int], int]

RAW = -1
"""The context of a bit that is as likely 0 as 1."""
MOST_DIGITS = 20

_TOP, _FULL = 1 << 24, (1 << 32) - 1


def encode(contexts: list[int], bits: list[int], probabilities: list[int]) -> bytes:
    """All ``bits`` (0 or 1), each in its context, RAW or an index of ``probabilities``, which adapt in place."""
    low, span, out = 0, _FULL, bytearray()
    for context, bit in zip(contexts, bits, strict=True):
        if context < 0:
            span >>= 1
            if bit:
                low += span
        else:
            p = probabilities[context]
            bound = (span >> 12) * (p >> 4)
            if bit:
                span = bound
                probabilities[context] = p + (65536 - p >> 5)
            else:
                low += bound
                span -= bound
                probabilities[context] = p - (p >> 5)
        while span < _TOP:
            if low > _FULL:
                low &= _FULL
                _carry(out)
            out.append(low >> 24)
            low = low << 8 & _FULL
            span <<= 8
    return _finished(low, span, out)


def _carry(out: bytearray) -> None:
    place = len(out) - 1
    while out[place] == 255:
        out[place] = 0
        place -= 1
    out[place] += 1


def _finished(low: int, span: int, out: bytearray) -> bytes:
    """With the number between low and low + span that ends in the most zero bytes; zeros at the end are left out."""
    for zeros in (24, 16, 8, 0):
        end = low + (1 << zeros) - 1 >> zeros << zeros
        if end < low + span:
            break
    if end > _FULL:
        _carry(out)
    return bytes(out + (end & _FULL).to_bytes(4, "big")).rstrip(b"\0")


def decoder(body: bytes, probabilities: list[int]) -> tuple[Bit, Bit]:
    """Two functions: ``bit(context)``, which adapts ``probabilities`` in place, and ``raw(count)``, that many raw bits
    as a number, the first one highest. Closures, as in Python they are the fastest there is."""
    data = body + bytes(8)
    end, place = len(data), 4
    code, span = int.from_bytes(data[:4], "big"), _FULL

    def bit(context: int) -> int:
        nonlocal code, span, place
        p = probabilities[context]
        bound = (span >> 12) * (p >> 4)
        if code < bound:
            span = bound
            probabilities[context] = p + (65536 - p >> 5)
            value = 1
        else:
            code -= bound
            span -= bound
            probabilities[context] = p - (p >> 5)
            value = 0
        while span < _TOP:
            span <<= 8
            code = (code << 8 | (data[place] if place < end else 0)) & _FULL
            place += 1
        return value

    def raw(count: int) -> int:
        nonlocal code, span, place
        value = 0
        for _ in range(count):
            span >>= 1
            value <<= 1
            if code >= span:
                code -= span
                value |= 1
            if span < _TOP:
                span <<= 8
                code = (code << 8 | (data[place] if place < end else 0)) & _FULL
                place += 1
        return value

    return bit, raw


def read_length(bit: Bit, raw: Bit, context: int, most: int) -> int:
    """A length code whose digits are counted in ``context`` to ``context + most``. Raises DamagedError."""
    digits = 0
    while bit(context + min(digits, most)):
        digits += 1
        if digits > MOST_DIGITS:
            raise DamagedError("a packet holds a symbol that no encoder writes")
    return 1 << digits - 1 | raw(digits - 1) if digits else 0
