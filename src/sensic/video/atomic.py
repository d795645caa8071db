"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from io import FileIO
from pathlib import Path
from types import TracebackType

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

from sensic.errors import OutputError

_BINARY = getattr(os, "O_BINARY", 0)


def check_folder(folder: Path) -> None:
    """Raises OutputError where it is no folder, or could not be made or written to."""
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not place.is_dir():
        raise OutputError(f"can't write {folder}: {place} is not a folder")
    if not os.access(place, os.W_OK):
        raise OutputError(f"can't write {folder}: Permission denied")


def lock_file(descriptor: int) -> None:
    """Lock a file for as long as it is open and the process lives. Raises OSError where another has it."""
    if fcntl is not None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class AtomicFile:
    """A file written beside its destination and renamed by ``commit``; ``discard`` leaves nothing behind.

    Only a process that is killed leaves ``.NAME.XXXXXXXX.part``; the next one that writes the same destination removes
    it. A destination that exists and isn't a regular file (a named pipe, /dev/null) is written directly. ``file`` is
    unbuffered: FFmpeg buffers by itself, and a Python-level buffer would swallow Ctrl-C inside its callbacks.
    As a context manager it commits, or discards when an exception passes. Raises OutputError, also where the
    destination is a file that must not be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(os.path.realpath(path))
        self.direct = self.path.exists() and not stat.S_ISREG(self.path.stat().st_mode)
        if self.path.exists() and not os.access(self.path, os.W_OK):
            raise OutputError(f"can't write {path}: Permission denied")
        try:
            if self.direct:
                self.written, descriptor = self.path, os.open(self.path, os.O_WRONLY | _BINARY)
            else:
                _sweep(self.path)
                self.written, descriptor = _create(self.path)
        except OSError as error:
            raise OutputError(f"can't write {path}: {error.strerror}") from error
        self.file: FileIO = os.fdopen(descriptor, "wb" if self.direct else "r+b", buffering=0)

    def check(self) -> None:
        """Raises OutputError where somebody has removed what is being written."""
        if not self.written.exists():
            raise OutputError(f"can't write {self.path}: it was removed while it was written")

    def commit(self) -> None:
        try:
            self.file.close()
            if not self.direct:
                self.check()
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


def _create(path: Path) -> tuple[Path, int]:
    """A new file beside ``path`` and its descriptor. It is locked: one that is not was left by a writer that died."""
    while True:
        written = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.part")
        descriptor = os.open(written, os.O_RDWR | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
        with contextlib.suppress(OSError):  # not every file system can lock
            lock_file(descriptor)
        if os.fstat(descriptor).st_nlink:
            return written, descriptor
        os.close(descriptor)  # another process swept before it was locked


def _sweep(path: Path) -> None:
    """Remove what writers of the same file have left that were killed."""
    left = re.compile(re.escape(f".{path.name[:40]}.") + r"[0-9a-f]{8}\.part")
    with contextlib.suppress(OSError):  # a folder may be written without being listed
        for name in filter(left.fullmatch, os.listdir(path.parent)):
            _remove_unheld(path.with_name(name))


def _remove_unheld(left: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(left, os.O_RDWR | _BINARY)
        try:
            lock_file(descriptor)
            os.unlink(left)
        finally:
            os.close(descriptor)
