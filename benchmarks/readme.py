"""Put measured figures into the README, so that none is typed by hand: ``python -m benchmarks.readme RESULTS``.

Reads what ``sensic evaluate`` wrote to the folder (``results.json``; ``gop-16/results.json`` where it is) and the other
scripts (``memory.json``, ``adaptive.json`` where they are), replaces the lines between the two ``figures`` comments and
renews the pictures in ``docs/images``.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image

from sensic.evaluation import METRICS, Delta, Results, deltas, speeds

MARKS = re.compile(r"(<!-- figures -->\n).*?(<!-- /figures -->)", re.DOTALL)
OURS = "sensic"
ANCHORS = ("x264:medium", "x265:medium")  # clip by clip; against the others the means
SUMMARY = ("psnr_y", "psnr_yuv", "msssim", "vmaf", "xpsnr_y")
OTHER_GOP = "gop-16"


def figures(folder: Path) -> str:
    """The whole section, from the files in ``folder``."""
    results = Results.read(folder / "results.json")
    parts = [conditions(results), clips(results), best(results), means(results)]
    other = folder / OTHER_GOP / "results.json"
    if other.exists():
        parts.append(other_gop(Results.read(other)))
    parts += [speed(results), "![Rate–distortion curves](docs/images/rd.png)", kmac(results)]
    for name, describe in {"memory": memory, "adaptive": adaptive}.items():
        path = folder / f"{name}.json"
        if path.exists():
            parts.append(describe(json.loads(path.read_text(encoding="utf-8"))))
    return "\n\n".join(part for part in parts if part) + "\n"


def conditions(results: Results) -> str:
    how, frames = results.conditions, sorted({clip.frames for clip in results.clips})
    machine, model = how["machine"], how["networks"][OURS]
    groups = "one intra frame in each" if how["gop"] is None else f"one intra frame per {how['gop']}"
    length = "–".join(dict.fromkeys(map(str, (frames[0], frames[-1]))))
    return (
        f"{length} frames of each clip, {groups}, {how['threads']} threads for everyone, {machine['cores']} cores of "
        f"{machine['processor']}, load average before the run {machine['load_average']:g}, model {model['model']} "
        f"(`{model['id'][:16]}`). BD-rate is how many more bytes whole files need for the same quality (in brackets: "
        "without the container), over the range that both curves share."
    )


def clips(results: Results) -> str:
    """A row per clip: bytes against x264 and x265 at the same luma PSNR, and Sensic at its middle quality."""
    tables = {anchor: deltas(results, anchor, "psnr_y") for anchor in ANCHORS if anchor in results.coders}
    middle = {clip.name: results.of(clip.name, OURS)[len(results.of(clip.name, OURS)) // 2] for clip in results.clips}
    quality = next(iter(middle.values())).setting
    head = ["clip", *(f"bytes against {named(anchor)}" for anchor in tables)]
    head += [f"bits/pixel at quality {quality:g}", "PSNR Y, dB", "VMAF"]
    rows = []
    for name, m in middle.items():
        cells = [cell(found.cells[name][OURS]) for found in tables.values()]
        quality_cells = [f"{m.metrics['psnr_y']:.2f}", f"{m.metrics['vmaf']:.1f}" if "vmaf" in m.metrics else ""]
        rows.append([name, *cells, f"{results.bits_per_pixel(m):.4f}", *quality_cells])
    totals = [f"{percent(t.mean(OURS))} ({percent(t.mean(OURS, payload=True))})" for t in tables.values()]
    return table(head, [*rows, ["**mean**", *totals, "", "", ""]])


def best(results: Results) -> str:
    found = [results.of(clip.name, OURS)[-1].metrics["psnr_y"] for clip in results.clips]
    return f"The best quality reaches {min(found):.1f} to {max(found):.1f} dB on these clips."


def means(results: Results) -> str:
    """Against every other coder, by every kind of quality."""
    names = [name for name in SUMMARY if any(name in m.metrics for m in results.measurements)]
    others = [coder for coder in results.coders if coder != OURS]
    rows = [[named(o), *(percent(deltas(results, o, name).mean(OURS)) for name in names)] for o in others]
    text = "The mean by other measures of quality; none where the curves of a clip can't be compared:"
    return text + "\n\n" + table(["bytes against", *(METRICS[name].label for name in names)], rows)


def other_gop(results: Results) -> str:
    found = [
        f"{percent(deltas(results, anchor, 'psnr_y').mean(OURS))} against {named(anchor)}"
        for anchor in results.coders
        if anchor != OURS
    ]
    return f"With one intra frame per {results.conditions['gop']} (PSNR Y, mean of the clips): {', '.join(found)}."


def speed(results: Results) -> str:
    rows = [
        [
            named(row.coder),
            *(f"{rate:.1f}" for rate in (row.encode_rate, row.decode_rate, row.encode_cpu, row.decode_cpu)),
            *(f"{size / 1e6:.0f}" for size in (row.encode_memory, row.decode_memory)),
        ]
        for row in speeds(results)
    ]
    head = ["coder", "encode, frames/s", "decode", "CPU ms/frame, encode", "decode", "peak MB, encode", "decode"]
    text = (
        f"Speed over all clips and qualities, the fastest of {results.conditions['repeats']} rounds in turns; each a "
        "program of its own, starting up included:"
    )
    return text + "\n\n" + table(head, rows)


def kmac(results: Results) -> str:
    counts = dict(results.conditions["networks"][OURS]["kmac_per_pixel"])
    decoder, encoder = counts.pop("decoder"), counts.pop("encoder")
    parts = ", ".join(f"{name} {count:.2f}" for name, count in counts.items())
    return f"Networks: the decoder takes {decoder:.2f} kMAC per pixel, the encoder {encoder:.2f} ({parts})."


def memory(result: dict[str, Any]) -> str:
    cells = [f"{row['job']} {row['peak_bytes'] / 2**20:.0f} MiB for {row['frames']} frames" for row in result["rows"]]
    return f"Peak memory at {result['width']}×{result['height']}: {', '.join(cells)}."


def adaptive(result: dict[str, Any]) -> str:
    pairs = [pair for qualities in result["bytes_without_with"].values() for pair in qualities.values()]
    change = sum(using / without - 1 for without, using in pairs) / len(pairs) * 100
    return f"Adaptive statistics change the payload by {change:+.1f}% (mean of {len(pairs)} runs)."


def named(coder: str) -> str:
    return coder.replace(":", " ")


def percent(value: float | None) -> str:
    return "none" if value is None else f"{value:+.1f}%"


def cell(delta: Delta) -> str:
    if delta.percent is None:
        return delta.reason
    return f"{percent(delta.percent)} ({percent(delta.payload)}), {delta.low:.1f}–{delta.high:.1f} dB"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Markdown; all but the first column are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(
    results: Annotated[Path, typer.Argument(help="Folder with results.json.", exists=True)],
    readme: Annotated[Path, typer.Option(help="File to change.", exists=True)] = Path("README.md"),
    picture: Annotated[Path, typer.Option(help="What the demo left.")] = Path("demo/out/side-by-side.png"),
) -> None:
    text = readme.read_text(encoding="utf-8")
    if not MARKS.search(text):
        raise typer.BadParameter(f"{readme} has no lines <!-- figures --> and <!-- /figures -->")
    section = figures(results)
    readme.write_text(MARKS.sub(lambda m: m[1] + section + m[2], text), encoding="utf-8")
    images = readme.parent / "docs" / "images"
    images.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(results / "rd.png", images / "rd.png")
    if picture.exists():
        # A repository should not carry megabytes of lossless picture for every time that it is drawn.
        Image.open(picture).convert("RGB").save(images / "side-by-side.jpg", quality=90)


if __name__ == "__main__":
    typer.run(main)
