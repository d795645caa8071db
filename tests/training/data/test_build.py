from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from sensic import Progress
from sensic.errors import OutputError, PackError, UsageError
from sensic.training.data import build as module
from sensic.training.data.build import build_packs
from sensic.training.data.manifest import BuildReport
from sensic.training.data.pack import Pack
from sensic.training.data.settings import BuildSettings
from tests.training.data.videos import SIZE, shot, write

SMALL = BuildSettings(size=SIZE, gap=0, crf=None)


class StoppedError(Exception):
    pass


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    """Three videos with five shots of 24 pictures, one of which comes twice."""
    folder = tmp_path / "footage"
    for name, seeds in (("b.mkv", (1, 2)), ("a/z.mkv", (3, 4)), ("c.mkv", (5, 2))):
        write(folder / name, [picture for seed in seeds for picture in shot(seed, 13)])
    return folder


def stop(after: int) -> Callable[[Progress], None]:
    """Raises when the work has gone on ``after`` times."""
    left = iter(range(after))

    def callback(progress: Progress) -> None:
        if progress.frames and next(left, None) is None:
            raise StoppedError

    return callback


def digests(output: Path) -> dict[str, str]:
    files = [p for p in output.rglob("*") if p.is_file() and not p.name.startswith("report")]
    return {p.relative_to(output).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def test_footage_becomes_packs_with_a_manifest(footage: Path, tmp_path: Path) -> None:
    (footage / "notes.txt").write_text("not a video")
    report = build_packs([footage], tmp_path / "packs", SMALL, licence="CC0")
    assert (report.clips, report.files, report.used) == (5, 3, 3)
    assert report.counts == {"duplicate": 1}
    assert report.dropped[0].source == "footage/c.mkv"
    assert "looks like footage/b.mkv at 0.52 s (0 of 64 bits differ)" in report.dropped[0].reason
    (pack,) = [Pack.open(path) for path in report.packs]
    assert (pack.clips, pack.frames, pack.depth) == (5, 12, 8)
    for seed, (y, _) in zip((3, 4, 1, 2, 5), pack.read(), strict=True):  # in order of names
        assert np.abs(y.astype(int) - np.stack(shot(seed, 13)[:12])).max() <= 1
    manifest = json.loads((tmp_path / "packs" / "packs.json").read_text())
    assert manifest["packs"] == [{"name": "train-0.mkv", "clips": 5, "sha256": pack.sha256}]
    line = manifest["clips"][1]
    assert (line["pack"], line["index"], line["file"], line["start"]) == ("train-0.mkv", 1, "footage/a/z.mkv", 0.52)
    assert (line["fps"], line["file_fps"], line["file_size"], line["licence"]) == (25.0, 25.0, [96, 64], "CC0")
    assert line["file_sha256"] == hashlib.sha256((footage / "a/z.mkv").read_bytes()).hexdigest()
    table = (tmp_path / "packs" / "sources.tsv").read_text().splitlines()
    assert table[:2] == ["pack\tclip\tsource\tlicence", "train-0.mkv\t0\tfootage/a/z.mkv\tCC0"]
    assert report.sheet is not None
    with av.open(str(report.sheet)) as sheet:
        assert (sheet.streams.video[0].width, sheet.streams.video[0].height) == (5 * 114 - 2, 74)
    assert "1 × duplicate" in (tmp_path / "packs" / "report.md").read_text()
    assert BuildReport.read(tmp_path / "packs") == report
    assert not list((tmp_path / "packs").glob(".*"))


def test_what_is_done_is_not_done_again(footage: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_packs([footage], tmp_path / "packs", SMALL)
    monkeypatch.setattr(module, "ScaledVideo", None)
    assert build_packs([footage], tmp_path / "packs", SMALL) == first


def test_a_stopped_build_goes_on_to_the_same_packs(footage: Path, tmp_path: Path) -> None:
    settings = BuildSettings(size=SIZE, gap=0, clips_per_pack=2)
    wanted = build_packs([footage], tmp_path / "whole", settings)
    assert [path.name for path in wanted.packs] == ["train-0.mkv", "train-1.mkv", "train-2.mkv"]
    for pictures in (20, 70, 80):  # 78 are looked at, then 5 clips are written
        output = tmp_path / f"stopped-{pictures}"
        with pytest.raises(StoppedError):
            build_packs([footage], output, settings, progress=stop(pictures))
        assert (output / "train-0.mkv").exists() == (pictures == 80)
        assert not (output / "packs.json").exists()
        again: list[Progress] = []
        report = build_packs([footage], output, settings, progress=again.append)
        assert sum(p.frames > 0 for p in again) <= 83 - pictures // 26 * 26  # whole videos aren't looked at again
        assert digests(output) == digests(tmp_path / "whole")
        assert (report.counts, report.clips) == (wanted.counts, wanted.clips)


def test_other_settings_replace_the_packs_and_leave_none_behind(footage: Path, tmp_path: Path) -> None:
    build_packs([footage], tmp_path / "packs", BuildSettings(size=SIZE, gap=0, clips_per_pack=2))
    report = build_packs([footage], tmp_path / "packs", SMALL)
    assert [p.name for p in (tmp_path / "packs").glob("*.mkv")] == ["train-0.mkv"]
    assert report.clips == 5


def test_what_is_like_a_test_clip_is_left_out(footage: Path, tmp_path: Path) -> None:
    write(tmp_path / "tests" / "clip.mkv", [picture[:, ::-1].copy() for picture in shot(3, 13)])
    report = build_packs([footage], tmp_path / "packs", SMALL, exclude=[tmp_path / "tests"])
    assert report.counts == {"duplicate": 1, "test": 1}
    assert [d.source for d in report.dropped if d.kind == "test"] == ["footage/a/z.mkv"]


def test_awkward_files_are_reported_and_the_rest_goes_on(footage: Path, tmp_path: Path) -> None:
    (footage / "broken.mp4").write_bytes(b"\0" * 100)
    (footage / "copy.mkv").write_bytes((footage / "b.mkv").read_bytes())
    write(footage / "tiny.mkv", shot(6, 12, size=(64, 64)))
    write(footage / "still.mkv", shot(7, 12, speed=0))
    write(footage / "brief.mkv", shot(8, 5))
    write(footage / "vertical.mkv", shot(9, 12, size=(96, 200)))
    write(footage / "deep.mkv", shot(10, 12, depth=10))
    report = build_packs([footage], tmp_path / "packs", SMALL)
    reasons = {drop.source.split("/")[-1]: drop.kind for drop in report.dropped}
    assert reasons == {
        "broken.mp4": "unreadable",
        "copy.mkv": "same file",
        "tiny.mkv": "tiny",
        "still.mkv": "static",
        "brief.mkv": "short",
        "c.mkv": "duplicate",
    }
    assert report.clips == 7
    assert all(drop.reason for drop in report.dropped)


def test_no_more_clips_than_asked_for(footage: Path, tmp_path: Path) -> None:
    settings = BuildSettings(size=SIZE, gap=0, max_clips=2)
    report = build_packs([footage], tmp_path / "packs", settings)
    assert report.clips == 2
    assert report.counts == {"enough": 2}


def test_the_end_of_a_video_is_held_back(footage: Path, tmp_path: Path) -> None:
    until = {footage / "b.mkv": Fraction(1, 2), footage / "c.mkv": None}
    report = build_packs([footage], tmp_path / "packs", SMALL, until=until)
    clips = json.loads((tmp_path / "packs" / "packs.json").read_text())["clips"]
    assert [c["start"] for c in clips if c["file"] == "footage/b.mkv"] == [0.0]
    assert not report.counts  # so that the shot of c.mkv is not there twice


def test_sources_come_from_a_table(footage: Path, tmp_path: Path) -> None:
    table = tmp_path / "sources.tsv"
    table.write_text("file\tsource\tlicence\na/z.mkv\thttps://example.org/z\tCC-BY\nc.mkv\t\tMIT\n")
    build_packs([footage], tmp_path / "packs", SMALL, sources=table, licence="own")
    lines = (tmp_path / "packs" / "sources.tsv").read_text().splitlines()[1:]
    assert {tuple(line.split("\t")[2:]) for line in lines} == {
        ("https://example.org/z", "CC-BY"),
        ("footage/b.mkv", "own"),
        ("footage/c.mkv", "MIT"),
    }
    table.write_text("name\tlicence\n")
    with pytest.raises(PackError, match="no column named file"):
        build_packs([footage], tmp_path / "packs", SMALL, sources=table)


def test_nothing_usable_is_an_error_that_says_why(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(PackError, match="there is no video in"):
        build_packs([empty], tmp_path / "packs", SMALL)
    with pytest.raises(PackError, match=r"there is no .*nowhere"):
        build_packs([tmp_path / "nowhere"], tmp_path / "packs", SMALL)
    write(empty / "still.mkv", shot(1, 12, speed=0))
    with pytest.raises(PackError, match=r"can be used: empty/still\.mkv: nothing moves"):
        build_packs([empty], tmp_path / "packs", SMALL)


def test_videos_of_others_are_not_touched(footage: Path, tmp_path: Path) -> None:
    mine = write(tmp_path / "mine" / "train-0.mkv", shot(1, 12))
    before = mine.read_bytes()
    with pytest.raises(PackError, match="give an empty folder"):
        build_packs([footage], tmp_path / "mine", SMALL)
    assert mine.read_bytes() == before
    report = build_packs([footage], footage / "packs", SMALL)  # inside the footage is no harm
    assert build_packs([footage], footage / "packs", SMALL) == report
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't write"):
        build_packs([footage], tmp_path / "file" / "packs", SMALL)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("size", (450, 256), "multiples of 16"),
        ("depth", 12, "8 or 10"),
        ("fps", 0.0, "1 to 240"),
        ("interpolate", True, "with fps only"),
        ("frames", 1, "2 to 250"),
        ("max_clips", 0, "1 or more"),
        ("gap", -1.0, "0 to 3600"),
        ("cut", 0.0, "above 0"),
        ("static", -1.0, "0 to 255"),
        ("duplicates", 99, "-1 .off. to 32"),
        ("crf", 60.0, "0 to 51"),
        ("clips_per_pack", 0, "1 or more"),
        ("pack_mib", 0.0, "positive"),
    ],
)
def test_impossible_settings_are_named(name: str, value: object, allowed: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is .*{allowed}"):
        BuildSettings(**{name: value})  # type: ignore[arg-type]
