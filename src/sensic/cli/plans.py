"""What ``--dry-run`` says."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from sensic.cli import console

if TYPE_CHECKING:
    from sensic import DecodePlan, EncodePlan, Filters, RateTarget, VideoInfo
    from sensic.evaluation import EvaluationPlan
    from sensic.training import AdaptPlan, PackPlan, TrainPlan


def show_encode(plan: EncodePlan, *, search: str | None, as_json: bool, quiet: bool) -> None:
    """``search`` is the target whose quality would be searched for."""
    rate, filters = plan.rate and asdict(plan.rate), plan.filters and asdict(plan.filters)
    if as_json:
        _record(plan, "encode", rate=rate, filters=filters, search=search, notes=plan.notes)
        return
    quality = f"the quality that gives {search}" if search else f"quality {plan.quality}"
    if plan.rate is not None:
        quality = f"{quality} at first, {_rate(plan.rate)}"
    lines = [
        ("encode", f"{plan.source} to {_destination(plan)}"),
        ("pictures", _pictures(plan.info, plan.frames)),
        *([("filters", _filters(plan.filters))] if plan.filters else []),
        ("coding", f"{quality}, {_groups(plan.groups)} of {plan.gop}, {_how(plan)}"),
        *([("model", f"{plan.model} ({str(plan.model_id)[:16]})")] if plan.model else []),
        *([("work", f"the cluster at {plan.cluster}")] if plan.cluster else []),
        *([("work", f"{plan.workers} processes")] if plan.workers > 1 else []),
    ]
    _print(plan, lines, quiet=quiet)


def show_decode(plan: DecodePlan, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        _record(plan, "decode", notes=plan.notes)
        return
    groups = "" if plan.groups is None else f", {plan.groups} group{'s' * (plan.groups != 1)}"
    lines = [
        ("decode", f"{plan.source} to {_destination(plan)}"),
        ("pictures", _pictures(plan.info, plan.frames)),
        ("coded", f"quality {plan.quality}, profile {plan.profile}{groups}"),
        *([("model", plan.model_id[:16])] if plan.model_id else []),
        ("output", f"{plan.codec or 'raw pictures'} in {plan.container}"),
    ]
    _print(plan, lines, quiet=quiet)


def show_evaluate(plan: EvaluationPlan, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        console.record("planned", command="evaluate", **asdict(plan))
        return
    for clip in plan.clips:
        print(f"clip:      {clip.name}, {_count(clip.frames)} of {clip.width}x{clip.height}, {clip.depth} bits")
    for coder, settings in plan.coders.items():
        print(f"coder:     {coder} at {', '.join(f'{setting:g}' for setting in settings)}")
    for failure in plan.failures:
        print(f"left out:  {failure.clip or failure.coder}: {failure.message}")
    print(f"measure:   {', '.join(plan.metrics)}; the others are compared with {plan.anchor}")
    print(f"work:      {plan.runs} times encode and decode, into {plan.out}")
    if not quiet:
        console.status("nothing was written")


def show_build(plan: PackPlan, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        console.record("planned", command="data build", **plan.to_json())
        return
    settings = plan.settings
    for name in plan.files:
        print(f"video:     {name}")
    for name, reason in plan.unusable.items():
        print(f"dropped:   {name}: {reason}")
    for name in plan.excluded:
        print(f"test clip: {name}")
    size, fps = "{}x{}".format(*settings.size), f", {settings.fps:g} per second" if settings.fps else ""
    print(f"packs:     clips of {settings.frames} frames of {size}, {settings.depth} bits{fps}, into {plan.output}")
    if not quiet:
        console.status("nothing was written")


def show_train(plan: TrainPlan, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        console.record("planned", command="train", **plan.to_json())
        return
    for pack in plan.packs:
        shape = f"{pack.clips} clips of {pack.frames} frames of {pack.width}x{pack.height}, {pack.depth} bits"
        print(f"pack:      {pack.path}: {shape}")
    print(f"learn:     from {plan.clips} clips, validate with {plan.held_out} others")
    begin = f"begin with {plan.start}" if plan.start else "begin anew"
    length = ", ".join(f"{value:g} {name}" for name, value in plan.length.items())
    print(f"run:       {plan.profile}, {length} on {plan.device}")
    print(f"into:      {plan.out}: {begin if plan.goes_on_at is None else f'go on at step {plan.goes_on_at:,}'}")
    if not quiet:
        console.status("nothing was written")


def show_adapt(plan: AdaptPlan, *, as_json: bool, quiet: bool) -> None:
    if as_json:
        console.record("planned", command="adapt", **plan.to_json())
        return
    for one in plan.footage:
        print(f"video:     {one.path}: {one.frames} frames of {one.width}x{one.height}, {one.depth} bits")
    size = "{}x{}".format(*plan.packs.size)
    print(f"model:     {plan.model} ({plan.model_id[:16]})")
    clips = f"at most {plan.packs.max_clips} clips of {size}"
    print(f"learn:     from {plan.learned} frames, {clips}; {plan.held_out} frames are held out")
    print(f"run:       {plan.minutes:g} minutes on {plan.device}")
    print(f"judge:     at qualities {', '.join(map(str, plan.qualities))}")
    print(f"into:      {plan.out}{', going on' if plan.goes_on else ''}")
    if not quiet:
        console.notes(plan.notes)
        console.status("nothing was written")


def _record(plan: EncodePlan | DecodePlan, command: str, **more: Any) -> None:
    import json

    own = {field.name: getattr(plan, field.name) for field in fields(plan)}
    console.record("planned", command=command, **{**own, "info": json.loads(plan.info.to_json()), **more})


def _print(plan: EncodePlan | DecodePlan, lines: list[tuple[str, str]], *, quiet: bool) -> None:
    lines += [("stream", stream) for stream in plan.streams]
    for name, value in lines:
        print(f"{name + ':':<10} {value}")
    if not quiet:
        console.notes(plan.notes)
        console.status("nothing was written")


def _destination(plan: EncodePlan | DecodePlan) -> str:
    return f"{plan.destination}, which is replaced" if plan.replaces else plan.destination


def _pictures(info: VideoInfo, frames: int | None) -> str:
    rate = f"{float(info.rate):g} per second" if info.rate else "varying or unknown rate"
    return f"{_count(frames)} of {info.width}x{info.height}, {info.depth} bits, {rate}"


def _count(frames: int | None) -> str:
    return "an unknown number of frames" if frames is None else f"{frames} frames"


def _groups(groups: int | None) -> str:
    return "groups" if groups is None else f"{groups} group{'s' * (groups != 1)} or more"


def _how(plan: EncodePlan) -> str:
    if plan.profile != "neural":
        return f"profile {plan.profile}"
    return f"effort {plan.effort}" + ", low latency" * plan.low_latency


def _rate(rate: RateTarget) -> str:
    parts = []
    if rate.bitrate is not None:
        parts.append(f"{rate.bitrate / 1000:g} kbit/s")
    if rate.max_size is not None:
        parts.append(f"at most {console.amount(rate.max_size)}")
    if rate.maxrate is not None:
        parts.append(f"a buffer filled at {rate.maxrate / 1000:g} kbit/s")
    return ", ".join(parts) + f" in {rate.passes} passes" * (rate.passes > 1)


def _filters(filters: Filters) -> str:
    chosen = {field.name: getattr(filters, field.name) for field in fields(filters)}
    usual = {field.name: field.default for field in fields(filters)}
    return ", ".join(f"{name} {value}" for name, value in chosen.items() if value != usual[name])
