"""The folder beside an output where its finished parts wait for the rest.

::

    OUT.parts/
        lock        held by the encode that is writing; shows that the folder is ours
        job.json    what is encoded how: parts of another job are never mixed in
        index       every frame of the source
        first-0-255 what a first pass saw of the frames 0 to 255
        0-255       a part: blocks of the frames 0 to 255, and what they took
        whole       all of them in one file, which is then renamed to OUT

Files appear whole or not at all, whenever the process or the machine is stopped: each is written beside its name,
flushed to the disk, then renamed. Index and parts end in a CRC-32C over the job's digest and their contents.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

from sensic.codec.rate import Outcome
from sensic.container import Block
from sensic.container.integers import Cursor, seal, unseal, varint
from sensic.errors import DamagedError, OutputError, UsageError
from sensic.video import lock_file

_LOCK, _JOB = "lock", "job.json"


@dataclass(frozen=True)
class Part:
    """Blocks and what they took: ``bits`` by part of the stream, ``frame_bits`` by frame. ``outcome`` is that of the
    rate control, if there was one."""

    blocks: tuple[Block, ...]
    bits: Mapping[str, float]
    frame_bits: tuple[float, ...]
    outcome: Outcome | None = None

    @property
    def frames(self) -> int:
        return sum(len(block.frames) for block in self.blocks)

    def pack(self) -> bytes:
        """Length and JSON of the bits, then length and bytes of each block."""
        outcome = self.outcome and asdict(self.outcome)
        head = json.dumps({"bits": dict(self.bits), "frame_bits": self.frame_bits, "outcome": outcome}).encode()
        return b"".join(varint(len(item)) + item for item in (head, *(block.pack() for block in self.blocks)))

    @classmethod
    def unpack(cls, data: bytes) -> Part:
        """The inverse of ``pack``. Raises DamagedError."""
        cursor = Cursor(data)
        values = json.loads(cursor.take(cursor.varint()))
        blocks = []
        while cursor.left:
            blocks.append(Block.unpack(cursor.take(cursor.varint())))
        outcome = values["outcome"]
        if outcome is not None:
            outcome = Outcome(**{**outcome, "short": tuple(outcome["short"])})
        return cls(tuple(blocks), values["bits"], tuple(values["frame_bits"]), outcome)


class PartsFolder:
    """The folder of ``destination`` for one job; a context manager that leaves it, and removes it where it holds no
    part.

    ``job`` is everything that decides the bytes of the output, as JSON values. With ``resume`` the parts of the same
    job are kept, and those of another are refused; without it they are removed. Raises UsageError (another job,
    another encode at work, a folder that is not ours) and OutputError.
    """

    def __init__(self, destination: Path, job: Mapping[str, Any], *, resume: bool) -> None:
        real = Path(os.path.realpath(destination))
        if real.exists() and not real.is_file():
            raise UsageError(f"{destination} is not a file; only a file can be written in parts")
        self.output = real
        self.path = real.with_name(real.name + ".parts")
        text = json.dumps(job, indent=2, sort_keys=True)
        self._digest = hashlib.sha256(text.encode()).digest()
        self._lock: BinaryIO | None = None
        try:
            self._open()
            if not (resume and self._goes_on(job)):
                self._clear()
            self._put(_JOB, text.encode())
        except OSError as error:
            self.close()
            raise OutputError(f"can't write {self.path}: {error.strerror}") from error
        except BaseException:
            self.close()
            raise

    def read(self, name: str) -> bytes | None:
        """What was written by that name for this job; None where there is nothing, or nothing that is whole."""
        try:
            data = bytes(unseal((self.path / name).read_bytes(), name))
        except (OSError, DamagedError):
            return None
        return data[len(self._digest) :] if data.startswith(self._digest) else None

    def write(self, name: str, data: bytes) -> None:
        """Raises OutputError."""
        try:
            self._put(name, seal(self._digest + data))
        except OSError as error:
            raise OutputError(f"can't write {self.path / name}: {error.strerror}") from error

    def finish(self, whole: str) -> None:
        """Give the output what was written to the file ``whole`` in this folder, and remove the folder."""
        try:
            with open(self.path / whole, "rb") as file:
                os.fsync(file.fileno())
            os.replace(self.path / whole, self.output)
            _flush(self.output.parent)
        except OSError as error:
            raise OutputError(f"can't write {self.output}: {error.strerror}") from error
        self._remove()

    def close(self) -> None:
        """Leave the folder; what is in it stays, unless that is of no use."""
        if self._lock is None:
            return
        if not any(self.path.glob("*[0-9]")):
            self._remove()
        self._unlock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        self.path.mkdir(exist_ok=True)
        if any(self.path.iterdir()) and not (self.path / _LOCK).is_file():
            raise UsageError(f"{self.path} is in the way: parts are kept there, and something else is in it")
        lock = open(self.path / _LOCK, "wb")  # noqa: SIM115 (held until close)
        try:
            lock_file(lock.fileno())
        except OSError:
            lock.close()
            raise UsageError(f"{self.output} is being written by another encode") from None
        self._lock = lock

    def _goes_on(self, job: Mapping[str, Any]) -> bool:
        """Whether there is a job to go on with. Raises UsageError where it is another."""
        try:
            found = json.loads((self.path / _JOB).read_bytes())
        except FileNotFoundError:
            return False
        except ValueError:
            found = None
        found = found if isinstance(found, dict) else {}
        wanted = json.loads(json.dumps(job))
        differing = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
        if differing:
            raise UsageError(
                f"{self.path} holds parts of another encode, with other {', '.join(differing)}: encode as then, "
                f"or without resume, which discards them"
            )
        return True

    def _clear(self) -> None:
        for entry in self.path.iterdir():
            if entry.name != _LOCK:
                entry.unlink()

    def _put(self, name: str, data: bytes) -> None:
        temporary = self.path / f".{name}.new"
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.path / name)
        _flush(self.path)

    def _remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)
        self._unlock()  # where a locked file can't be removed (Windows), it can now
        shutil.rmtree(self.path, ignore_errors=True)

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _flush(folder: Path) -> None:
    """Let a rename in the folder outlast a power failure, where folders can be flushed."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
