"""What the scripts of the page draw from: the results once more, with what follows from them computed here."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from fractions import Fraction
from itertools import permutations
from pathlib import Path
from typing import Any

from PIL import Image

from sensic.evaluation import tables
from sensic.evaluation.metrics import METRICS
from sensic.evaluation.report import crops
from sensic.evaluation.results import ClipInfo, Measurement, Results

DIGITS = 5  # significant ones of a measured value; nobody sees more in a curve
THUMBNAIL = (320, 240)  # at most
BUDGET = 9_000_000  # bytes of pictures in a page, before base64

Json = dict[str, Any]


def page_data(results: Results, pictures: Path | None) -> Json:
    """Everything on the page that can be clicked, as JSON: coders, metrics, clips, points, BD-rates and pictures."""
    metrics = tables.rate_metrics(results)
    names = {name for m in results.measurements for name in (*m.metrics, *m.per_frame)}
    return {
        "coders": [
            {"name": name, "ours": tables.is_ours(name), "version": _version(results, name)} for name in order(results)
        ],
        "metrics": metrics,
        "labels": {name: _label(name) for name in sorted(names)},
        "anchor": tables.default_anchor(results),
        "clips": [_clip(results, clip) for clip in results.clips],
        "deltas": {metric: _deltas(results, metric) for metric in metrics},
        "pictures": _pictures(results, pictures) if pictures else {},
    }


def order(results: Results) -> list[str]:
    """Our coders first; colours go by this."""
    return sorted(results.coders, key=lambda coder: not tables.is_ours(coder))


def script_json(data: Json) -> str:
    """JSON that can stand in a ``script`` element: nothing in it ends the element or opens a comment."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def frames_per_second(rate: str) -> str:
    """As people write it: 25 for 25/1, 29.97 for 30000/1001."""
    return f"{float(Fraction(rate)):.5g}"


def _version(results: Results, coder: str) -> str:
    return next((m.version for m in results.measurements if m.coder == coder and m.version), "")


def _label(name: str) -> Json:
    """As people write it; what isn't a metric of this version is called by its name."""
    metric = METRICS.get(name)
    if metric is None:
        return {"label": name.replace("_", " "), "unit": "", "higher": True}
    return {"label": metric.label, "unit": metric.unit, "higher": metric.higher_is_better}


def _clip(results: Results, clip: ClipInfo) -> Json:
    coders = {coder: [_point(results, m) for m in results.of(clip.name, coder)] for coder in order(results)}
    fields = {name: getattr(clip, name) for name in ("name", "frames", "width", "height", "depth")}
    return {
        **fields,
        "rate": frames_per_second(clip.rate),
        "coders": {coder: points for coder, points in coders.items() if points},
    }


def _point(results: Results, m: Measurement) -> Json:
    run = tables.fastest(m)
    frames = results.clip(m.clip).frames
    return {
        "setting": m.setting,
        "file": m.file_bytes,
        "payload": m.payload_bytes,
        "bpp": _rounded(results.bits_per_pixel(m)),
        "kbps": _rounded(tables.kilobits_per_second(results, m)),
        "metrics": {name: _rounded(value) for name, value in m.metrics.items()},
        "frames": {name: [_rounded(value) for value in values] for name, values in m.per_frame.items()},
        "encode": _rounded(frames / run.encode_seconds) if run else None,
        "decode": _rounded(frames / run.decode_seconds) if run else None,
        "commands": m.commands,
    }


def _rounded(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")


def _deltas(results: Results, metric: str) -> Json:
    """By anchor, then by coder: one cell for each clip, and the mean."""
    found: Json = {}
    for anchor, coder in permutations(results.coders, 2):
        cells = [tables.delta(results, clip.name, coder, anchor, metric) for clip in results.clips]
        column = tables.Deltas(anchor, metric, {str(i): {coder: cell} for i, cell in enumerate(cells)})
        found.setdefault(anchor, {})[coder] = {
            "cells": [vars(cell) for cell in cells],
            "mean": column.mean(coder),
            "payload": column.mean(coder, payload=True),
        }
    return found


def _pictures(results: Results, directory: Path) -> Json:
    """By clip, the frames that were kept; the last of each clip are left out where the page would grow too large."""
    found: Json = {}
    spent = 0
    chosen = {clip.name: (crops.kept_indices(directory, clip), _paired(results, clip)) for clip in results.clips}
    for turn in range(max((len(indices) for indices, _ in chosen.values()), default=0)):
        for clip in results.clips:
            indices, paired = chosen[clip.name]
            if turn < len(indices) and paired and spent < BUDGET:
                frame, size = _frame(results, clip, directory, indices[turn], paired)
                spent += size
                if len(frame["images"]) > 1:
                    found.setdefault(clip.name, []).append(frame)
    return found


def _paired(results: Results, clip: ClipInfo) -> list[Measurement]:
    """Each coder at the file size nearest to the anchor's in the middle of its curve, the anchor first."""
    anchor = tables.default_anchor(results)
    centre = tables.middle(results.of(clip.name, anchor))
    if centre is None:
        return []
    others = [tables.nearest(results.of(clip.name, c), centre.file_bytes) for c in order(results) if c != anchor]
    return [centre, *(m for m in others if m is not None)]


def _frame(
    results: Results, clip: ClipInfo, directory: Path, index: int, paired: Sequence[Measurement]
) -> tuple[Json, int]:
    """One frame as the source has it and as each coder left it, cut to where they differ most; and its bytes."""
    source = crops.load_rgb(crops.picture_path(directory, crops.source_key(clip), index))
    kept = {m.coder: (m, crops.picture_path(directory, m.picture, index)) for m in paired if m.picture}
    decoded = {coder: (m, crops.load_rgb(path)) for coder, (m, path) in kept.items() if path.exists()}
    left, top, width, height = box = crops.most_different([source, *(rgb for _, rgb in decoded.values())])
    images: Json = {}
    size = 0
    for name, rgb in {"source": source, **{coder: rgb for coder, (_, rgb) in decoded.items()}}.items():
        uri, length = _uri(Image.fromarray(rgb[top : top + height, left : left + width]), lossless=True)
        images[name] = {"uri": uri} | (_caption(results, paired[0], decoded[name][0], index) if name in decoded else {})
        size += length
    thumbnail = Image.fromarray(source)
    thumbnail.thumbnail(THUMBNAIL)
    uri, length = _uri(thumbnail, lossless=False)
    return {"index": index, "box": box, "thumbnail": uri, "images": images}, size + length


def _caption(results: Results, anchor: Measurement, m: Measurement, index: int) -> Json:
    """``ratio`` is how many times the anchor's bytes these are; ``psnr_y`` of this frame, where it was measured."""
    per_frame = m.per_frame.get("psnr_y", [])
    return {
        "setting": m.setting,
        "kbps": _rounded(tables.kilobits_per_second(results, m)),
        "ratio": _rounded(m.file_bytes / anchor.file_bytes),
        "psnr_y": _rounded(per_frame[index]) if index < len(per_frame) else None,
    }


def _uri(picture: Image.Image, *, lossless: bool) -> tuple[str, int]:
    """A picture as a data URI: what is compared is lossless, what only shows the place is not. And its bytes."""
    data = io.BytesIO()
    # Of a lossless picture, quality is effort: more takes five times as long for 0.3% fewer bytes (measured).
    picture.save(data, format="webp", lossless=lossless, quality=50 if lossless else 80, method=2, exact=True)
    return "data:image/webp;base64," + base64.b64encode(data.getvalue()).decode(), len(data.getvalue())
