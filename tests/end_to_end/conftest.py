"""One service on the embedded model for all tests that leave it as it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.end_to_end.deployment import Deployment


@pytest.fixture(scope="package")
def service() -> Iterator[Deployment]:
    with Deployment() as deployment:
        deployment.have_workers(1)
        yield deployment
