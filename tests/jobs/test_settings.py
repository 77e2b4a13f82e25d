from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from jobs.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"


def documented() -> dict[str, list[str]]:
    rows = [
        re.split(r"(?<!\\)\|", line)[1:-1] for line in PAGE.read_text().splitlines() if line.startswith("| `INLAY_")
    ]
    return {row[0].strip(" `"): [cell.strip() for cell in row[1:]] for row in rows}


def shown(default: object) -> str:
    value = default.get_secret_value() if isinstance(default, SecretStr) else default
    return "unset" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


@pytest.mark.parametrize("name", Settings.model_fields)
def test_setting_is_documented_with_its_default_and_meaning(name: str) -> None:
    field = Settings.model_fields[name]
    default, unit, meaning = documented()[f"INLAY_{name.upper()}"]
    assert default == shown(field.default)
    assert unit
    assert meaning == field.description


def test_no_documented_setting_is_unknown() -> None:
    assert set(documented()) == {f"INLAY_{name.upper()}" for name in Settings.model_fields}


def test_a_wrong_webhook_secret_is_not_repeated_in_the_complaint() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"webhook_secret": "whsec_hardly-a-secret"})
    assert "hardly" not in str(refused.value)


def test_environment_is_read_with_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INLAY_MAX_BATCH", "3")
    monkeypatch.setenv("INLAY_REDIS_URL", "redis://:pa55word@host/1")
    settings = Settings()
    assert settings.max_batch == 3
    assert settings.redis_url.get_secret_value() == "redis://:pa55word@host/1"
    assert "pa55word" not in repr(settings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_batch": 0},
        {"queue_name": "a b"},
        {"heartbeat_interval_s": 3, "worker_ttl_s": 5},
        {"redis_timeout_s": 4},
        {"dtype": "int8"},
        {"webhook_secret": "whsec_c2hvcnQ="},
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)
