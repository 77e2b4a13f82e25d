"""A tiny real model on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.worker.tiny_model import make_tiny_model


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model"))
