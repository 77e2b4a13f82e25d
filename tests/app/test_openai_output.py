"""`output_compression` of OpenAI's client, unmodified, is the quality of the result."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI

from tests.app.pictures import picture_png
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.app.test_openai import at_work, client_of, refused, transparent_mask


@pytest.fixture
def client(api: ApiProcess, worker: StandIn) -> Iterator[OpenAI]:
    with client_of(api) as client:
        yield client


@pytest.mark.parametrize(("compression", "quality"), [(0, 1), (1, 1), (37, 37), (100, 100)])
@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_compression_is_the_quality_of_formats_that_can_lose_something(
    client: OpenAI, worker: StandIn, kind: Any, compression: int, quality: int
) -> None:
    with at_work(worker) as work:
        client.images.generate(prompt="a vase", output_format=kind, output_compression=compression)
        client.images.edit(
            image=picture_png(),
            mask=transparent_mask(),
            prompt="a vase",
            output_format=kind,
            output_compression=compression,
        )
    outputs = [record.spec.output for record in work.records]
    assert [(one.format, one.quality) for one in outputs] == [(kind, quality)] * 2


def test_without_compression_the_quality_is_ours(client: OpenAI, worker: StandIn) -> None:
    with at_work(worker) as work:
        client.images.generate(prompt="a vase", output_format="jpeg")
    assert work.records[0].spec.output.quality == 90


@pytest.mark.parametrize("named", [{}, {"output_format": "png"}])
def test_a_png_is_only_asked_to_lose_nothing(client: OpenAI, worker: StandIn, named: dict[str, Any]) -> None:
    with at_work(worker) as work:
        client.images.generate(prompt="a vase", output_compression=100, **named)
    assert work.records[0].spec.output.format == "png"
    for sent in ({}, {"image": picture_png()}):
        with pytest.raises(openai.BadRequestError) as caught:
            (client.images.edit if sent else client.images.generate)(
                **{"prompt": "a vase", "output_compression": 99, **sent, **named}
            )
        refused(caught.value, 400, "invalid_field", "output_compression")
        assert "for png" in caught.value.message
    assert worker.queue.depth() == 0


@pytest.mark.parametrize("wrong", [-1, 101, 50.5, "50", True, [50]])
def test_what_is_no_percentage_is_refused_in_json(http: httpx.Client, wrong: object) -> None:
    body = {"prompt": "a vase", "output_format": "webp", "output_compression": wrong}
    error = http.post("/v1/images/generations", json=body).json()["error"]
    assert (error["code"], error["param"]) == ("invalid_field", "output_compression")


@pytest.mark.parametrize("wrong", ["-1", "101", "50.5", "", " 50", "٥٠", "9" * 5000])
def test_what_is_no_percentage_is_refused_in_a_form(http: httpx.Client, wrong: str) -> None:
    fields = {"prompt": "a vase", "output_format": "webp", "output_compression": wrong}
    error = http.post("/v1/images/edits", data=fields, files={"image": picture_png()}).json()["error"]
    assert (error["code"], error["param"]) == ("invalid_field", "output_compression")
