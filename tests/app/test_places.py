"""What one API process remembers of the submissions that it works on."""

from __future__ import annotations

import time

import anyio
import pytest

from app import places
from app.places import Outlook, Places, Twins
from app.problems import Problem
from jobs.workers import WorkerPresence, WorkerState

WORKER = WorkerPresence(
    name="w", state=WorkerState.READY, model="m", native_size_px=128, device="cpu", max_batch=1, tasks=["complete"]
)


def test_no_more_places_are_given_than_there_are_and_each_comes_back() -> None:
    some = Places(2)
    for _ in range(3):
        with some.one(), some.one():
            with pytest.raises(Problem) as full, some.one():
                pass
            assert (full.value.kind.code, full.value.headers) == ("overloaded", {"Retry-After": "1"})


def test_place_comes_back_from_who_fails() -> None:
    single = Places(1)
    with pytest.raises(ZeroDivisionError), single.one():
        raise ZeroDivisionError
    with single.one():
        pass


def test_who_finds_no_place_is_told_for_how_long_they_have_been_held_lately() -> None:
    clock = iter(seconds for held in range(60) for seconds in (1000.0 * held, 1000.0 * held + 7.5))
    some = Places(1, now_s=lambda: next(clock))
    for _ in range(40):
        with some.one():
            pass
    with some.one(), pytest.raises(Problem) as full, some.one():
        pass
    assert full.value.headers == {"Retry-After": "8"}


def test_twins_come_one_after_the_other_and_strangers_beside_them() -> None:
    twins, story = Twins(), []

    async def submit(caller: str, key: str, name: str) -> None:
        async with twins.alone(caller, key):
            story.append(f"{name} begins")
            await anyio.sleep(0.02)
            story.append(f"{name} ends")

    async def all_at_once() -> None:
        async with anyio.create_task_group() as tasks:
            for caller, key, name in [
                ("a", "k", "first"),
                ("a", "k", "second"),
                ("b", "k", "other"),
                ("a", "l", "new"),
            ]:
                tasks.start_soon(submit, caller, key, name)

    anyio.run(all_at_once)
    assert story.index("first ends") < story.index("second begins")
    assert max(story.index(f"{name} begins") for name in ("first", "other", "new")) < story.index("first ends")
    assert len(twins) == 0


def test_twin_that_gives_up_waiting_leaves_the_turn_to_the_next() -> None:
    twins, story = Twins(), []

    async def hold() -> None:
        async with twins.alone("a", "k"):
            await anyio.sleep(0.05)

    async def wait(within_s: float, name: str) -> None:
        with anyio.move_on_after(within_s):
            async with twins.alone("a", "k"):
                story.append(name)

    async def all_at_once() -> None:
        async with anyio.create_task_group() as tasks:
            for task in ((hold,), (wait, 0.01, "impatient"), (wait, 5.0, "patient")):
                tasks.start_soon(*task)

    anyio.run(all_at_once)
    assert story == ["patient"]
    assert len(twins) == 0


def test_twin_that_would_wait_long_is_told_to_come_again() -> None:
    twins, told = Twins(longest_wait_s=0.01), []

    async def hold(held: anyio.Event, over: anyio.Event) -> None:
        async with twins.alone("a", "k"):
            held.set()
            await over.wait()

    async def come_too_late() -> None:
        held, over = anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(hold, held, over)
            await held.wait()
            with pytest.raises(Problem) as late:
                async with twins.alone("a", "k"):
                    pass
            told.append((late.value.kind.code, late.value.headers))
            over.set()

    anyio.run(come_too_late)
    assert told == [("overloaded", {"Retry-After": "2"})]
    assert len(twins) == 0


def test_outlook_holds_for_a_moment_or_until_there_is_no_room() -> None:
    outlook = Outlook()
    assert outlook.recent() == []
    outlook.good([WORKER])
    assert outlook.recent() == [WORKER]
    outlook.bad()
    assert outlook.recent() == []
    outlook.good([WORKER])
    time.sleep(places.ROOMY_S)
    assert outlook.recent() == []
