"""Manual pages made of the commands themselves: ``python -m sensic.cli.man DIR`` writes sensic.1, sensic-encode.1 …

They are in roff with the macros of man(7), in ASCII: other letters are written as escapes.
"""

from __future__ import annotations

import datetime
import inspect
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

import sensic.cli
from sensic import __version__
from sensic.cli.app import program
from sensic.cli.command import leaves
from sensic.cli.configuration import options_of, variable_of

_VALUES = {int: "N", float: "X"}
_ESCAPES = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}


def pages() -> dict[str, str]:
    """Every page's text, by file name."""
    tree = program()
    found = {"sensic.1": _main_page(tree)}
    for words, command in leaves(tree):
        found[f"{'-'.join(('sensic', *words))}.1"] = _page(words, command)
    return found


def write(folder: Path) -> list[Path]:
    """Write all pages into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in pages().items():
        written.append(folder / name)
        written[-1].write_text(text, encoding="ascii")
    return written


def _main_page(tree: TyperGroup) -> str:
    commands = [
        line
        for words, command in leaves(tree)
        for line in (".TP", f"{_bold('-'.join(('sensic', *words)))}(1)", _text(_summary(command)))
    ]
    return _document(
        "sensic",
        "a learned video codec",
        f"{_bold('sensic')} {_italic('COMMAND')} [{_italic('OPTION')} ...]",
        [_text(_summary(tree)), ".SH COMMANDS", *commands, *_options(tree)],
        ["sensic-" + "-".join(words) for words, _ in leaves(tree)],
    )


def _page(words: Sequence[str], command: TyperCommand) -> str:
    arguments = [param for param in command.params if isinstance(param, TyperArgument)]
    synopsis = " ".join((_bold(" ".join(("sensic", *words))), f"[{_italic('OPTION')} ...]", *map(_argument, arguments)))
    body = _paragraphs(inspect.cleandoc(command.help or ""))
    if arguments:
        body.append(".SH ARGUMENTS")
        for param in arguments:
            body += [".TP", _argument(param), _text(param.help or "")]
    example = variable_of(words, next(iter(options_of(command))))
    configured = (
        f"Every option can be set by a variable, this command's first one by {example}, and by the table "
        f"[{'.'.join(words)}] of a configuration: sensic(1)."
    )
    return _document(
        "-".join(("sensic", *words)),
        _summary(command).rstrip("."),
        synopsis,
        [*body, *_options(command), ".SH CONFIGURATION", _text(configured)],
        ["sensic"],
    )


def _document(name: str, summary: str, synopsis: str, body: list[str], others: Sequence[str]) -> str:
    lines = [
        f'.TH {name.upper()} 1 "{_date()}" "Sensic {__version__}" "Sensic"',
        ".SH NAME",
        f"{_text(name)} \\- {_text(summary)}",
        ".SH SYNOPSIS",
        synopsis,
        ".SH DESCRIPTION",
        *body,
        *_shared(),
        ".SH SEE ALSO",
        ",\n".join(f"{_bold(other)}(1)" for other in others),
    ]
    return "\n".join(line for line in lines if line) + "\n"


def _shared() -> list[str]:
    """What is the same for every command."""
    codes = re.findall(r"^\s*(\d+)  (.+)$", sensic.cli.__doc__ or "", re.MULTILINE)
    return [
        ".SH EXIT STATUS",
        *(line for code, meaning in codes for line in (".TP", _bold(code), _text(meaning))),
        ".SH FILES",
        *(".TP", _bold("./sensic.toml"), _text("Options in TOML, a table for each command.")),
        *(".TP", _bold("~/.config/sensic/config.toml"), _text("The same, where there is no such file here.")),
        ".SH ENVIRONMENT",
        *(".TP", _bold("SENSIC_CONFIG"), _text("The file to read instead of these.")),
        *(".TP", f"{_bold('SENSIC_')}{_italic('COMMAND')}{_bold('_')}{_italic('OPTION')}"),
        _text("An option's value; flags overrule it, and it overrules the file."),
    ]


def _options(command: TyperCommand | TyperGroup) -> Iterator[str]:
    """By panel, in the order of the help."""
    options = [param for param in command.params if isinstance(param, TyperOption) and not param.hidden]
    yield ".SH OPTIONS"
    for panel in dict.fromkeys(option.rich_help_panel for option in options):
        if panel:
            yield f".SS {_text(panel)}"
        for option in options:
            if option.rich_help_panel == panel:
                yield ".TP"
                names = sorted((*option.opts, *option.secondary_opts), key=lambda name: name.startswith("--"))
                yield ", ".join(map(_bold, names)) + _value(option)
                yield _text(_help(option))
    yield from (".SS Help", ".TP", f"{_bold('-h')}, {_bold('--help')}", "Show the options and exit.")


def _value(option: TyperOption) -> str:
    if option.is_flag:
        return ""
    kind: Any = option.type_descriptor.annotation
    return " " + _italic(option.metavar or _VALUES.get(kind, "TEXT"))


def _help(option: TyperOption) -> str:
    text = option.help or ""
    usual = option.default
    if option.show_default is True and usual not in (None, False, ()) and "[default:" not in text:
        text += f"  [default: {usual}]"
    return text


def _argument(argument: TyperArgument) -> str:
    several = "..." if argument.nargs != 1 and not (argument.metavar or "").endswith("...") else ""
    name = _italic(argument.metavar or argument.name.upper()) + several
    return name if argument.required else f"[{name}]"


def _summary(command: TyperCommand | TyperGroup) -> str:
    return " ".join(inspect.cleandoc(command.help or "").split("\n\n")[0].split())


def _paragraphs(text: str) -> list[str]:
    return [line for part in text.split("\n\n") for line in (".PP", _text(" ".join(part.split())))][1:]


def _bold(text: str) -> str:
    return rf"\fB{_text(text)}\fR"


def _italic(text: str) -> str:
    return rf"\fI{_text(text)}\fR"


def _text(text: str) -> str:
    """Plain text: nothing in it is an instruction."""
    escaped = "".join(_ESCAPES.get(c, c if c.isascii() else rf"\[u{ord(c):04X}]") for c in text)
    return rf"\&{escaped}" if escaped.startswith(".") else escaped


def _date() -> str:
    """Today, or when a build that can be reproduced says it is."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    zone = datetime.UTC
    return f"{datetime.datetime.fromtimestamp(int(seconds), zone) if seconds else datetime.datetime.now(zone):%Y-%m-%d}"


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m sensic.cli.man DIR", file=sys.stderr)
        return 2
    for path in write(Path(arguments[0])):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
