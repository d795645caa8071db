"""How recipes are read: TOML to frozen dataclasses, and every fault in one clear line."""

from __future__ import annotations

import dataclasses
import difflib
import json
import tomllib
import types
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self, get_args, get_type_hints

import tomli_w
from pydantic import TypeAdapter, ValidationError

from sensic.errors import RecipeError


class BaseRecipe:
    """A recipe is a pydantic dataclass with (at least) the tables ``data`` and ``length`` of
    ``sensic.training.recipe``."""

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The recipe in a TOML file, its paths made absolute. Raises RecipeError."""
        path = Path(path)
        values = read_tables(path)
        try:
            return cls.of(values).located(path.parent)
        except RecipeError as error:
            raise RecipeError(f"{path}: {error}") from error

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """The recipe of nested tables. Raises RecipeError naming key, value and what is allowed."""
        try:
            # By way of JSON, whose rules let a list be a tuple and yet a string no number.
            recipe: Self = TypeAdapter(cls).validate_json(json.dumps(values, default=str))
        except ValidationError as error:
            raise RecipeError("; ".join(_explain(cls, dict(e)) for e in error.errors())) from error
        return recipe

    def located(self, folder: Path) -> Self:
        """With paths that are relative to ``folder`` made absolute."""

        def absolute(path: str) -> str:
            return str((folder / Path(path).expanduser()).resolve())

        values = self.to_dict()
        data = values["data"]
        for key in ("packs", "held_out"):
            data[key] = tuple(map(absolute, data[key]))
        data["cache"] = absolute(data["cache"]) if data["cache"] else ""
        return self.of(values)

    def lasting(self, *, minutes: float | None = None, steps: int | None = None) -> Self:
        """With another length, if one is given. Raises RecipeError where it is impossible, or both are given."""
        if minutes is None and steps is None:
            return self
        given = {key: value for key, value in (("minutes", minutes), ("steps", steps)) if value is not None}
        return self.of(self.to_dict() | {"length": given})

    def to_dict(self) -> dict[str, Any]:
        """Nested tables, without what isn't set."""
        return {key: value for key, value in asdict(self).items() if value is not None}  # type: ignore[call-overload]

    def to_toml(self) -> str:
        return tomli_w.dumps(self.to_dict())


def read_tables(path: Path) -> dict[str, Any]:
    """What a TOML file holds. Raises RecipeError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"can't read the recipe {path}: {error.strerror}") from error
    except ValueError as error:
        raise RecipeError(f"{path} is not TOML: {error}") from error


def _explain(recipe: type[BaseRecipe], error: dict[str, Any]) -> str:
    """One error of pydantic in our words: key = value: what is allowed."""
    where = [str(part) for part in error["loc"]]
    key, message = ".".join(where) or "recipe", str(error["msg"]).removeprefix("Value error, ")
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        known = _fields(recipe, where[:-1])
        near = difflib.get_close_matches(where[-1], known, 1)
        hint = f"do you mean {near[0]}? " if near else ""
        return f"{key}: there is no such key; {hint}there are {', '.join(known)}"
    message = message[:1].lower() + message[1:]
    return f"{key}: {message}" if isinstance(error["input"], dict) else f"{key} = {error['input']!r}: {message}"


def _fields(recipe: type[Any], where: list[str]) -> list[str]:
    """Names of the keys that the table at ``where`` of a recipe can have."""
    table = recipe
    for key in where:
        table = _table(get_type_hints(table)[key]) if key in get_type_hints(table) else table
    return [field.name for field in dataclasses.fields(table)]


def _table(hint: Any) -> Any:
    """The dataclass in an annotation like ``Network | None`` or ``tuple[Phase, ...]``."""
    inner = [part for part in get_args(hint) if part not in (types.NoneType, ...)]
    return _table(inner[0]) if inner else hint
