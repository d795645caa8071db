from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from sensic import OutputError
from sensic.training.checkpoint import Checkpoints, write_bytes, write_tensors


def saved(folder: Path, keep: int, *steps: int) -> Checkpoints:
    checkpoints = Checkpoints(folder, keep)
    for step in steps:
        checkpoints.save(step, {"a.x": torch.full((2, 3), float(step)), "b.y": torch.tensor(step)}, {"step": step})
    return checkpoints


def test_the_newest_come_back(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 2, 5, 10, 900)
    assert [path.name for path in checkpoints.paths()] == ["step-00000010.safetensors", "step-00000900.safetensors"]
    newest = checkpoints.newest()
    assert newest is not None
    assert newest.facts == {"step": 900}
    assert torch.equal(newest.part("a.")["x"], torch.full((2, 3), 900.0))
    assert newest.part("b.").keys() == {"y"}


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path, 1).newest() is None
    assert Checkpoints(tmp_path / "none", 1).newest() is None


@settings(max_examples=30)
@given(data=st.data())
def test_a_damaged_one_is_passed_over(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("cut")
    checkpoints = saved(folder, 3, 1, 2)
    path = checkpoints.paths()[-1]
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    newest = checkpoints.newest()
    assert newest is not None
    assert newest.facts == {"step": 1}


def test_what_a_kill_left_is_swept_up(tmp_path: Path) -> None:
    checkpoints = saved(tmp_path, 2, 1)
    (tmp_path / ".step-00000002.safetensors.0011aabb.part").write_bytes(b"half")
    checkpoints.sweep()
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001.safetensors"]


def test_a_full_disk_leaves_the_last_one_and_says_so(tmp_path: Path) -> None:
    """The limit on the size of a file stands for the full disk: writing stops in the middle."""
    checkpoints = saved(tmp_path, 1, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OutputError, match=r"can't write .*step-00000002.*intact") as caught:
            checkpoints.save(2, {"x": torch.zeros(10_000)}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert isinstance(caught.value.__cause__, OSError)
    newest = checkpoints.newest()
    assert newest is not None
    assert newest.facts == {"step": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_writes_that_take_only_part_are_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sensic.video import AtomicFile

    class Reluctant:
        def __init__(self, file: object) -> None:
            self.file = file

        def write(self, data: memoryview) -> int:
            return self.file.write(data[:7])  # type: ignore[attr-defined,no-any-return]

        def __getattr__(self, name: str) -> object:
            return getattr(self.file, name)

    make = AtomicFile.__init__

    def reluctant(self: AtomicFile, path: Path) -> None:
        make(self, path)
        self.file = Reluctant(self.file)  # type: ignore[assignment]

    monkeypatch.setattr(AtomicFile, "__init__", reluctant)
    write_bytes(tmp_path / "file", bytes(range(100)))
    assert (tmp_path / "file").read_bytes() == bytes(range(100))


def test_no_space_when_the_disk_is_asked_to_keep_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device"):
        write_bytes(tmp_path / "file", b"x")
    assert not list(tmp_path.iterdir())


def test_any_layout_is_stored(tmp_path: Path) -> None:
    tensor = torch.randn(2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    write_tensors(tmp_path / "t.safetensors", {"t": tensor, "u": tensor.mT})
    loaded = load_file(tmp_path / "t.safetensors")
    assert torch.equal(loaded["t"], tensor)
    assert torch.equal(loaded["u"], tensor.mT)
