"""Peers by their commands: real programs, the figures of a coder that is known, and the script of docs/peers.md."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from benchmarks import peers
from benchmarks.peers import CommandCoder, read, write_raw
from sensic.errors import EvaluationError, UsageError
from sensic.evaluation import Clip, Results, load, measure
from sensic.evaluation.process import ffmpeg
from tests.evaluation.clips import write_clip

DOCS = (Path(__file__).parents[2] / "docs" / "peers.md").read_text(encoding="utf-8")
RAW = "-f rawvideo -pix_fmt yuv420p"
GROUPS = "keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:threads={threads}"
X264 = f"-c:v libx264 -preset medium -x264-params {GROUPS}"


def program() -> str:
    return shlex.quote(ffmpeg())


def ffmpeg_peer() -> CommandCoder:
    """FFmpeg as a stranger would use it."""
    given = f"{RAW} -s {{width}}x{{height}} -r {{rate}} -i {{source}}"
    made = f"{X264} -crf {{setting}} -bsf:v filter_units=remove_types=6 -f matroska {{stream}}"
    encoder, decoder = f"-v error -y {given} {made}", f"-v error -y -i {{stream}} {RAW} {{decoded}}"
    return CommandCoder("peer", "1", (40, 35, 30, 25, 20), f"{program()} {encoder}", f"{program()} {decoder}")


def toml(one: CommandCoder, extra: str = "") -> str:
    settings = list(one.settings)
    commands = f"encode = '''{one.encoder}'''\ndecode = '''{one.decoder}'''"
    return f"[{one.spec}]\nversion = '{one.version}'\nsettings = {settings}\n{extra}\n{commands}\n"


def bench(text: str, source: Path, against: str) -> Results:
    """What ``python -m benchmarks.peers`` finds."""
    file, out = source.with_name("peers.toml"), source.with_name("out")
    file.write_text(text)
    app = typer.Typer()
    app.command()(peers.main)
    done = CliRunner().invoke(app, [str(file), str(source), "--out", str(out), "--against", against, "--threads", "1"])
    assert done.exit_code == 0, done.output
    assert str(out / "index.html") in done.output.replace("\n", "")
    return Results.read(out / "results.json")


@pytest.fixture
def clip(tmp_path: Path) -> Clip:
    return load(write_clip(tmp_path / "clip.mkv", 5), tmp_path)


def test_a_peer_by_commands_is_measured_like_a_coder_of_ours(tmp_path: Path) -> None:
    """The same encoder twice, once by commands: the same pictures, and the same bytes but for the container's text."""
    results = bench(toml(ffmpeg_peer()), write_clip(tmp_path / "clip.mkv", 5), "x264:medium")
    pairs = zip(results.of("clip", "peer"), results.of("clip", "x264:medium"), strict=True)
    for ours, theirs in pairs:
        assert ours.setting == theirs.setting
        assert ours.metrics == theirs.metrics
        assert ours.file_bytes == ours.payload_bytes == pytest.approx(theirs.file_bytes, abs=250)
        assert sum(ours.per_frame["bits"]) == pytest.approx(8 * ours.file_bytes)
        assert ours.runs[0].encode_cpu > 0


def test_what_was_made_elsewhere_is_fetched_and_not_timed(clip: Clip, tmp_path: Path) -> None:
    """As for DCVC: streams and pictures lie in a folder, the names of pictures end in a rate."""
    made, fetching = ffmpeg_peer(), re.search(r"\[dcvc-rt\].*?```", DOCS, re.DOTALL)
    assert fetching
    folder = tmp_path / "out_bin" / "clips"
    folder.mkdir(parents=True)
    for setting in (0, 16, 32, 47, 63):
        stream = folder / f"clip_q{setting}.bin"
        made.encode(clip, stream, 45 - setting / 3, gop=5, threads=1)
        made.decode(stream, folder / f"clip_q{setting}_123kbps.yuv", clip=clip, threads=1)
    text = fetching[0].removesuffix("```").replace("out_bin", str(tmp_path / "out_bin"))
    results = bench(text, clip.source, "x264:medium")
    found = results.of("clip", "dcvc-rt")
    assert [m.file_bytes for m in found] == [(folder / f"clip_q{q}.bin").stat().st_size for q in (0, 16, 32, 47, 63)]
    assert found[0].metrics["psnr_y"] == measure(clip, folder / "clip_q0_123kbps.yuv", ["psnr"])[0]["psnr_y"]
    assert all(m.runs == [] for m in found)
    assert all(m.runs for m in results.of("clip", "x264:medium"))


def test_raw_pictures_are_those_of_the_clip(tmp_path: Path) -> None:
    clip = load(write_clip(tmp_path / "deep.mkv", 3, width=37, height=21, depth=10), tmp_path)
    write_raw(clip, tmp_path / "raw.yuv")
    assert measure(clip, tmp_path / "raw.yuv", ["psnr"])[0]["psnr_yuv"] == 100


@pytest.mark.parametrize(
    ("encoder", "decoder", "error", "message"),
    [
        ("false", "true", EvaluationError, "false failed"),
        ("true", "true", EvaluationError, "wrote no file"),
        ("cp {source} {stream}", "true", EvaluationError, "wrote no file"),
        ("no-such-program {source}", "true", EvaluationError, "no program no-such-program"),
        ("cp {sauce} {stream}", "true", UsageError, "in braces may stand clip, width"),
        ("cp {source", "true", UsageError, "in braces may stand"),
    ],
)
def test_commands_that_fail_are_named(
    clip: Clip, tmp_path: Path, encoder: str, decoder: str, error: type[Exception], message: str
) -> None:
    peer, stream = CommandCoder("peer", "1", (1,), encoder, decoder), tmp_path / "stream"

    def both() -> None:
        peer.encode(clip, stream, 1, gop=5, threads=1)
        peer.decode(stream, tmp_path / "raw.yuv", clip=clip, threads=1)

    with pytest.raises(error, match=message):
        both()


@pytest.mark.parametrize("text", ["[peer", "[peer]\nspeed = 3", "peer = 1", "[peer]\nversion = '1'\nsettings = ['a']"])
def test_files_of_peers_that_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "peers.toml").write_text(text)
    with pytest.raises(UsageError, match=r"docs/peers\.md"):
        read(tmp_path / "peers.toml")


STAND_IN = {
    "compressai/__init__.py": "",
    "compressai/transforms/__init__.py": "",
    # Nearest neighbours instead of colours: what is up and down again stays as it is.
    "compressai/transforms/functional.py": """
import torch.nn.functional as F
import torch
def yuv_420_to_444(planes, mode):
    y, u, v = planes
    return torch.cat([y, *(F.interpolate(c, scale_factor=2)[..., : y.shape[2], : y.shape[3]] for c in (u, v))], 1)
def yuv_444_to_420(x, mode):
    y, u, v = x.chunk(3, 1)
    return y, F.avg_pool2d(u, 2), F.avg_pool2d(v, 2)
def rgb2ycbcr(x): return x
def ycbcr2rgb(x): return x
""",
    # A network that codes pictures as 8-bit differences from what was decoded last.
    "compressai/zoo.py": """
import numpy as np
import torch
class Net:
    def __init__(self, quality): self.step = quality
    def eval(self): return self
    def code(self, x):
        level = (x * 255 / self.step).round().to(torch.int16)
        return level * self.step / 255.0, [[level.numpy().tobytes()], [b"z"]], tuple(x.shape[2:])
    def decode(self, strings, shape):
        assert strings[1] == [b"z"]
        return torch.from_numpy(np.frombuffer(strings[0][0], np.int16).reshape(1, 3, *shape).copy()) * self.step / 255.0
    def encode_keyframe(self, x):
        assert x.shape[2] % 128 == x.shape[3] % 128 == 0
        y, strings, shape = self.code(x)
        return y, {"strings": strings, "shape": shape}
    def decode_keyframe(self, strings, shape): return self.decode(strings, shape)
    def encode_inter(self, x, reference):
        y, strings, shape = self.code(x - reference)
        empty = [[b"m"], [b"z"]]
        return reference + y, {"strings": {"motion": empty, "residual": strings},
                               "shape": {"motion": (1, 1), "residual": shape}}
    def decode_inter(self, reference, strings, shapes):
        assert strings["motion"] == [[b"m"], [b"z"]] and shapes["motion"] == (1, 1)
        return reference + self.decode(strings["residual"], shapes["residual"])
video_models = {"ssf2020": lambda quality, metric, pretrained: Net(quality)}
""",
}


def test_the_script_for_compressai_decodes_what_it_encoded(
    clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for the network: framing, padding, groups and conversions are the script's own."""
    for name, text in STAND_IN.items():
        path = tmp_path / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (script,) = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    (tmp_path / "ssf2020.py").write_text(script)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    table = re.search(r"\[ssf2020\].*?```", DOCS, re.DOTALL)
    assert table
    words = table[0].removesuffix("```").replace("python ssf2020.py", f"{sys.executable} {tmp_path}/ssf2020.py")
    (tmp_path / "peers.toml").write_text(words)
    (peer,) = read(tmp_path / "peers.toml")
    assert peer.settings == (1, 2, 3, 4, 5, 6, 7)
    raw, quality = tmp_path / "raw.yuv", []
    for step in (1, 8):
        stream = tmp_path / "stream.bin"
        peer.encode(clip, stream, step, gop=3, threads=1)
        peer.decode(stream, raw, clip=clip, threads=1)
        quality.append(measure(clip, raw, ["psnr"])[0]["psnr_y"])
    assert quality[0] == 100  # a step of 1 loses nothing
    assert 35 < quality[1] < 45
