"""Measurement operators: integers in, integers out, described by a kind and a seed.

An operator takes a group of frames ``x`` [..., frames, H, W] (H and W multiples of ``block``) to measurements ``y``
[..., bands, H / block, W / block], int32: every block of ``frames`` × ``block`` × ``block`` samples gives ``bands``
numbers. ``forward`` and ``adjoint`` are exact; the names are those of deepinv's physics. Blocks never mix, so that a
camera needs to keep ``block`` lines and no picture.
"""

from __future__ import annotations

from collections.abc import Mapping

from sensic.errors import UsageError
from sensic.sensing.operators.cacti import Cacti
from sensic.sensing.operators.protocol import Operator, Spec
from sensic.sensing.operators.scrambled import Scrambled
from sensic.sensing.operators.ternary import LearnedTernary
from sensic.sensing.operators.walsh_hadamard import WalshHadamard

__all__ = [
    "KINDS",
    "Cacti",
    "LearnedTernary",
    "Operator",
    "Scrambled",
    "Spec",
    "Transform",
    "WalshHadamard",
    "operator",
]

Transform = WalshHadamard | LearnedTernary
"""Whose bands are in order of sequency, the first one the sum of a block: ``gain`` times its mean."""

KINDS = ("wht", "scrambled", "cacti", "learned_ternary")
_FIELDS = {
    "wht": ("frames",),
    "scrambled": ("frames", "seed", "measurements"),
    "cacti": ("frames", "seed", "block"),
    "learned_ternary": ("frames", "model"),
}


def operator(spec: Mapping[str, int | str]) -> Operator:
    """The operator that ``spec`` (as ``Operator.spec`` gives it) describes. Raises UsageError, which names the kinds
    or the fields, for what describes none, and for a learned operator that is not the one that ships."""
    fields = dict(spec)
    kind = fields.pop("kind", None)
    if kind not in KINDS:
        raise UsageError(f"an operator's kind is one of {', '.join(KINDS)}, not {kind!r}")
    allowed = _FIELDS[kind]
    if unknown := sorted(fields.keys() - set(allowed)):
        raise UsageError(f"{kind} has {', '.join(allowed)}, not {', '.join(unknown)}")
    model = fields.pop("model", None)
    numbers: dict[str, int] = {}
    for name, value in fields.items():
        if isinstance(value, bool) or not isinstance(value, int):
            raise UsageError(f"{name} of {kind} is a whole number, not {value!r}")
        numbers[name] = value
    if kind == "learned_ternary":
        learned = LearnedTernary(numbers.get("frames", 1))
        if model not in (None, learned.model):
            raise UsageError(f"the learned operator that ships is {learned.model}, not {model}")
        return learned
    if kind == "wht":
        return WalshHadamard(**numbers)
    return Scrambled(**numbers) if kind == "scrambled" else Cacti.seeded(**numbers)
