"""Put measured figures into the README, so that none is typed by hand: ``python -m benchmarks.readme RESULTS``.

Reads what the other scripts wrote to the folder (``rd.json``, and ``memory.json``, ``kmac.json`` and ``adaptive.json``
where they are) and replaces the lines between the two ``figures`` comments; renews the pictures in ``docs/images``.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer
from PIL import Image

from benchmarks.rd import delta_cell, mean_delta, percent

MARKS = re.compile(r"(<!-- figures -->\n).*?(<!-- /figures -->)", re.DOTALL)
ANCHORS = ("x264-medium", "x265-medium")
MIDDLE = 2  # of the five qualities


def rate_distortion(result: dict[str, Any]) -> list[str]:
    """Conditions, and one row per clip: bytes against x264 and x265, and Sensic at the middle quality."""
    how, clips, deltas = result["conditions"], result["clips"], result["bd_rate"]
    middle = {name: coders["sensic"][MIDDLE] for name, coders in clips.items()}
    quality = next(iter(middle.values()))["setting"]
    lines = [
        f"{how['frames']} frames of each clip, one intra frame per {how['gop']}, two threads, "
        f"{how['machine']['cores']} cores of {how['machine']['processor']}, load average before the run "
        f"{how['load_average']:g}, model {how['model']['name']} (`{how['model']['id'][:16]}`). BD-rate is how many "
        "more bytes whole files need for the same luma PSNR (in brackets: without the container), over the range that "
        "both curves share. Seconds include starting up.",
        "",
        f"| clip | bytes against x264 medium | against x265 medium | bits/pixel at quality {quality:g} | Y-PSNR dB "
        "| encode frames/s | decode frames/s |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, m in middle.items():
        cells = [delta_cell(deltas[name][anchor]) for anchor in ANCHORS]
        cells += [f"{m['file_bytes'] * 8 / m['pixels']:.4f}", f"{m['psnr'][0]:.2f}"]
        cells += [f"{m['frames'] / m[f'{side}_seconds']:.1f}" for side in ("encode", "decode")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    means = [[percent(mean_delta(deltas, a, kind)) for kind in ("file_bytes", "payload_bytes")] for a in ANCHORS]
    lines.append("| **mean** | " + " | ".join(f"{file} ({payload})" for file, payload in means) + " | | | | |")
    best = [coders["sensic"][-1]["psnr"][0] for coders in clips.values()]
    lines += ["", f"The best quality reaches {min(best):.1f} to {max(best):.1f} dB on these clips. {estimates(clips)}"]
    return lines


def estimates(clips: dict[str, Any]) -> str:
    """How far what the range coder wrote is from what the model expected, where that is more than 20 kB."""
    ratios = [
        m["payload_bytes"] / m["estimated_bytes"] - 1
        for coders in clips.values()
        for m in coders["sensic"]
        if m["payload_bytes"] > 20_000
    ]
    if not ratios:
        return "No payload is above 20 kB."
    return f"Payloads above 20 kB are {min(ratios):+.2%} to {max(ratios):+.2%} from the model's own estimate."


def memory(result: dict[str, Any]) -> list[str]:
    cells = [f"{row['job']} {row['peak_bytes'] / 2**20:.0f} MiB for {row['frames']} frames" for row in result["rows"]]
    return [f"Peak memory at {result['width']}×{result['height']}: {', '.join(cells)}."]


def kmac(result: dict[str, Any]) -> list[str]:
    parts = ", ".join(f"{name} {count:.2f}" for name, count in result["kmac_per_pixel"].items())
    both = f"the decoder takes {result['decoder']:.2f} kMAC per pixel, the encoder {result['encoder']:.2f}"
    return [f"Networks: {both} ({parts})."]


def adaptive(result: dict[str, Any]) -> list[str]:
    pairs = [pair for qualities in result["bytes_without_with"].values() for pair in qualities.values()]
    change = sum(using / without - 1 for without, using in pairs) / len(pairs) * 100
    return [f"Adaptive statistics change the payload by {change:+.1f}% (mean of {len(pairs)} runs)."]


OPTIONAL = {"memory": memory, "kmac": kmac, "adaptive": adaptive}


def figures(results: Path) -> str:
    """The whole section, from the files in ``results``."""
    lines = rate_distortion(json.loads((results / "rd.json").read_text()))
    lines += ["", "![Rate–distortion curves](docs/images/rd.png)"]
    for name, describe in OPTIONAL.items():
        path = results / f"{name}.json"
        if path.exists():
            lines += ["", *describe(json.loads(path.read_text()))]
    return "\n".join(lines) + "\n"


def main(
    results: Annotated[Path, typer.Argument(help="Folder with rd.json.", exists=True)],
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
