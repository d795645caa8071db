"""Shared by all tests: a property may take the time it needs, as the machines that run them differ."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("sensic", deadline=None)
settings.load_profile("sensic")
