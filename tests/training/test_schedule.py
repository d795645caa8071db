from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensic.training.recipe import Length, Phase, Schedule
from sensic.training.schedule import Clock, LearningRate, Patience, phase_at


def test_the_share_of_a_run() -> None:
    clock = Clock(steps=30, pictures=500, seconds=90)
    assert clock.share(Length(steps=60), 100) == 0.5
    assert clock.share(Length(epochs=10), 100) == 0.5
    assert clock.share(Length(minutes=3), 100) == 0.5
    assert clock.share(Length(steps=10), 100) == 1.0


def test_phases() -> None:
    phases = (Phase(0.0, 2), Phase(0.5, 6), Phase(0.9, 12))
    assert [phase_at(phases, share) for share in (0, 0.49, 0.5, 0.89, 0.9, 1)] == [0, 0, 1, 1, 2, 2]


@given(st.floats(0, 1), st.floats(0, 0.99), st.floats(0, 1))
def test_cosine_falls_from_one_to_the_floor(share: float, decay_from: float, floor: float) -> None:
    rate = LearningRate(Schedule(decay_from=decay_from, floor=floor, warmup=0))
    assert rate.factor(0, 0.0) == 1
    assert rate.factor(0, decay_from) == pytest.approx(1)
    assert rate.factor(0, 1.0) == pytest.approx(floor)
    assert floor - 1e-9 <= rate.factor(0, 1.0) <= rate.factor(0, share) + 1e-9 <= 1 + 2e-9


def test_warm_up_is_linear_and_never_nothing() -> None:
    rate = LearningRate(Schedule(kind="constant", warmup=4))
    assert [rate.factor(step, 0.5) for step in range(6)] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1, 1])


def test_a_plateau_lowers_the_rate_and_survives_a_checkpoint() -> None:
    schedule = Schedule(kind="plateau", warmup=0, patience=1, factor=0.5, floor=0.2)
    straight, before, after = (LearningRate(schedule) for _ in range(3))
    losses = [1.0, 0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96]
    factors = []
    for number, loss in enumerate(losses):
        straight.validated(loss)
        factors.append(straight.factor(0, 0.5))
        (before if number < 4 else after).validated(loss)
        if number == 3:
            after.restore(json.loads(json.dumps(before.state(), allow_nan=False)))
    assert factors == [1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.2]
    assert after.factor(0, 0.5) == straight.factor(0, 0.5)


def test_only_a_plateau_is_told_of_validations() -> None:
    rate = LearningRate(Schedule(kind="constant", warmup=0, patience=0))
    for _ in range(5):
        rate.validated(1.0)
    assert rate.factor(0, 0.5) == 1


def test_patience() -> None:
    patience, endless = Patience(2), Patience(0)
    assert [patience.better(loss) for loss in (1.0, 2.0, 0.5, float("nan"))] == [True, False, True, False]
    assert not patience.ended
    assert not patience.better(0.6)
    assert patience.ended
    other = Patience(2)
    other.restore(json.loads(json.dumps(patience.state())))
    assert other.ended
    assert not other.better(0.55)
    assert other.better(0.4)
    assert [endless.better(1.0) for _ in range(3)] == [True, False, False]
    assert not endless.ended
