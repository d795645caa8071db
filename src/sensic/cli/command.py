"""Every command and group of commands: their options come from a file and from the environment too."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from sensic.cli import configuration, console
from sensic.cli.configuration import File, Setting
from sensic.errors import UsageError

# A context is Any in what is overridden: its class there is private to Typer.
_CONFIG = "sensic.config"  # in the contexts' shared memory: what was named before the command


class Command(TyperCommand):
    """A command with ``--config`` and ``--print-config``, whose switches can be undone (``--no-quiet``)."""

    def __init__(self, *args: Any, params: list[Any] | None = None, **attributes: Any) -> None:
        super().__init__(*args, params=[*(params or ()), *_configuring()], **attributes)
        self.settings: dict[str, Setting] = {}

    def get_params(self, ctx: Any) -> list[Any]:
        return _convert_late(super().get_params(ctx))

    def make_parser(self, ctx: Any) -> Any:
        """A file may switch something on; then the command line must be able to switch it off."""
        parser = super().make_parser(ctx)
        for key, option in configuration.options_of(self).items():
            if option.is_bool_flag and not option.secondary_opts:
                parser.add_option(option, [f"--no-{key}"], option.name, action="store_const", const=False)
        return parser

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = _first_look(self, ctx, args)
        if given is not None:
            file = File.read(given.get("config") or ctx.meta.get(_CONFIG), ctx)
            self.settings = configuration.settings_of(self, _words(ctx), given, file, ctx)
            if given.get("print_config"):
                self._convert_flags(ctx)
                _print([(_words(ctx), self)], file)
            options = configuration.options_of(self)
            ctx.default_map = {
                options[key].name: setting.value
                for key, setting in self.settings.items()
                if setting.is_configured and setting.value is not None
            }
        rest = super().parse_args(ctx, args)
        console.want_json(bool(ctx.params.get("as_json")))
        return rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UsageError as error:
            named = [
                f"{key} is from the {setting.origin}"
                for key, setting in self.settings.items()
                if setting.is_configured and re.search(rf"\b{key.replace('-', '[-_ ]')}\b", str(error))
            ]
            if not named:
                raise
            raise UsageError(f"{error} ({', '.join(named)})") from error

    def _convert_flags(self, ctx: Any) -> None:
        options = configuration.options_of(self)
        for key, setting in self.settings.items():
            if setting.origin == "flag":
                self.settings[key] = Setting(options[key].process_value(ctx, setting.value), "flag")


class Group(TyperGroup):
    """A group of commands: ``--config`` is for all of them, ``--print-config`` prints a table for each."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.params = [*self.params, *_configuring()]

    def get_params(self, ctx: Any) -> list[Any]:
        return _convert_late(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = _first_look(self, ctx, args)
        if given is not None:
            if given.get("config"):
                ctx.meta[_CONFIG] = given["config"]
            if given.get("print_config"):
                file = File.read(ctx.meta.get(_CONFIG), ctx)
                commands = list(leaves(self, _words(ctx)))
                for words, command in commands:
                    command.settings = configuration.settings_of(command, words, {}, file, ctx)
                _print(commands, file)
        return super().parse_args(ctx, args)


class Commands(Mapping[str, Any]):
    """The commands of a package by name. One is imported and its options built when it is first looked at, since only
    one runs: for ``sense-budget`` that is the function, or the Typer of a group, ``sense_budget`` of the module
    ``sense_budget``."""

    def __init__(self, package: str, names: Sequence[str]) -> None:
        self._package, self._names = package, names
        self._built: dict[str, TyperCommand | TyperGroup] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._built:
            word = name.replace("-", "_")
            self._built[name] = build(getattr(importlib.import_module(f"{self._package}.{word}"), word))
        return self._built[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def leaves(group: TyperGroup, words: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Command]]:
    """Every command below a group, with its words."""
    found: list[tuple[tuple[str, ...], Command]] = []
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            found += leaves(command, (*words, name))
        elif isinstance(command, Command) and not command.hidden:
            found.append(((*words, name), command))
    return found


def _options(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="Read options from FILE, not from sensic.toml.",
            expose_value=False,
            rich_help_panel="Configuration",
        ),
    ] = None,
    print_config: Annotated[
        bool,
        typer.Option(
            "--print-config",
            help="Print all options as such a file, and exit.",
            expose_value=False,
            rich_help_panel="Configuration",
        ),
    ] = False,
) -> None:
    """Holds the options that every command gets."""


@functools.cache
def _configuring() -> tuple[TyperOption, ...]:
    return tuple(each for each in build(_options, TyperCommand).params if isinstance(each, TyperOption))


def build(made_of: Callable[..., None] | typer.Typer, kind: type[TyperCommand] = Command) -> Any:
    """The command that a function is, or the group that a Typer is."""
    if not isinstance(made_of, typer.Typer):
        function, made_of = made_of, typer.Typer(add_completion=False)
        made_of.command(cls=kind, no_args_is_help=True)(function)
    return typer.main.get_command(made_of)


def _convert_late(params: list[Any]) -> list[Any]:
    for param in params:
        vars(param).setdefault("get_runtime_param", functools.partial(_Conversion, param.get_runtime_param))
    return params


class _Conversion:
    """Of what the user gave to an option's value. Typer leaves it to pydantic, which takes longer to load than all the
    rest: it is not asked about texts that are to be texts, and what was not given."""

    def __init__(self, typers: Callable[[], Any]) -> None:
        self._typers = typers

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        if isinstance(value, str) and param.type_descriptor.annotation is str:
            return value
        return self._typers().coerce(value, param=param, ctx=ctx)


def _first_look(command: TyperCommand | TyperGroup, ctx: Any, args: list[str]) -> Mapping[str, Any] | None:
    """The flags, by parameter, before anything is made of them. None where they are not for work: help, completion."""
    if ctx.resilient_parsing or (not args and command.no_args_is_help):
        return None
    given, _, _ = command.make_parser(ctx).parse_args(args=list(args))
    return None if given.get("help") else given


def _words(ctx: Any) -> tuple[str, ...]:
    """The command's words without the program's name."""
    return () if ctx.parent is None else (*_words(ctx.parent), str(ctx.info_name))


def _print(commands: list[tuple[tuple[str, ...], Command]], file: File) -> None:
    """Show what the commands would use, and end."""
    print(f"# Read: {file.path or 'no file'}")
    for words, command in commands:
        print()
        print(configuration.to_toml(words, command.settings, configuration.options_of(command)), end="")
    raise typer.Exit
