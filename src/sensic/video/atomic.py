"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from io import FileIO
from pathlib import Path
from types import TracebackType

from sensic.errors import OutputError


def check_folder(folder: Path) -> None:
    """Raises OutputError where it is no folder, or could not be made or written to."""
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not place.is_dir():
        raise OutputError(f"can't write {folder}: {place} is not a folder")
    if not os.access(place, os.W_OK):
        raise OutputError(f"can't write {folder}: Permission denied")


class AtomicFile:
    """A file written beside its destination and renamed by ``commit``; ``discard`` leaves nothing behind.

    A destination that exists and isn't a regular file (a named pipe, /dev/null) is written directly. ``file`` is
    unbuffered: FFmpeg buffers by itself, and a Python-level buffer would swallow Ctrl-C inside its callbacks.
    As a context manager it commits, or discards when an exception passes. Raises OutputError.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(os.path.realpath(path))
        self.direct = self.path.exists() and not stat.S_ISREG(self.path.stat().st_mode)
        name = self.path.name if self.direct else f".{self.path.name[:40]}.{secrets.token_hex(4)}.part"
        self.written = self.path.with_name(name)
        flags = os.O_WRONLY if self.direct else os.O_RDWR | os.O_CREAT | os.O_EXCL
        try:
            descriptor = os.open(self.written, flags | getattr(os, "O_BINARY", 0), 0o666)
        except OSError as error:
            raise OutputError(f"can't write {path}: {error.strerror}") from error
        self.file: FileIO = os.fdopen(descriptor, "wb" if self.direct else "r+b", buffering=0)

    def commit(self) -> None:
        try:
            self.file.close()
            if not self.direct:
                os.replace(self.written, self.path)
        except OSError as error:
            self.discard()
            raise OutputError(f"can't write {self.path}: {error.strerror}") from error

    def discard(self) -> None:
        with contextlib.suppress(OSError):
            self.file.close()
        if not self.direct:
            with contextlib.suppress(OSError):
                self.written.unlink(missing_ok=True)

    def __enter__(self) -> AtomicFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()
        else:
            self.discard()
