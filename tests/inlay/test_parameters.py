"""The typed client takes what the service takes for each task: the same names, of the same types."""

from __future__ import annotations

from inspect import signature
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from inlay import Client
from inlay.calls import Picture
from inlay.parameters import Output, Parameters
from inlay.tasks import Tasks
from jobs.spec import FACTORS, TASKS, AnySpec, OutputSpec

# Sent in a header: it belongs to the submission, not to the task.
BESIDE = {"idempotency_key"}


def taken(task: str) -> dict[str, Any]:
    """Name and type of everything that the client's method for `task` takes, but for the pictures."""
    hints = get_type_hints(getattr(Tasks, task))
    (unpacked,) = get_args(hints.pop("parameters"))
    own = {name: hint for name, hint in hints.items() if name != "return" and not set(pictured(hint)) & {bytes}}
    return own | get_type_hints(unpacked)


def pictured(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else ()


def plain(hint: Any) -> Any:
    """The type without `None`, its choices in no order; how results are encoded is one type on both sides."""
    if get_origin(hint) in (Union, UnionType):
        (hint,) = (one for one in get_args(hint) if one is not NoneType)
    if get_origin(hint) is Literal:
        return frozenset(get_args(hint))
    return Output if hint is OutputSpec else hint


@pytest.mark.parametrize("spec", get_args(AnySpec), ids=TASKS)
def test_a_method_takes_what_its_task_takes(spec: Any) -> None:
    task = spec.model_fields["task"].default
    wanted = {name: plain(hint) for name, hint in get_type_hints(spec).items() if name in spec.model_fields}
    del wanted["task"]
    if task == "upscale":
        wanted["factor"] = frozenset(FACTORS)  # there a number of which three are accepted
    found = {name: plain(hint) for name, hint in taken(task).items()}
    assert set(found) - set(wanted) == BESIDE
    assert {name: found.get(name) for name in wanted} == wanted


def test_results_are_encoded_as_the_service_can() -> None:
    wanted = {name: plain(hint) for name, hint in get_type_hints(OutputSpec).items() if name in OutputSpec.model_fields}
    assert {name: plain(hint) for name, hint in get_type_hints(Output).items()} == wanted


def test_what_every_task_takes_is_what_all_of_them_have() -> None:
    everywhere = set.intersection(*(set(taken(task)) for task in TASKS))
    assert set(get_type_hints(Parameters)) == everywhere


def test_methods_are_those_of_the_tasks() -> None:
    own = {name for name in vars(Tasks) if not name.startswith("_")} - {"submit"}
    assert own == set(TASKS)
    assert all(Picture in get_type_hints(getattr(Tasks, task)).values() for task in set(TASKS) - {"generate"})
    assert "image" in signature(Client.inpaint).parameters
