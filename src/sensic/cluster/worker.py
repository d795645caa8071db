"""What runs in a local worker: tasks come on standard input, messages go out on standard output, both pickled."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import threading
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

COMMAND = f"from {__name__} import main; main()"
SIZE_BYTES = 8
"""A task is sent as its length, little-endian, and its pickle."""

Send = Callable[[str, Any], None]


def main() -> None:
    """Run tasks until standard input ends, which it does when the parent is gone; then end at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the whole group: the parent decides
    tasks, messages = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # whatever a library prints must not come between messages
    inbox: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(tasks, inbox), daemon=True).start()

    def send(kind: str, value: Any) -> None:
        pickle.dump((kind, value), messages)
        messages.flush()

    while True:
        _work(inbox.get(), send)


def _receive(tasks: BinaryIO, inbox: queue.SimpleQueue[bytes]) -> None:
    try:
        while size := tasks.read(SIZE_BYTES):
            inbox.put(tasks.read(int.from_bytes(size, "little")))
    finally:
        os._exit(0)  # in the middle of whatever the main thread is doing: nobody waits for it any more


def _work(data: bytes, send: Send) -> None:
    try:
        task = pickle.loads(data)
        value = task.function(task.argument, lambda value: send("report", value))
    except Exception as error:
        send("raised", portable(error))
    else:
        send("done", value)


def portable(error: Exception) -> Exception:
    """The error with a note of where it arose, or a description of it where it doesn't survive pickling."""
    note = "".join(traceback.format_exception(error))
    try:
        copy = pickle.loads(pickle.dumps(error))
        error = error if str(copy) == str(error) else RuntimeError(f"{type(error).__name__}: {error}")
    except Exception as reason:
        error = RuntimeError(f"{type(error).__name__}: {error} ({reason})")
    error.add_note(f"In a worker:\n{note}")
    return error
