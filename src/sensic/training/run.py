"""What every run does, whatever it trains: steps, validations, checkpoints, until its length is reached, validations
find nothing better, or somebody stops it."""

from __future__ import annotations

import contextlib
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import torch
from safetensors.torch import load as tensors_from
from safetensors.torch import save as tensors_to
from torch import Tensor, nn

from sensic.errors import OutputError, TrainingError
from sensic.training.checkpoint import Checkpoint, Checkpoints, write_bytes, write_tensors
from sensic.training.distributed import Team, joined
from sensic.training.logs import Logs
from sensic.training.material import Material, gather
from sensic.training.meter import Figures, Meter
from sensic.training.optimiser import Optimiser, averaged
from sensic.training.recipe import RunRecipe
from sensic.training.reports import TrainCallback
from sensic.training.schedule import Clock, LearningRate, Patience
from sensic.training.stopping import Stop, stoppable
from sensic.training.stored import BEST

CHECKPOINTS = "checkpoints"
_EXPLODED = 1e6  # times the clip: a picture has run away, and the direction of such a gradient says nothing


class Result(Protocol):
    """What a validation found after ``step`` steps: a dataclass that JSON can hold. The least ``loss`` is best."""

    @property
    def step(self) -> int: ...
    @property
    def loss(self) -> float: ...
    @classmethod
    def of(cls, values: dict[str, Any]) -> Self: ...
    def to_dict(self) -> dict[str, Any]: ...


R = TypeVar("R", bound=RunRecipe)
V = TypeVar("V", bound=Result)
Net = TypeVar("Net", bound=nn.Module)
Report = TypeVar("Report")


@dataclass(frozen=True)
class Step:
    """What was computed of one batch: the ``loss`` with its gradients, what ``Figures`` call bits per pixel and
    distortion, how many ``pictures`` the batch held, and what else a line of the log tells."""

    loss: Tensor
    bpp: float
    distortion: float
    pictures: int
    told: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Sitting:
    """What a run is given each time it is begun or goes on."""

    out: Path
    start: str | Path | None
    team: Team
    material: Material
    stop: Stop
    progress: TrainCallback | None


class Run(ABC, Generic[R, V, Net, Report]):
    """One sitting of a run. ``go`` does everything; a context manager, which closes the logs.

    A subclass says what is special: its networks, what a step computes, how it is validated, what comes out.
    """

    result: type[V]

    def __init__(self, recipe: R, sitting: Sitting) -> None:
        self.recipe, self.out, self.team, self.material = recipe, sitting.out, sitting.team, sitting.material
        self.stop, self.progress = sitting.stop, sitting.progress if sitting.team.leads else None
        self.checkpoints = Checkpoints(self.out / CHECKPOINTS, recipe.output.keep)
        self.checkpoints.sweep()
        found = self.checkpoints.newest()
        self.vae = self.networks(found, sitting.start)
        self.average = averaged(self.vae, recipe.optimiser.average).eval()
        self.optimiser = Optimiser(self.vae, recipe.optimiser)
        self.rate, self.patience = LearningRate(recipe.schedule), Patience(recipe.validation.patience)
        self.clock, self.history = Clock(), list[V]()
        self.best_step, self.broken = 0, 0
        self.validated_at: tuple[int, float] | None = None  # steps and seconds
        self.meter = Meter(self.clock, 0.0, self.crop)
        self.logs: Logs | None = None
        self.begin()
        if found:
            self._restore(found)
        self.saved_at = self.clock.seconds
        self.meter = Meter(self.clock, self.share, self.crop)
        if self.team.leads:
            write_bytes(self.out / "recipe.toml", recipe.to_toml().encode())
            self.logs = Logs(self.out, self.clock.steps, tensorboard=recipe.output.tensorboard)
            self.logs.write("sitting", self.clock.steps, processes=self.team.size, device=str(self.team.device))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.logs:
            self.logs.close()

    # What a subclass says

    @property
    @abstractmethod
    def crop(self) -> int:
        """The side of the crops, in pixels."""

    @abstractmethod
    def networks(self, found: Checkpoint | None, start: str | Path | None) -> Net:
        """Those of the checkpoint, of what one starts from, or new ones; on the team's device, alike in all of it."""

    @abstractmethod
    def begin(self) -> None:
        """Called once, before anything is restored."""

    @abstractmethod
    def compute(self, share: float) -> Step:
        """The next step, but for the gradients; ``share`` 0..1 of the run is done."""

    @abstractmethod
    def validate(self) -> V | None:
        """Judge the averaged weights, in the first process. None: given up, as somebody wants to stop."""

    @abstractmethod
    def export(self, weights: Path, model: Path) -> None:
        """Make a model of the best weights."""

    @abstractmethod
    def report(self, weights: Path, model: Path | None) -> Report:
        """What came out."""

    def stepped(self, taken: bool) -> None:
        """Called after a step, which was ``taken``, or left out as its loss or gradient was no number."""

    def publish(self, result: V, *, best: bool) -> None:
        """Called with each result of a validation, in the first process."""

    def facts(self) -> dict[str, Any]:
        """What else a checkpoint holds, as JSON."""
        return {}

    def own(self) -> dict[str, Tensor]:
        """What this process alone knows, for a checkpoint."""
        return {}

    def restore(self, facts: dict[str, Any], own: dict[str, Tensor]) -> None:
        """The inverse of ``facts`` and ``own``."""

    # The run

    def go(self) -> Report:
        while True:
            ended = self.share >= 1 or self.patience.ended
            if self._validation_due(ended):
                self._save()
                self._validate()
                self._save()
                ended = ended or self.patience.ended
            if ended:
                break
            self._step()
            stopping = bool(self.team.average([self.stop.wanted]).pop())
            if stopping or self.clock.seconds - self.saved_at >= self.recipe.output.checkpoint_seconds:
                self._save()
            if stopping:
                self.stop.leave()
        self._save()
        return self._finish()

    @property
    def share(self) -> float:
        """The share 0..1 of the run that is done."""
        return self.clock.share(self.recipe.length, self.material.pictures)

    def tell(self, task: str, share: float) -> None:
        if self.progress:
            self.progress(self.meter.progress(task, self.clock.steps, share))

    def _step(self) -> None:
        share, began = self.share, time.monotonic()
        self.optimiser.zero_grad()
        step = self.compute(share)
        step.loss.backward()  # type: ignore[no-untyped-call]
        self.team.average_gradients(self.optimiser.parameters)
        norm = self.optimiser.clip()
        loss, bpp, error = self.team.average([float(step.loss.detach()), step.bpp, step.distortion])
        figures = Figures(loss, bpp, error, norm, self.rate.factor(self.clock.steps, share))
        taken = math.isfinite(loss) and norm < _EXPLODED * self.recipe.optimiser.clip
        if taken:
            self.optimiser.step(figures.factor)
            self.average.update_parameters(self.vae)
        self._count_broken(taken)
        self.stepped(taken)
        pictures = step.pictures * self.team.size
        self.clock.steps += 1
        self.clock.pictures += pictures
        self.clock.seconds = self.team.first(self.meter.elapsed())
        self.meter.add(figures, pictures, time.monotonic() - began)
        if self.logs and self.clock.steps % self.recipe.output.log_steps == 0:
            self.logs.write("training", self.clock.steps, share=self.share, **step.told, **self.meter.taken())
        self.tell("training", self.share)

    def _count_broken(self, taken: bool) -> None:
        """A step whose loss or gradient is no number is as if it had not been; many in a row end the run."""
        self.broken = 0 if taken else self.broken + 1
        if self.broken >= self.recipe.optimiser.nan_steps:
            raise TrainingError(
                f"the loss or its gradient was NaN, infinite or immense in {self.broken} steps in a row, up to step "
                f"{self.clock.steps}: lower the learning rates; the checkpoints in {self.checkpoints.folder} are intact"
            )
        if self.broken and self.logs:
            self.logs.write("skipped", self.clock.steps, in_a_row=self.broken)

    # Validation

    def _validation_due(self, ended: bool) -> bool:
        settings = self.recipe.validation
        if not len(self.material.held_out.clips):
            return False
        if self.validated_at is None:
            return True
        steps, seconds = self.clock.steps - self.validated_at[0], self.clock.seconds - self.validated_at[1]
        return steps > 0 and (ended or 0 < settings.every_steps <= steps or 0 < 60 * settings.every_minutes <= seconds)

    def _validate(self) -> None:
        """With the averaged weights, in the first process; all learn of the loss, and the best weights are kept."""
        self.tell("validating", 0.0)
        result = self.validate() if self.team.leads else None
        loss = self.team.first(math.nan if result is None else result.loss)
        self.clock.seconds = self.team.first(self.meter.elapsed())
        if self.team.first(float(self.stop.wanted)):
            return  # given up: the next step will see that somebody wants to stop
        self.validated_at = self.clock.steps, self.clock.seconds
        self.rate.validated(loss)
        best = self.patience.better(loss)
        if best:
            self.best_step = self.clock.steps
            if self.team.leads:
                self._keep(self.out / BEST)
        if result is not None:
            self.history.append(result)
            if self.logs:
                self.logs.write("validation", best=best, **result.to_dict())
            self.publish(result, best=best)

    def _keep(self, path: Path) -> None:
        write_tensors(path, self.average.module.state_dict(), {"step": str(self.best_step)})

    # What stays

    def _save(self) -> None:
        """A checkpoint; what only the other processes know comes to the first one."""
        parts = self.team.gather(tensors_to(self.own()))
        self.saved_at = self.clock.seconds
        if not self.team.leads:
            return
        tensors = {f"model.{k}": v for k, v in self.vae.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self.average.state_dict().items()}
        tensors |= {f"optimiser.{k}": v for k, v in self.optimiser.tensors().items()}
        tensors |= {f"process.{rank}.{k}": v for rank, part in enumerate(parts) for k, v in tensors_from(part).items()}
        facts = {
            "clock": asdict(self.clock),
            "rate": self.rate.state(),
            "patience": self.patience.state(),
            "best_step": self.best_step,
            "broken": self.broken,
            "validated_at": self.validated_at,
            "history": [asdict(result) for result in self.history],  # type: ignore[call-overload]
            "material": self.material.identity,
            **self.facts(),
        }
        self.checkpoints.save(self.clock.steps, tensors, facts)

    def _restore(self, found: Checkpoint) -> None:
        """Everything but the weights, which are there already."""
        facts: dict[str, Any] = {"broken": 0, "patience": self.patience.state(), "validated_at": None}
        facts |= {"material": self.material.identity}
        facts |= found.facts  # runs of sensing decoders that were begun earlier lack some of these
        self.average.load_state_dict(found.part("average."))
        self.optimiser.restore(found.part("optimiser."))
        self.clock, self.broken = Clock(**facts["clock"]), facts["broken"]
        self.rate.restore(facts["rate"])
        if facts["material"] != self.material.identity:
            return  # other clips: what was best on the old ones says nothing
        self.patience.restore(facts["patience"])
        self.best_step = facts["best_step"]
        self.history = [self.result.of(result) for result in facts["history"]]
        self.validated_at = facts["validated_at"] and tuple(facts["validated_at"])
        self.restore(facts, found.part(f"process.{self.team.rank}."))

    def _finish(self) -> Report:
        weights, model = self.out / BEST, self.out / "model" if self.recipe.output.export else None
        if self.team.leads:
            if not weights.is_file() or not self.history:
                self.best_step = self.clock.steps
                self._keep(weights)
            if model:
                self.tell("exporting", self.share)
                self.export(weights, model)
        return self.report(weights, model)

    @property
    def best(self) -> V | None:
        """The validation of the weights that are exported, if there was one."""
        return next((v for v in reversed(self.history) if v.step == self.best_step), None)

    def outcome(self, weights: Path, model: Path | None) -> dict[str, Any]:
        """What the reports of all runs have in common."""
        return {
            "run": self.out,
            "steps": self.clock.steps,
            "seconds": self.clock.seconds,
            "crops_per_second": self.meter.crops_per_second,
            "validations": tuple(self.history),
            "best_step": self.best_step,
            "weights": weights,
            "model": model,
            "stopped_early": self.share < 1,
        }


def train_with(
    kind: Callable[[R, Sitting], Run[R, V, Net, Report]],
    recipe: R,
    *,
    motion: bool,
    out: str | Path,
    start: str | Path | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    device: str = "auto",
    progress: TrainCallback | None = None,
) -> Report:
    """Gather what ``recipe`` names and go on with the run in ``out``, or begin it; ``motion`` is whether the
    networks want any.

    Arguments and errors are those of ``sensic.training.train``.
    """
    recipe, out = recipe.lasting(minutes=minutes, steps=steps), Path(out)
    with joined(recipe.device if device == "auto" else device) as team, using_threads(recipe.threads):
        material = gather(recipe, team, progress, motion=motion)
        try:
            (out / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
            with stoppable() as stop, kind(recipe, Sitting(out, start, team, material, stop, progress)) as run:
                return run.go()
        except OSError as error:
            raise OutputError(
                f"can't write the run {out}: {error.strerror or error}; its checkpoints are intact"
            ) from error


@contextlib.contextmanager
def using_threads(count: int) -> Iterator[None]:
    """PyTorch with ``count`` threads (0: as it is)."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
