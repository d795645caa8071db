"""Which decoder a stream needs: its header's profile says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sensic.codec.decoder import Decoder
from sensic.codec.engine import DEFAULT_BACKEND, decoding_backend, model_of
from sensic.container import Block, StreamHeader
from sensic.errors import UsageError, VersionError
from sensic.model import Model
from sensic.sensing import SensingDecoder
from sensic.video import Frame

PROFILES = ("neural", "sensing")
"""Those that this Sensic codes."""


@dataclass(frozen=True)
class SensingView:
    """How to look at a stream of the sensing profile: ``decoder`` linear, tv or learned (None: learned where a model
    is given, else linear), ``layers`` how many to look at (None: all), ``uncertainty`` instead of pictures."""

    decoder: str | None = None
    layers: int | None = None
    uncertainty: bool = False


Check = Callable[[Block], None]
"""Raises DamagedError for a block whose symbols are damaged. It is given every block that a decoder is given."""


class PictureDecoder(Protocol):
    def frames(self, blocks: Iterable[Block]) -> Iterator[Frame]:
        """Frames in order. ``blocks`` begins with one that starts a group."""


def decoder_for(
    header: StreamHeader,
    model: str | Path | Model | None,
    threads: int | None,
    view: SensingView | None = None,
    precision: str = "float",
    backend: str = DEFAULT_BACKEND,
) -> PictureDecoder:
    """The decoder of a stream; ``precision`` and ``backend`` as in ``sensic.codec.engine``.

    Raises UsageError, WrongModelError, ModelError, BackendError, VersionError.
    """
    view = view or SensingView()
    if header.profile == "sensing":
        if threads is not None and threads < 1:
            raise UsageError(f"threads is 1 or more, not {threads}")
        if backend != DEFAULT_BACKEND:
            raise UsageError(f"streams of the profile sensing are decoded with {DEFAULT_BACKEND}, not {backend}")
        loaded = Model.load(model) if model is not None else None
        return SensingDecoder(
            header, view.decoder, model=loaded, threads=threads, keep=view.layers, uncertainty=view.uncertainty
        )
    if header.profile != "neural":
        raise VersionError(f"the profile {header.profile} is newer than this Sensic: please update")
    if view != SensingView():
        raise UsageError("decoder, layers and uncertainty are for streams of the profile sensing; this one is neural")
    chosen = model_of(header, model)
    return Decoder(chosen, decoding_backend(chosen, threads, precision, backend), header)


def check_for(decoder: PictureDecoder) -> Check | None:
    """What finds damage in a block before ``decoder`` shows a frame of it; None where that does so itself."""
    return decoder.twin().check if isinstance(decoder, Decoder) else None
