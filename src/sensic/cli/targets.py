"""The search for a target, as the user sees it: every try, then the quality that is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sensic.cli import console
from sensic.cli.progress import View, display

if TYPE_CHECKING:
    from sensic.evaluation import Target, Try


_OPTIONS = ("gop", "preset", "model", "threads", "filters")  # of an encode, that matter to the search


def search(source: str, target: Target, options: Mapping[str, Any], *, as_json: bool, quiet: bool) -> int:
    """The lowest quality that reaches the target. Raises like ``sensic.evaluation.find_quality``."""
    from sensic.evaluation import find_quality

    metric, value = target.metric, target.value
    asked = {name: options[name] for name in _OPTIONS if name in options}

    def tried(one: Try) -> None:
        if as_json:
            console.record("try", metric=metric, **asdict(one))
        elif not quiet:
            console.status(
                f"quality {one.quality}: {metric} {one.score:.2f}, "
                f"about {console.amount(one.bytes)} in {console.clock(one.seconds)}"
            )

    with display(quiet=quiet, as_json=as_json, view=SearchView()) as show:
        found = find_quality(source, target, on_try=tried, progress=show, **asked)
    if as_json:
        console.record(
            "found", metric=metric, target=value, frames=found.frames, total=found.total, **asdict(found.best)
        )
    elif not quiet:
        part = "" if found.frames == found.total else f", by {found.frames} of {found.total} frames"
        console.status(f"{found.target}: quality {found.best.quality}{part}")
    return found.best.quality


class SearchView(View):
    """Frames of the excerpts, try after try."""

    def text(self, progress: Any) -> str:
        of = f"/{progress.total}" if progress.total else ""
        what = f"try {progress.number}, quality {progress.quality}" if progress.number else "reading"
        return f"{what}: {progress.frames}{of} frames"

    def fields(self, progress: Any) -> dict[str, Any]:
        return {**asdict(progress), "step": "search"}
