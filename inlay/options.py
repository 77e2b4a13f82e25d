"""Options that several commands share, declared once as dataclasses whose fields become options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from math import isfinite
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from inlay.choices import FORMATS, Format, Priority, Solver
from inlay.complaints import errors_as_exit_status
from inlay.connecting import DEFAULT_URL

Picture = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The picture file.")]
Url = Annotated[str, typer.Option(envvar="INLAY_URL", help="Address of the service.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, errors included.")]
Show = Annotated[bool, typer.Option("--show/--no-show", help="Show the picture too, in a terminal that can.")]


@dataclass(frozen=True, slots=True)
class Sampling:
    """Parameters of every task; what is left out is decided by the service."""

    prompt: Annotated[str | None, typer.Option(help="What is to be seen.")] = None
    negative_prompt: Annotated[str | None, typer.Option(help="What is not to be seen.")] = None
    guidance_scale: Annotated[float | None, typer.Option(help="Classifier-free guidance; 1 is off.")] = None
    steps: Annotated[int | None, typer.Option(help="Sampling steps.")] = None
    solver: Annotated[Solver | None, typer.Option(help="Ours, or the paper's.")] = None
    inner_steps: Annotated[int | None, typer.Option(help="Corrections per step of the paper's solver.")] = None
    seed: Annotated[int | None, typer.Option(help="The same seed draws the same picture.")] = None
    n: Annotated[int | None, typer.Option("--n", help="How many pictures.")] = None
    model: Annotated[str | None, typer.Option(help="Model to ask for.")] = None
    priority: Annotated[Priority | None, typer.Option(help="High goes before other jobs of yours that wait.")] = None
    deadline_s: Annotated[
        float | None, typer.Option("--deadline", help="The job fails if it has not ended after so many seconds.")
    ] = None
    webhook_url: Annotated[str | None, typer.Option(help="https:// address to tell when the job has ended.")] = None
    metadata: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A note that comes back with the job; repeatable.")
    ] = None
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same command under the same key is the same job, not another one.")
    ] = None

    def parameters(self) -> dict[str, Any]:
        """As the service's parameters, without what was left out. Raises `typer.BadParameter`."""
        return _given(self) | ({"metadata": pairs(self.metadata)} if self.metadata else {})


@dataclass(frozen=True, slots=True)
class Seam:
    """Parameters of the tasks that keep pixels of a picture: what happens where they meet the drawn ones."""

    mask_feather_px: Annotated[int | None, typer.Option(help="Width of the soft edge inside the hole.")] = None
    preserve_known: Annotated[
        bool | None,
        typer.Option("--preserve-known/--no-preserve-known", help="Put the known pixels back [default: yes]."),
    ] = None

    def parameters(self) -> dict[str, Any]:
        """As the service's parameters, without what was left out."""
        return _given(self)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Which service to use and what to do with its answer."""

    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where the result goes, - for stdout; its ending tells the format."),
    ] = None
    format: Annotated[Format | None, typer.Option(help="File format of the result [default: as --output, or png].")] = (
        None
    )
    quality: Annotated[int | None, typer.Option(help="Of webp and jpeg, 1 to 100.")] = None
    url: Url = DEFAULT_URL
    timeout_s: Annotated[
        float | None, typer.Option("--timeout", min=0, help="Give up waiting after so many seconds.")
    ] = None
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Print the job's id and return at once.")] = False
    as_json: AsJson = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no picture, only the result.")] = False
    show: Show = True

    def encoding(self) -> dict[str, Any]:
        """The service's parameter `output`. Raises `typer.BadParameter` where the file's name says another format."""
        kind = self.format or Format.PNG
        if self.output is not None and self.output.suffix:
            told = FORMATS.get(self.output.suffix.lower())
            if self.format is None and told is None:
                raise typer.BadParameter(f"which format is {self.output.name}? Say it with --format", param_hint="-o")
            if self.format is not None and told not in (None, self.format):
                raise typer.BadParameter(f"{self.output.name} is no name for {self.format.value}", param_hint="-o")
            kind = self.format or told or kind
        return {"format": kind.value} | ({} if self.quality is None else {"quality": self.quality})


def _given(group: Sampling | Seam) -> dict[str, Any]:
    values = {field.name: getattr(group, field.name) for field in fields(group)}
    return {name: value for name, value in values.items() if value is not None}


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """`KEY=VALUE` texts as a mapping; values may have further `=`. Raises `typer.BadParameter`."""
    found: dict[str, str] = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not (key and separator):
            raise typer.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--metadata")
        if key in found:
            raise typer.BadParameter(f"{key} is there twice", param_hint="--metadata")
        found[key] = value
    return found


def with_shared_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the fields of its dataclass parameters as options; it receives the dataclasses, filled.

    What goes wrong in it becomes the exit status and a sentence that names options; `as_json`, if given, says how.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type[Any]] = {
        name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)
    }

    @wraps(command)
    def run(context: typer.Context, **values: object) -> None:
        named = option_names(context.command.params)
        _check_finite(values, named)
        as_json = bool(values.get("as_json"))
        for name, kind in groups.items():
            values[name] = kind(**{field.name: values.pop(field.name) for field in fields(kind)})
        with errors_as_exit_status(as_json=as_json, options=named):
            command(**values)

    context = Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context)
    own = [
        parameter.replace(kind=Parameter.KEYWORD_ONLY, annotation=hints[parameter.name])
        for parameter in signature(command).parameters.values()
        if parameter.name not in groups
    ]
    shared = [
        Parameter(field.name, Parameter.KEYWORD_ONLY, default=field.default, annotation=annotation)
        for kind in groups.values()
        for field, annotation in zip(fields(kind), get_type_hints(kind, include_extras=True).values(), strict=True)
    ]
    run.__dict__.pop("__wrapped__")
    parameters = [context, *own, *shared]
    run.__dict__["__signature__"] = Signature(parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def option_names(parameters: Sequence[Any]) -> dict[str, str]:
    """What a command's user calls the service's fields: `sigma_px` is `--sigma`, and `image` the argument `picture`."""
    named = {one.name: one.opts[0] for one in parameters}
    return named | ({"image": named["picture"]} if "picture" in named else {})


def _check_finite(values: Mapping[str, object], named: Mapping[str, str]) -> None:
    """Raises `typer.BadParameter` for numbers that JSON cannot carry, and that no comparison would refuse."""
    for name, value in values.items():
        if isinstance(value, float) and not isfinite(value):
            raise typer.BadParameter(f"{value} is not a finite number", param_hint=named[name])
