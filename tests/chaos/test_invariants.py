"""What the ledger must find: every fault that it is for is planted, and found."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.app.receiver import Receiver
from tests.chaos.figures import row
from tests.chaos.invariants import ANY, GONE, shown_wrongly, untold, violations, wrong_contents
from tests.chaos.ledger import FileLedger
from tests.chaos.witness import Witness, content

ONE, TWO = "one", "two"


@pytest.fixture
def ledger(tmp_path: Path) -> FileLedger:
    """Two callers have asked for the same, and got it."""
    book = FileLedger(tmp_path / "ledger")
    for job_id, caller in ((ONE, "anna"), (TWO, "ben")):
        book.write("accepted", job_id, caller, asked="seed 1")
        book.write("shown", job_id, caller, "succeeded", content="a face")
        book.write("polled", job_id, caller, "succeeded")
        book.write("told", job_id, caller, "succeeded", delivery=f"{job_id}-1")
    return book


def found(ledger: FileLedger, **expected: str) -> list[str]:
    return [*violations(ledger, expected), *wrong_contents(ledger)]


def test_nothing_is_found_where_nothing_is_wrong(ledger: FileLedger) -> None:
    assert found(ledger) == []
    assert untold(ledger) == set()
    assert row(ledger, "none", "never", 0.0).compared == 2


def test_a_job_without_an_end_is_lost(ledger: FileLedger) -> None:
    ledger.write("accepted", "three", "anna", asked="seed 2")
    assert found(ledger) == ["three has no end"]
    assert untold(ledger) == {"three"}
    assert row(ledger, "none", "never", 0.0).lost == 1


@pytest.mark.parametrize("kind", ["polled", "told"])
def test_a_job_with_two_ends_is_found(ledger: FileLedger, kind: str) -> None:
    ledger.write("polled" if kind == "polled" else "told", ONE, "anna", "failed", delivery="one-1")
    assert any(sentence.startswith(f"{ONE} was ") for sentence in found(ledger))
    assert row(ledger, "none", "never", 0.0).doubled == 1


def test_an_end_other_than_the_expected_is_found(ledger: FileLedger) -> None:
    assert found(ledger, one="failed") == ["one was seen as ['succeeded'] instead of failed"]
    assert found(ledger, one=ANY, two=GONE) == []


def test_a_webhook_under_two_ids_is_found(ledger: FileLedger) -> None:
    ledger.write("told", ONE, "anna", "succeeded", delivery="one-2")
    assert found(ledger) == ["one was told 2 times under different ids"]


def test_a_job_that_nobody_asked_for_or_that_was_accepted_twice_is_found(ledger: FileLedger) -> None:
    ledger.write("polled", "stranger", "anna", "succeeded")
    ledger.write("accepted", ONE, "anna", asked="seed 1")
    assert found(ledger) == ["one was accepted twice", "stranger was told and never accepted"]


@pytest.mark.parametrize(
    ("asked", "shown", "sentence"),
    [
        ("seed 1", "a tree", "three was shown as ['a tree'], and equal jobs otherwise"),
        ("seed 1", "status 410", "three was shown as ['status 410'], and equal jobs otherwise"),
        ("seed 2", "a face", "a face was shown to those who asked for ['seed 1', 'seed 2']"),
    ],
)
def test_a_picture_that_is_not_that_of_its_seed_is_found(
    ledger: FileLedger, asked: str, shown: str, sentence: str
) -> None:
    ledger.write("accepted", "three", "anna", asked=asked)
    ledger.write("shown", "three", "anna", "succeeded", content=shown)
    ledger.write("polled", "three", "anna", "succeeded")
    assert found(ledger) == [sentence]


def test_a_picture_that_changes_after_its_end_is_found(ledger: FileLedger) -> None:
    ledger.write("shown", ONE, "anna", "succeeded", content="a tree")
    assert found(ledger) == ["one was shown as ['a face', 'a tree'], and equal jobs otherwise"]
    assert row(ledger, "none", "never", 0.0).differing == 1


def service(answer: Callable[[str, str], httpx.Response]) -> dict[str, httpx.Client]:
    """Clients of a service that answers each caller for a path as it is told."""

    def client(caller: str) -> httpx.Client:
        transport = httpx.MockTransport(lambda request: answer(caller, request.url.path))
        return httpx.Client(base_url="http://service", transport=transport)

    return {caller: client(caller) for caller in ("anna", "ben")}


def honest(caller: str, path: str) -> httpx.Response:
    own = {"anna": ONE, "ben": TWO}[caller]
    if path == "/v1/jobs":
        return httpx.Response(200, json={"jobs": [{"id": own}]})
    if own not in path:
        return httpx.Response(404)
    return (
        httpx.Response(200, content=png((9, 9, 9))) if path.endswith("result") else httpx.Response(200, json=SUCCEEDED)
    )


SUCCEEDED = {"state": "succeeded", "attempt": 1}


def png(color: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4), color).save(buffer, "PNG")
    return buffer.getvalue()


def test_whoever_sees_what_is_anothers_is_found(ledger: FileLedger) -> None:
    assert list(shown_wrongly(service(honest), ledger)) == []
    open_to_all = service(lambda caller, path: honest("anna" if ONE in path else caller, path))
    assert [sentence.partition(" ")[0] for sentence in shown_wrongly(open_to_all, ledger)] == ["ben", "ben"]
    one_list = service(lambda caller, path: honest("anna" if path == "/v1/jobs" else caller, path))
    assert list(shown_wrongly(one_list, ledger)) == ["ben is shown ['one'] in the list"]


def test_an_end_without_its_picture_is_found(ledger: FileLedger) -> None:
    def bare(caller: str, path: str) -> httpx.Response:
        answer = honest(caller, path)
        return httpx.Response(410) if path.endswith("result") and answer.status_code == 200 else answer

    assert list(shown_wrongly(service(bare), ledger)) == [
        f"{job_id} is succeeded, and its result answers 410" for job_id in (ONE, TWO)
    ]


def test_the_witness_writes_down_the_picture_and_the_end(tmp_path: Path) -> None:
    book = FileLedger(tmp_path / "ledger")
    with Receiver() as receiver:
        Witness(book, service(honest), receiver).look(ONE, "anna")
    assert [(line.kind, line.content) for line in book.lines()] == [
        ("shown", content(httpx.Response(200, content=png((9, 9, 9))))),
        ("polled", ""),
    ]


def test_pictures_that_differ_by_a_single_level_are_told_apart() -> None:
    first, second = (content(httpx.Response(200, content=png((9, 9, blue)))) for blue in (9, 10))
    assert first != second
