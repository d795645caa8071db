"""Damages streams in many ways, and looks what becomes of them: ``python -m benchmarks.damage CLIP``.

Small streams of every profile are made of the clip. Each trial damages one of them and reads it three ways: decoded
strictly, decoded with concealment, and looked into (``probe``). Everything that is not an error of Sensic's own must be
the pictures that were coded, and what concealment passes off as good must be so too. Damage behind repaired checksums
may make another valid stream (other times, say): that is counted apart. A crash, or a trial that takes a minute, ends
its process and is counted. Writes ``damage.json`` and ``damage.md``.
"""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import typer

import sensic
from benchmarks.progress import progress_bar
from sensic.codec import profiles
from sensic.codec.concealment import Concealment
from sensic.codec.engine import decoding_backend
from sensic.codec.profiles import check_for, decoder_for
from sensic.container import Block, StreamReader
from sensic.container.integers import CRC_BYTES, seal
from sensic.errors import SensicError
from sensic.model import Model
from sensic.runtime import Backend
from sensic.video import Filters, Frame

Dice = random.Random
Picture = tuple[int, str]  # pts and digest

STREAMS: dict[str, dict[str, Any]] = {
    "groups": {"gop": 5},
    "ten bits, odd size": {"gop": 8, "filters": Filters(trim="0f:10f", scale="71:45", depth=10)},
    "low latency": {"gop": 5, "low_latency": True},
    "sensing": {"profile": "sensing"},
}
FILTERS = Filters(trim="0f:15f", scale="96:64")
PATIENCE = 60  # seconds
SLOW, SLACK = 5.0, 0.5
"""A trial is slow that takes so many times the CPU seconds of the whole stream, and so many seconds more."""
BATCH = 20
_FRESH = multiprocessing.get_context("spawn")  # a forked process inherits what only its parent can free


@dataclass(frozen=True)
class Stream:
    """``pieces`` are the file, cut where blocks begin; ``blocks`` are where each lies, with its checksum."""

    name: str
    data: bytes
    pictures: tuple[Picture, ...]
    seconds: float
    header: slice
    places: tuple[int, ...]
    blocks: tuple[slice, ...]

    @classmethod
    def of(cls, name: str, data: bytes) -> Stream:
        with StreamReader(data) as reader:
            header = reader.header.pack()
            blocks = [block.pack() for block in reader.blocks()]
            places = tuple(entry.place.position for entry in reader.index())
        began = time.process_time()
        with sensic.open_video(data, threads=1) as video:
            pictures = tuple(map(_picture, video))
        return cls(
            name, data, pictures, time.process_time() - began, _found(data, header), places,
            tuple(_found(data, block) for block in blocks),
        )  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """What became of one damaged stream: outcomes by way of reading, ``slow`` times the time of the whole stream."""

    kind: str
    stream: str
    outcomes: dict[str, str]
    slow: float


def _found(data: bytes, part: bytes) -> slice:
    start = data.index(part)
    return slice(start, start + len(part))


def _picture(frame: Frame) -> Picture:
    return frame.pts, hashlib.sha256(b"".join(plane.tobytes() for plane in frame.planes)).hexdigest()


# Ways to damage


def bits(stream: Stream, dice: Dice) -> bytes:
    data = bytearray(stream.data)
    for _ in range(dice.choice((1, 1, 2, 8))):
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
    return bytes(data)


def truncated(stream: Stream, dice: Dice) -> bytes:
    return stream.data[: dice.randrange(len(stream.data))]


def cut_out(stream: Stream, dice: Dice) -> bytes:
    start = dice.randrange(len(stream.data))
    return stream.data[:start] + stream.data[start + dice.randint(1, 400) :]


def noise_put_in(stream: Stream, dice: Dice) -> bytes:
    start = dice.randrange(len(stream.data))
    return stream.data[:start] + dice.randbytes(dice.randint(1, 400)) + stream.data[start:]


def spliced(stream: Stream, dice: Dice) -> bytes:
    """The beginning of one stream, the end of another."""
    other = dice.choice(streams())
    return stream.data[: dice.randrange(len(stream.data))] + other.data[dice.randrange(len(other.data)) :]


def _pieces(stream: Stream) -> list[bytes]:
    edges = [0, *stream.places, len(stream.data)]
    return [stream.data[a:b] for a, b in pairwise(edges)]


def swapped(stream: Stream, dice: Dice) -> bytes:
    pieces = _pieces(stream)
    a, b = dice.sample(range(1, len(pieces)), 2)
    pieces[a], pieces[b] = pieces[b], pieces[a]
    return b"".join(pieces)


def repeated(stream: Stream, dice: Dice) -> bytes:
    pieces = _pieces(stream)
    pieces.insert(dice.randint(1, len(pieces)), dice.choice(pieces[1:]))
    return b"".join(pieces)


def _resealed(stream: Stream, where: slice, dice: Dice, first: int = 0, last: int | None = None) -> bytes:
    body = bytearray(stream.data[where][:-CRC_BYTES])
    for _ in range(dice.choice((1, 1, 3))):
        body[dice.randrange(first, len(body) if last is None else last)] ^= dice.randint(1, 255)
    return stream.data[: where.start] + seal(bytes(body)) + stream.data[where.stop :]


def payload_repaired(stream: Stream, dice: Dice) -> bytes:
    where = dice.choice(stream.blocks)
    length = len(Block.unpack(stream.data[where]).payload)
    return _resealed(stream, where, dice, where.stop - where.start - CRC_BYTES - length)


def block_repaired(stream: Stream, dice: Dice) -> bytes:
    where = dice.choice(stream.blocks)
    length = len(Block.unpack(stream.data[where]).payload)
    return _resealed(stream, where, dice, 0, where.stop - where.start - CRC_BYTES - length)


def header_repaired(stream: Stream, dice: Dice) -> bytes:
    return _resealed(stream, stream.header, dice, 2)


def other_model(stream: Stream, dice: Dice) -> bytes:
    with StreamReader(stream.data) as reader:
        model = stream.data.index(reader.header.model, stream.header.start)
    body = bytearray(stream.data[stream.header][:-CRC_BYTES])
    start = model - stream.header.start
    body[start : start + 32] = dice.randbytes(32)
    return stream.data[: stream.header.start] + seal(bytes(body)) + stream.data[stream.header.stop :]


KINDS: tuple[Callable[[Stream, Dice], bytes], ...] = (
    bits, truncated, cut_out, noise_put_in, spliced, swapped, repeated, payload_repaired, block_repaired,
    header_repaired, other_model,
)  # fmt: skip
MAY_BE_VALID = (spliced, block_repaired, header_repaired)
"""Whose streams may be valid ones that are not the original: nothing can tell."""


# Reading


def strictly(data: bytes, stream: Stream) -> str:
    with sensic.open_video(data, threads=1) as video:
        pictures = tuple(map(_picture, video))
    return "the same pictures" if pictures == stream.pictures else "other pictures"


def concealing(data: bytes, stream: Stream) -> str:
    with StreamReader(data) as reader:
        decoder = decoder_for(reader.header, None, 1)
        concealment = Concealment(decoder, reader.header, check_for(decoder))
        pictures = tuple(map(_picture, concealment.frames(reader.survivors())))
    hidden = {n for one in concealment.intervals for n in range(one.first, one.first + one.frames)}
    shown = [picture for n, picture in enumerate(pictures) if n not in hidden]
    if not concealment.intervals:
        return "the same pictures" if pictures == stream.pictures else "other pictures"
    good = set(stream.pictures)
    return "concealed" if all(picture in good for picture in shown) else "other pictures"


def looking(data: bytes, stream: Stream) -> str:
    info = sensic.probe(io.BytesIO(data))
    return "the same number of frames" if info.frames == len(stream.pictures) else "another number of frames"


WAYS = {"strictly": strictly, "concealing": concealing, "probe": looking}


def outcome(way: Callable[[bytes, Stream], str], data: bytes, stream: Stream) -> str:
    try:
        return way(data, stream)
    except SensicError:
        return "reported"
    except Exception as error:  # what must not happen
        return f"a fault: {type(error).__name__}: {error}"


def trial(number: int) -> Trial:
    """The same for the same number."""
    signal.alarm(PATIENCE)
    dice = Dice(number)
    stream, kind = dice.choice(streams()), KINDS[number % len(KINDS)]
    data, began = kind(stream, dice), time.process_time()
    outcomes, slowest = {}, 0.0
    for name, way in WAYS.items():
        began = time.process_time()
        outcomes[name] = outcome(way, data, stream)
        slowest = max(slowest, time.process_time() - began - SLACK)
    signal.alarm(0)
    return Trial(kind.__name__.replace("_", " "), stream.name, outcomes, slowest / stream.seconds)


def trials(numbers: range) -> list[Trial]:
    return [trial(number) for number in numbers]


_FOLDER = Path(tempfile.gettempdir())


@cache
def streams() -> tuple[Stream, ...]:
    return tuple(Stream.of(name, (_FOLDER / f"{name}.mkv").read_bytes()) for name in STREAMS)


def use(folder: Path) -> None:
    """Called in every process: where the streams are. Networks are loaded once, which takes longer than a trial."""
    global _FOLDER
    _FOLDER = folder
    loaded: dict[tuple[Any, ...], Backend] = {}

    def once(model: Model, *options: Any) -> Backend:
        key = (model.id, *options)
        if key not in loaded:
            loaded[key] = decoding_backend(model, *options)
        return loaded[key]

    patch.object(profiles, "decoding_backend", once).start()


def make(clip: Path, folder: Path) -> None:
    for name, options in STREAMS.items():
        sensic.encode(clip, folder / f"{name}.mkv", **{"filters": FILTERS, "threads": 1, **options})


def campaign(folder: Path, count: int, jobs: int, first: int = 0) -> Iterator[list[Trial]]:
    """Batches of trials; one that ends its process is a trial whose outcomes are all "a crash"."""
    waiting: list[range] = [range(n, min(n + BATCH, first + count)) for n in range(first, first + count, BATCH)]
    while waiting:
        pool = ProcessPoolExecutor(jobs, _FRESH, initializer=use, initargs=(folder,))
        try:
            futures = [(numbers, pool.submit(trials, numbers)) for numbers in waiting]
            waiting = []
            for numbers, future in futures:
                try:
                    yield future.result()
                except BrokenProcessPool:
                    if len(futures) == 1 and len(numbers) == 1:
                        kind = KINDS[numbers[0] % len(KINDS)].__name__
                        yield [Trial(kind, f"trial {numbers[0]}", dict.fromkeys(WAYS, "a crash"), 0.0)]
                    elif len(futures) == 1:
                        waiting += [range(n, n + 1) for n in numbers]
                    else:
                        waiting.append(numbers)
        finally:
            pool.shutdown(cancel_futures=True)  # also where whoever wants the batches has had enough
        if len(waiting) > 1:  # the one that crashes is among them: one by one
            yield from (batch for numbers in waiting for batch in campaign(folder, len(numbers), 1, numbers[0]))
            waiting = []


def is_wrong(one: Trial) -> bool:
    """Whether it shows a fault of Sensic."""
    may_be_valid = one.kind in {kind.__name__.replace("_", " ") for kind in MAY_BE_VALID}
    found = [*one.outcomes.values()]
    if any(text.startswith("a ") for text in found) or one.slow > SLOW:
        return True
    return not may_be_valid and "other pictures" in found


def table(results: Iterable[Trial]) -> str:
    """Markdown: trials by kind, and how often each way of reading came to what."""
    rows: dict[str, Counter[str]] = {}
    for one in results:
        row = rows.setdefault(one.kind, Counter())
        row["trials"] += 1
        for way, text in one.outcomes.items():
            row[f"{way}: {'fault' if text.startswith('a ') else text}"] += 1
        row["slow"] += one.slow > SLOW
        row["wrong"] += is_wrong(one)
    columns = [
        "trials", "strictly: reported", "strictly: the same pictures", "strictly: other pictures",
        "concealing: concealed", "concealing: reported", "concealing: the same pictures", "concealing: other pictures",
        "slow", "wrong",
    ]  # fmt: skip
    total = sum(rows.values(), Counter[str]())
    lines = [f"| damage | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    for name, row in [*rows.items(), ("**all**", total)]:
        lines.append(f"| {name} | {' | '.join(f'{row[column]:,}' for column in columns)} |")
    return "\n".join(lines) + "\n"


def main(
    clip: Annotated[Path, typer.Argument(help="Any video of 15 frames or more.")],
    count: Annotated[int, typer.Option("--trials", min=1)] = 10_000,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    out: Annotated[Path, typer.Option(help="Folder for damage.json and damage.md.")] = Path("benchmarks/out"),
) -> None:
    """Damage streams and see that nothing damaged is shown as good."""
    results: list[Trial] = []
    with tempfile.TemporaryDirectory() as name, progress_bar() as bar:
        task = bar.add_task("damaging", total=count)
        make(clip, Path(name))
        with suppress(KeyboardInterrupt):  # what has been tried so far counts
            for batch in campaign(Path(name), count, jobs):
                results += batch
                bar.update(task, completed=len(results))
    wrong = [one for one in results if is_wrong(one)]
    out.mkdir(parents=True, exist_ok=True)
    text = table(results)
    (out / "damage.md").write_text(text)
    faults = [{"kind": one.kind, "stream": one.stream, **one.outcomes, "slow": one.slow} for one in wrong]
    slowest = max(one.slow for one in results)
    record = {"trials": len(results), "slowest": slowest, "wrong": faults, "table": text}
    (out / "damage.json").write_text(json.dumps(record, indent=1) + "\n")
    print(text)
    print(f"the slowest took {max(slowest, 0):.1f} times as long as the whole stream; {len(wrong)} wrong")
    raise typer.Exit(bool(wrong))


if __name__ == "__main__":
    typer.run(main)
