"""A live stream: pictures go one by one through encoder, network and decoder, each a process of its own."""

from __future__ import annotations

import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest

WIDTH, HEIGHT = 48, 32
PATIENCE = 60  # seconds for a picture to come out, with all the start of two programs before the first


def picture(number: int) -> bytes:
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    luma = (rows * 4 + columns * 2 + 5 * number) % 220
    return bytes(luma.astype(np.uint8)) + bytes([128]) * (WIDTH * HEIGHT // 2)


class Live:
    """``show`` puts a picture before the camera, ``seen`` is what comes out on the other side, in order."""

    def __init__(self, encoder: subprocess.Popen[bytes], decoder: subprocess.Popen[bytes], sent: socket.socket) -> None:
        self.encoder, self.decoder = encoder, decoder
        self.seen: queue.Queue[bytes | None] = queue.Queue()
        receiver = socket.create_connection(sent.getsockname())
        sender, _ = sent.accept()
        self._threads = [
            threading.Thread(target=self._send, args=(sender,)),
            threading.Thread(target=self._receive, args=(receiver,)),
            threading.Thread(target=self._watch),
        ]
        for thread in self._threads:
            thread.start()
        assert encoder.stdin is not None
        encoder.stdin.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F25:1 Ip A1:1 C420jpeg\n".encode())

    def show(self, number: int) -> None:
        assert self.encoder.stdin is not None
        self.encoder.stdin.write(b"FRAME\n" + picture(number))

    def finish(self) -> tuple[int, int]:
        """End the stream, or find it ended; the exit codes of both programs."""
        assert self.encoder.stdin is not None
        self.encoder.stdin.close()
        codes = self.encoder.wait(PATIENCE), self.decoder.wait(PATIENCE)
        for thread in self._threads:
            thread.join()
        return codes

    def _send(self, sender: socket.socket) -> None:
        assert self.encoder.stdout is not None
        with sender:
            while data := self.encoder.stdout.read(1 << 16):
                sender.sendall(data)

    def _receive(self, receiver: socket.socket) -> None:
        assert self.decoder.stdin is not None
        with receiver, self.decoder.stdin as pipe:
            while data := receiver.recv(1 << 16):
                pipe.write(data)

    def _watch(self) -> None:
        assert self.decoder.stdout is not None
        rest = b""
        size = len(b"FRAME\n") + WIDTH * HEIGHT * 3 // 2
        head = True
        while data := self.decoder.stdout.read(1 << 16):
            rest += data
            if head and b"\n" in rest:
                head, rest = False, rest.partition(b"\n")[2]
            while not head and len(rest) >= size:
                self.seen.put(rest[:size])
                rest = rest[size:]
        self.seen.put(None)


@contextmanager
def live(*options: str) -> Iterator[Live]:
    commands = (["encode", "-", "-", "--low-latency", *options], ["decode", "-", "-"])
    pipes = [
        subprocess.Popen(
            [sys.executable, "-m", "sensic.cli", *words, "--threads", "1", "--quiet"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )
        for words in commands
    ]
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            yield Live(pipes[0], pipes[1], server)
    finally:
        for process in pipes:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


@pytest.mark.parametrize(("options", "delay"), [((), 0), (("--profile", "sensing", "--fps", "25"), 1)])
def test_glass_to_glass(options: Sequence[str], delay: int) -> None:
    """The delay in frames: how many more pictures are shown to the camera before the first of them comes out."""
    shown, waiting = 12, 0
    with live(*options) as stream:
        for number in range(shown):
            stream.show(number)
            if number >= delay:
                assert stream.seen.get(timeout=PATIENCE) is not None  # before the next picture is shown
            else:
                waiting += 1
        assert stream.seen.empty()  # nothing came early
        assert stream.finish() == (0, 0)
        rest = list(iter(stream.seen.get, None))
    assert len(rest) == waiting == delay


def test_the_viewer_sees_all_that_was_sent_when_the_camera_dies() -> None:
    with live("--profile", "sensing", "--crop", f"{WIDTH}:{HEIGHT}") as stream:
        for number in range(3):
            stream.show(number)
            assert stream.seen.get(timeout=PATIENCE) is not None  # no delay here either
        stream.encoder.kill()
        codes = stream.finish()
        assert stream.seen.get(timeout=PATIENCE) is None
    assert codes[1] == 3  # the stream is cut short, and the decoder says so
