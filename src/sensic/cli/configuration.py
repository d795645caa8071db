"""Options that come from a file or from the environment: file < environment < flags.

A file is TOML with a table for each command, and in it a key for each option, by its long name::

    [encode]
    quality = 40
    low-latency = true

The environment has a variable for each: ``SENSIC_ENCODE_QUALITY=40``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from sensic.errors import UsageError

VARIABLE = "SENSIC_CONFIG"
LOCAL = "sensic.toml"

# Each says which quality to code at: where a flag gives one of them, what a file says of the others is off, and so on.
ALTERNATIVES = ("quality", "bitrate", "max-size", "target-vmaf", "target-psnr", "target-xpsnr")
# What starts a program is not for a file that may have come with a folder of videos.
PROGRAMS = ("player",)

_KINDS = {bool: "true or false", int: "a whole number", float: "a number"}


@dataclass(frozen=True)
class Setting:
    """An option's value and where it is from: ``flag``, ``default``, ``environment NAME`` or ``file PATH``."""

    value: Any
    origin: str

    @property
    def is_configured(self) -> bool:
        return self.origin not in ("flag", "default")


def options_of(command: TyperCommand) -> dict[str, TyperOption]:
    """Those of the command's options that can be configured, by key, the long name without its dashes."""
    return {key_of(p): p for p in command.params if isinstance(p, TyperOption) and p.expose_value}


def key_of(option: TyperOption) -> str:
    return next(name[2:] for name in option.opts if name.startswith("--"))


def variable_of(path: Sequence[str], key: str) -> str:
    """The environment variable of a command's option."""
    return "_".join(("sensic", *path, key)).upper().replace("-", "_")


def find(named: str | None) -> Path | None:
    """The file to read: the one that is named, by ``--config`` or the environment; else here; else the user's."""
    if named := named or os.environ.get(VARIABLE):
        return Path(named)
    places = (Path(LOCAL), Path(typer.get_app_dir("sensic")) / "config.toml")
    return next((place for place in places if place.is_file()), None)


@dataclass(frozen=True)
class File:
    """What a file says, by command (its words) and key. Raises UsageError, naming the file, for what is wrong in it."""

    path: Path | None
    tables: Mapping[tuple[str, ...], Mapping[str, Any]]

    @classmethod
    def read(cls, named: str | None, context: typer.Context) -> File:
        path = find(named)
        if path is None:
            return cls(None, {})
        tree = context.find_root().command
        assert isinstance(tree, TyperGroup)
        tables = dict(_tables(path, _parse(path), tree, ()))
        if named is None and path == Path(LOCAL) and VARIABLE not in os.environ:
            _refuse_programs(path, tables)
        for words, table in tables.items():
            command = _command(tree, words)
            for key, value in table.items():
                _check(options_of(command)[key], value, f"{path}: [{'.'.join(words)}] {key}", context)
        return cls(path, tables)


def settings_of(
    command: TyperCommand, words: Sequence[str], given: Mapping[str, Any], file: File, context: typer.Context
) -> dict[str, Setting]:
    """Every option's setting, by key. ``given`` are the flags, by parameter, as the parser leaves them."""
    _refuse_unknown_variables(words, options_of(command))
    found: dict[str, Setting] = {}
    table = file.tables.get(tuple(words), {})
    for key, option in options_of(command).items():
        variable = variable_of(words, key)
        if given.get(option.name) is not None:
            found[key] = Setting(given[option.name], "flag")
        elif text := os.environ.get(variable):
            value = text.split(_separator(option)) if option.multiple else text
            found[key] = Setting(_convert(option, value, variable, context), f"environment {variable}")
        elif key in table:
            found[key] = Setting(_native(option, table[key]), f"file {file.path}")
        else:
            found[key] = Setting(option.default, "default")
    return _without_overruled(found, options_of(command))


def _refuse_unknown_variables(words: Sequence[str], options: Mapping[str, TyperOption]) -> None:
    """Raises UsageError for one that is named like the command's but stands for none of its options."""
    known = [variable_of(words, key) for key in options]
    prefix = variable_of(words, "")
    for name in os.environ:
        if name.startswith(prefix) and name not in known:
            near = _nearest(name, known)
            hint = f"do you mean {near}?" if near else f"sensic {' '.join(words)} --help lists the options"
            raise UsageError(f"the environment has {name}, but there is no such option; {hint}")


def _without_overruled(found: dict[str, Setting], options: Mapping[str, TyperOption]) -> dict[str, Setting]:
    """Of the alternatives, only what the highest layer says."""
    layers = ("flag", "environment", "file")
    rank = {key: layers.index(s.origin.split()[0]) for key, s in found.items() if s.origin != "default"}
    chosen = [rank[key] for key in ALTERNATIVES if key in rank]
    off = {key for key in ALTERNATIVES if key in rank and rank[key] > min(chosen)}
    return {key: Setting(options[key].default, "default") if key in off else s for key, s in found.items()}


def to_toml(words: Sequence[str], settings: Mapping[str, Setting], options: Mapping[str, TyperOption]) -> str:
    """A table that can be read back; behind each value stands where it is from."""
    lines = [f"[{'.'.join(words)}]"]
    for key, setting in settings.items():
        if setting.value in (None, [], ()):
            said = re.search(r"\[default: (.*?)\]", options[key].help or "")
            lines.append(f"# {key}: not set" + (f", which means {said[1]}" if said else ""))
        else:
            lines.append(f"{key} = {_written(setting.value)}  # {setting.origin}")
    return "\n".join(lines) + "\n"


def _parse(path: Path) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: the configuration can't be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: a configuration is TOML: {error}") from error


def _tables(
    path: Path, content: Mapping[str, Any], group: TyperGroup, words: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """The tables of commands; those of groups are looked into."""
    for name, table in content.items():
        here = (*words, name)
        title = ".".join(here)
        command = group.commands.get(name)
        if command is None or command.hidden:
            known = [name for name, each in group.commands.items() if not each.hidden]
            raise UsageError(f"{path}: {_unknown(title, name, known, 'command')}")
        if not isinstance(table, dict):
            raise UsageError(f"{path}: {title} is a table, [{title}], with the command's options in it")
        if isinstance(command, TyperGroup):
            yield from _tables(path, table, command, here)
            continue
        assert isinstance(command, TyperCommand)
        keys = {name.replace("_", "-"): value for name, value in table.items()}
        known = list(options_of(command))
        for key in keys:
            if key not in known:
                raise UsageError(f"{path}: [{title}] {_unknown(key, key, known, 'key')}")
        yield here, keys


def _unknown(shown: str, name: str, known: Sequence[str], kind: str) -> str:
    near = _nearest(name, known)
    hint = f"; do you mean {near}?" if near else ";"
    return f"{shown}: there is no such {kind}{hint} there are {', '.join(known)}"


def _nearest(name: str, known: Sequence[str]) -> str | None:
    import difflib

    return next(iter(difflib.get_close_matches(name, known, 1)), None)


def _command(group: TyperGroup, words: Sequence[str]) -> TyperCommand:
    found = group.commands[words[0]]
    if isinstance(found, TyperGroup):
        return _command(found, words[1:])
    assert isinstance(found, TyperCommand)
    return found


def _refuse_programs(path: Path, tables: Mapping[tuple[str, ...], Mapping[str, Any]]) -> None:
    for words, table in tables.items():
        for key in PROGRAMS:
            if key in table:
                raise UsageError(
                    f"{path}: [{'.'.join(words)}] {key} starts a program: it is for your own configuration or a file "
                    "that you name with --config"
                )


def _check(option: TyperOption, value: Any, where: str, context: typer.Context) -> None:
    """Raises UsageError for a value of a wrong type, or out of range."""
    kind = _kind(option)
    for item in value if option.multiple and isinstance(value, list) else [value]:
        if not _is_a(item, kind):
            raise UsageError(f"{where} is {_allowed(option)}, not {_shown(item)}")
    _convert(option, _native(option, value), where, context)


def _allowed(option: TyperOption) -> str:
    """What may be written."""
    if choices := option.type_descriptor.choices:
        one = f"one of {', '.join(map(str, choices))}"
    else:
        one = _KINDS.get(_kind(option), "text")
        if option.min is not None or option.max is not None:
            one += f" from {option.min}" if option.max is not None else f", {option.min} or more"
            one += f" to {option.max}" if option.max is not None else ""
    return f"{one}, or a list of them" if option.multiple else one


def _shown(value: Any) -> str:
    return _written(value) if isinstance(value, str | int | float) else f"a {type(value).__name__}"


def _kind(option: TyperOption) -> type:
    kind: Any = option.type_descriptor.annotation
    if option.multiple:
        kind = kind.__args__[0]
    return kind if kind in _KINDS else str


def _is_a(value: Any, kind: type) -> bool:
    """Texts may be numbers too: preset = 5, fps = 25."""
    if isinstance(value, bool) or kind is bool:
        return isinstance(value, bool) and kind is bool
    return isinstance(value, int if kind is int else int | float if kind is float else str | int | float)


def _native(option: TyperOption, value: Any) -> Any:
    """As it would come from the command line, where texts are texts."""
    if option.multiple:
        return [_native_one(option, item) for item in (value if isinstance(value, list) else [value])]
    return _native_one(option, value)


def _native_one(option: TyperOption, value: Any) -> Any:
    return str(value) if _kind(option) is str else value


def _convert(option: TyperOption, value: Any, where: str, context: typer.Context) -> Any:
    try:
        return option.process_value(context, value)
    except typer.BadParameter as error:
        raise UsageError(f"{where} is {_allowed(option)}, not {_shown(value)}") from error


def _separator(option: TyperOption) -> str | None:
    """Between the values of a variable: blanks, or what stands between paths."""
    return option.type_descriptor.envvar_list_splitter


def _written(value: Any) -> str:
    """A value in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")
