"""Machines joined by Ray: a real cluster of two nodes, one of which is killed in the middle."""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

import sensic
from sensic.cluster import RayExecutor, Task, ray
from sensic.errors import ClusterError, InputError, UsageError
from tests.cluster import jobs
from tests.codec.pictures import write_video
from tests.small_model import small_model

needs_ray = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None and not os.environ.get("CI"), reason="Ray is not installed"
)


@dataclass
class Nodes:
    process: subprocess.Popen[str]
    address: str
    client: str

    def kill_one(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("kill\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "gone\n"


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    port = free_port()
    with (
        TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as folder,  # sockets need a short path
        open(Path(folder, "said"), "w+") as said,
        subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("nodes.py")), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(sys.path),
                "RAY_TMPDIR": folder,
                "RAY_USAGE_STATS_ENABLED": "0",
            },
            text=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, Path(said.name).read_text()
        yield Nodes(process, address, f"ray://127.0.0.1:{port}")
        process.stdin.close()


@needs_ray
def test_results_reports_and_errors_come_through_the_client(nodes: Nodes) -> None:
    tasks = [Task(f"the square of {n}", jobs.square, n) for n in range(5)]
    reports: dict[int, Any] = {}
    with RayExecutor(nodes.client) as executor:
        assert dict(executor.run(tasks, reports.__setitem__)) == {n: n * n for n in range(5)}
        assert set(reports.items()) <= {(n, n) for n in range(5)}
        with pytest.raises(InputError, match="no such thing: x"):
            list(executor.run([Task("a", jobs.fail, "x")], reports.__setitem__))


@needs_ray
def test_an_encode_outlives_a_machine(nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_video(tmp_path / "in.mkv", 64)
    options = ["--gop", "4", "--model", str(small_model().directory), "--json"]
    command = [sys.executable, "-m", "sensic.cli", "encode", str(source), str(tmp_path / "out.mkv"), *options]
    environment = {**os.environ, "RAY_ADDRESS": nodes.address}
    killed_at = 0
    with subprocess.Popen([*command, "--cluster", "auto"], stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            record = json.loads(line)
            if not killed_at and record["type"] == "progress" and record["stage"] == "coding":
                nodes.kill_one()
                killed_at = record["frames"]
    assert process.returncode == 0
    assert 0 < killed_at < 56
    sensic.encode(source, tmp_path / "local.mkv", gop=4, model=small_model(), workers=2)
    assert (tmp_path / "out.mkv").read_bytes() == (tmp_path / "local.mkv").read_bytes()


@needs_ray
@pytest.mark.parametrize("address", ["ray://127.0.0.1:{}", "auto"])
def test_a_cluster_that_is_not_there(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    begun = time.monotonic()
    with pytest.raises(ClusterError, match=rf"no cluster answers at .*127\.0\.0\.1:{port}: Connection refused"):
        RayExecutor(address.format(port))
    assert time.monotonic() - begun < 5


@needs_ray
def test_someone_else_at_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "_JOIN", 3.0)
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(ClusterError, match="is no Ray cluster, or too slow"):
            RayExecutor("auto")


@pytest.mark.parametrize("address", ["", "ray://", "http://a:1", "ray://host", "ray://host:port", "10.0.0.1:6379"])
def test_addresses(address: str) -> None:
    with pytest.raises(UsageError, match=r"auto or ray://HOST:PORT"):
        RayExecutor(address)


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'sensic\[cluster\]'"):
        RayExecutor("auto")
