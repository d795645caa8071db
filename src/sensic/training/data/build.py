"""Footage to packs: find clips in every video, choose among them, write them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import Any

from sensic.codec.reports import Progress, ProgressCallback
from sensic.errors import InputError, OutputError, PackError
from sensic.training.data.clips import ClipFinder
from sensic.training.data.hashes import HashIndex, excluded_index
from sensic.training.data.manifest import NAME, REPORT, BuildReport, ClipSource, Provenance, write_manifest
from sensic.training.data.pack import Pack, file_sha256
from sensic.training.data.settings import BuildSettings, digest
from sensic.training.data.sheet import contact_sheet
from sensic.training.data.shots import ScaledVideo, UnusableError
from sensic.training.data.work import Drop, Encoder, Found, SourceRecord, WorkFolder, read_json, write_json
from sensic.video import AtomicFile, VideoSource

WORK = ".work"
_OTHER = frozenset(
    f".{suffix}"
    for suffix in (
        *("txt", "md", "json", "tsv", "csv", "html", "htm", "xml", "pdf", "py", "toml", "yaml", "yml", "log", "nfo"),
        *("jpg", "jpeg", "png", "gif", "bmp", "webp", "tif", "tiff", "heic", "svg", "srt", "vtt", "ass", "sub", "idx"),
        *("wav", "mp3", "flac", "ogg", "opus", "m4a", "aac", "zip", "gz", "npy", "npz", "safetensors", "onnx"),
    )
)
"""Names of files that are no videos; all others are tried."""


@dataclass(frozen=True)
class _File:
    """A video: how it is called in reports, and by what its work file is known."""

    name: str
    path: Path
    sha256: str
    key: str
    until: Fraction | None


@dataclass(frozen=True)
class _Taken:
    file: _File
    record: SourceRecord
    index: int

    @property
    def found(self) -> Found:
        return self.record.clips[self.index]


def build_packs(
    folders: Sequence[str | Path],
    output: str | Path,
    settings: BuildSettings | None = None,
    *,
    exclude: Sequence[str | Path] = (),
    licence: str | None = None,
    sources: str | Path | None = None,
    until: Mapping[Path, Fraction | None] | None = None,
    progress: ProgressCallback | None = None,
) -> BuildReport:
    """Make training packs in the folder ``output`` from all videos in ``folders`` (and files named themselves).

    ``exclude`` are test clips, or folders of them: nothing that looks like them is taken. ``licence`` holds for all
    footage that the table ``sources`` doesn't name. ``until`` holds back the end of videos, from so many seconds on.
    What can't be used is dropped and reported. Run again after being killed, it goes on where it was and makes the same
    packs; finished, it returns the report. ``progress`` counts pictures looked at, then pictures written. Raises
    PackError where nothing can be used or ``output`` holds other videos, OutputError where it can't be written.
    """
    settings = settings or BuildSettings()
    build = _Build(Path(output), settings, Provenance.read(licence, sources), progress)
    try:
        return build.run([Path(f) for f in folders], [Path(e) for e in exclude], until or {})
    except OSError as error:
        raise OutputError(f"can't write to {output}: {error.strerror or error}") from error


def check_output(output: Path) -> None:
    """Raises PackError where a folder holds videos of someone else's."""
    before = manifest_in(output)
    ours = {pack["name"] for pack in before["packs"]} if before else set()
    foreign = sorted(p.name for p in output.glob("*.mkv") if p.name not in ours and not p.name.startswith("."))
    if foreign and not (output / WORK).exists():
        raise PackError(f"{output} holds videos that no build made ({foreign[0]}): give an empty folder")


def manifest_in(output: Path) -> Any:
    """What the last build wrote, or None. Raises PackError where it is something else."""
    values = read_json(output / NAME)
    if values is not None and not (isinstance(values, dict) and {"key", "packs"} <= values.keys()):
        raise PackError(f"{output / NAME} is not a manifest of packs; give another folder")
    return values


class _Build:
    def __init__(
        self, output: Path, settings: BuildSettings, provenance: Provenance, progress: ProgressCallback | None
    ) -> None:
        self._output, self._settings, self._provenance, self._callback = output, settings, provenance, progress
        self._work = WorkFolder(output / WORK)
        self._dropped: list[Drop] = []
        self._notes: list[str] = []
        self._ticker = _Ticker(progress, 0)

    def run(
        self, folders: Sequence[Path], exclude: Sequence[Path], until: Mapping[Path, Fraction | None]
    ) -> BuildReport:
        began = time.monotonic()
        paths = videos(folders, self._output)
        if not paths:
            raise PackError(f"there is no video in {', '.join(map(str, folders))}")
        files, tests = self._hashed(paths, until), list(videos(exclude, self._output).values())
        key, before = self._key(files, tests), manifest_in(self._output)
        if before and before["key"] == key and (report := self._report_before()):
            return report
        self._claim()
        taken = self._choose(files, excluded_index(tests, self._settings, lambda: self._ticker.tick(0)))
        if not taken:
            raise PackError(f"nothing in {', '.join(map(str, folders))} can be used: {self._summary(len(files))}")
        packs = self._write(taken)
        contact_sheet([pack for pack, _ in packs], self._output / "contact.png")
        self._describe(key, packs)
        report = self._report([pack.path for pack, _ in packs], taken, len(paths), time.monotonic() - began)
        report.write()
        self._tidy({path.name for path in report.packs})
        return report

    # what there is

    def _hashed(self, paths: Mapping[str, Path], until: Mapping[Path, Fraction | None]) -> list[_File]:
        ends = {path.resolve(): end for path, end in until.items()}
        finding, files = self._settings.finding_key(), []
        seen: dict[str, str] = {}
        for name, path in paths.items():
            self._ticker.tick(0)
            try:
                sha256 = file_sha256(path)
            except OSError as error:
                self._drop(Drop(name, "unreadable", f"can't read it: {error.strerror or error}"))
                continue
            if sha256 in seen:
                self._drop(Drop(name, "same file", f"the same bytes as {seen[sha256]}"))
                continue
            seen[sha256] = name
            end = ends.get(path.resolve())
            files.append(_File(name, path, sha256, digest([sha256, finding, str(end)]), end))
        return files

    def _key(self, files: Sequence[_File], tests: Sequence[Path]) -> str:
        """Equal where a build would give the same packs."""
        given = [[f.name, f.key] for f in files]
        try:
            excluded = [file_sha256(test) for test in tests]
        except OSError as error:
            raise PackError(f"can't read the test clip {error.filename}: {error.strerror}") from error
        return digest([given, self._settings.to_json(), excluded, asdict(self._provenance)])

    def _claim(self) -> None:
        """Make the output folder ours. Raises PackError where it holds videos of someone else's."""
        check_output(self._output)
        self._output.mkdir(parents=True, exist_ok=True)
        self._work.path.mkdir(exist_ok=True)
        for folder in (self._output, self._work.path):
            for path in folder.glob(".*.part"):
                path.unlink()

    # finding and choosing

    def _choose(self, files: Sequence[_File], tests: HashIndex) -> list[_Taken]:
        self._ticker = _Ticker(self._callback, sum(_length(f.path) for f in files if not self._work.has(f.key)))
        taken: list[_Taken] = []
        known = HashIndex()
        most = self._settings.max_clips
        for file in files:
            if most is not None and len(taken) >= most:
                self._drop(Drop(file.name, "enough", f"{most} clips were found before"))
                continue
            record = self._found(file)
            self._dropped += record.dropped
            self._notes += [f"{file.name}: {note}" for note in record.notes]
            for index, clip in enumerate(record.clips):
                drop = self._rejected(file, clip, tests, known)
                if drop is None and most is not None and len(taken) >= most:
                    drop = Drop(file.name, "enough", f"{most} clips were found before", clip.start)
                if drop is not None:
                    self._drop(drop)
                    continue
                known.add(f"{file.name} at {clip.start:.2f} s", _numbers(clip))
                taken.append(_Taken(file, record, index))
        return taken

    def _rejected(self, file: _File, clip: Found, tests: HashIndex, known: HashIndex) -> Drop | None:
        looks = (("test", tests, self._settings.excluded), ("duplicate", known, self._settings.duplicates))
        for kind, index, threshold in looks:
            distance, name = index.nearest(_numbers(clip))
            if distance <= threshold:
                return Drop(file.name, kind, f"looks like {name} ({distance} of 64 bits differ)", clip.start)
        return None

    def _found(self, file: _File) -> SourceRecord:
        """What is in a video: from the work file, or looked for now."""
        record = self._work.record(file.key)
        if record is not None and record.name == file.name:
            return record
        record = SourceRecord(file.name, file.sha256)

        def dropped(at: Fraction, kind: str, reason: str) -> None:
            record.dropped.append(Drop(file.name, kind, reason, round(float(at), 3)))

        try:
            with ScaledVideo(file.path, self._settings, self._ticker.tick) as video:
                info = video.info
                record.width, record.height, record.depth = info.width, info.height, info.depth
                record.fps = round(float(video.rate), 3)
                clips = ClipFinder(video, self._settings, dropped).clips(file.until)
                record.clips = self._work.write(file.key, clips, self._settings)
                record.notes = video.notes
        except UnusableError as error:
            record.dropped.append(Drop(file.name, error.kind, str(error)))
        self._work.finish(file.key, record)
        return record

    # writing

    def _write(self, taken: Sequence[_Taken]) -> list[tuple[Pack, Sequence[_Taken]]]:
        for name in (NAME, REPORT):  # from here on they would describe other packs
            (self._output / name).unlink(missing_ok=True)
        self._ticker = _Ticker(self._callback, len(taken) * self._settings.frames)
        packs: list[tuple[Pack, Sequence[_Taken]]] = []
        first = 0
        while first < len(taken):
            path = self._output / f"train-{len(packs)}.mkv"
            pack = self._written_before(path, taken[first:]) or self._write_pack(path, taken[first:])
            packs.append((pack, taken[first : first + pack.clips]))
            first += pack.clips
        return packs

    def _write_pack(self, path: Path, taken: Sequence[_Taken]) -> Pack:
        settings = self._settings
        with AtomicFile(path) as file, Encoder(file, settings, "libx265", _x265(settings)) as encoder:
            for y, uv in self._samples(taken):
                encoder.write(y, uv)
                self._ticker.tick(settings.frames)
                if encoder.clips >= settings.clips_per_pack or encoder.bytes >= settings.pack_mib * 2**20:
                    break
            count = encoder.clips
        pack = Pack.open(path)
        if (pack.clips, pack.frames) != (count, settings.frames):
            raise PackError(f"{path} came out with {pack.clips} clips of {pack.frames}, not {count}: report this")
        members = self._members(taken[:count])
        write_json(self._work.path / f"{path.stem}.written.json", {"members": members, "sha256": pack.sha256})
        return pack

    def _written_before(self, path: Path, taken: Sequence[_Taken]) -> Pack | None:
        """The pack, if the build that was killed had finished it and it would come out the same."""
        values = read_json(self._work.path / f"{path.stem}.written.json")
        if values is None or not path.exists() or file_sha256(path) != values["sha256"]:
            return None
        count = len(values["members"]["clips"])
        return Pack.open(path) if self._members(taken[:count]) == values["members"] else None

    def _members(self, taken: Sequence[_Taken]) -> dict[str, Any]:
        return {"settings": digest(self._settings.to_json()), "clips": [[t.file.key, t.index] for t in taken]}

    def _samples(self, taken: Sequence[_Taken]) -> Iterator[Any]:
        """The clips taken, each video's work file read once."""
        for key, members in groupby(taken, lambda t: t.file.key):
            wanted = {member.index for member in members}
            clips = self._work.clips(key, self._settings.frames)
            yield from (clip for index, clip in enumerate(clips) if index in wanted)

    def _describe(self, key: str, packs: Sequence[tuple[Pack, Sequence[_Taken]]]) -> None:
        clips = [self._line(pack, i, t) for pack, members in packs for i, t in enumerate(members)]
        about = [{"name": p.path.name, "clips": p.clips, "sha256": p.sha256} for p, _ in packs]
        write_manifest(self._output, key, self._settings.to_json(), about, clips)

    def _line(self, pack: Pack, index: int, taken: _Taken) -> ClipSource:
        record, found = taken.record, taken.found
        return ClipSource(
            pack.path.name,
            index,
            record.name,
            *self._provenance.of(record.name),
            found.start,
            found.fps,
            found.offset,
            found.hashes,
            record.sha256,
            (record.width, record.height),
            record.depth,
            record.fps,
        )

    def _tidy(self, ours: set[str]) -> None:
        """Remove the packs of an earlier build, and the work."""
        for path in self._output.glob("train-*.mkv"):
            if path.name not in ours:
                path.unlink()
        self._work.clear()

    # telling

    def _report(self, packs: Sequence[Path], taken: Sequence[_Taken], files: int, seconds: float) -> BuildReport:
        return BuildReport(
            self._output,
            packs=tuple(packs),
            clips=len(taken),
            files=files,
            used=len({t.file.key for t in taken}),
            bytes=sum(path.stat().st_size for path in packs),
            seconds=round(seconds, 1),
            dropped=tuple(self._dropped),
            notes=tuple(self._notes),
            sheet=self._output / "contact.png",
        )

    def _report_before(self) -> BuildReport | None:
        """What a finished build reported, if its packs are still there."""
        report = BuildReport.read(self._output)
        return report if report and all(path.exists() for path in report.packs) else None

    def _drop(self, drop: Drop) -> None:
        self._dropped.append(drop)

    def _summary(self, files: int) -> str:
        reasons = [f"{d.source}: {d.reason}" for d in self._dropped[:3]]
        more = len(self._dropped) - len(reasons)
        return "; ".join(reasons) + (f"; and {more} more" if more > 0 else "") if reasons else f"{files} files, no clip"


class _Ticker:
    """Hands on how many pictures are done. ``total`` is a guess; 0 where there is none."""

    def __init__(self, callback: ProgressCallback | None, total: int) -> None:
        self._callback, self._total, self._done, self._start = callback, total, 0, time.monotonic()

    def tick(self, pictures: int = 1) -> None:
        self._done += pictures
        if self._callback is not None:
            total = max(self._total, self._done) if self._total else None
            self._callback(Progress(self._done, total, 0, time.monotonic() - self._start))


def videos(folders: Sequence[Path], output: Path) -> dict[str, Path]:
    """Everything that may be a video, by its name in reports (FOLDER/path), in order. Hidden files and ``output`` are
    left out. Raises PackError for a folder that isn't there."""
    found: dict[str, Path] = {}
    hidden = output.resolve()
    for folder in folders:
        if not folder.exists():
            raise PackError(f"there is no {folder}")
        root = folder.resolve()
        inside = _walked(root, hidden) if root.is_dir() else [root]
        for path in sorted(inside, key=lambda p: p.relative_to(root.parent).as_posix()):
            name = path.relative_to(root.parent).as_posix()
            if path not in found.values():
                found[name if name not in found else path.as_posix()] = path
    return found


def _walked(root: Path, hidden: Path) -> Iterator[Path]:
    for folder, inside, names in os.walk(root):
        inside[:] = [d for d in inside if not d.startswith(".") and Path(folder, d) != hidden]
        for name in names:
            path = Path(folder, name)
            if not name.startswith(".") and path.suffix.lower() not in _OTHER and path.is_file():  # no pipes
                yield path


def _length(path: Path) -> int:
    """Pictures in a video as far as its container says, else 0."""
    try:
        with VideoSource(path) as source:
            return source.info.frame_count or 0
    except InputError:
        return 0  # which is reported when its turn comes


def _numbers(clip: Found) -> list[int]:
    return [int(value, 16) for value in clip.hashes]


def _x265(settings: BuildSettings) -> dict[str, str]:
    """One closed group per clip; one thread, so that the bytes don't depend on the machine."""
    groups = f"keyint={settings.frames}:min-keyint={settings.frames}:scenecut=0:open-gop=0"
    quality = "lossless=1" if settings.crf is None else f"crf={settings.crf}"
    single = "pools=none:frame-threads=1:wpp=0:log-level=none"
    preset = "medium" if settings.crf is not None else "ultrafast"  # a third of the time for a third more bytes
    return {"preset": preset, "x265-params": f"{groups}:{quality}:{single}"}
