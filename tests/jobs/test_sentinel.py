"""What an address of Sentinels means, and that a password in a wrong one is not repeated."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from jobs.connect import connect
from jobs.sentinel import SentinelAddress, SentinelAddressUnusable
from jobs.settings import Settings


def test_sentinels_name_login_and_database_are_read() -> None:
    found = SentinelAddress.parse("redis+sentinel://worker:pa%40ss@one:26380,[::1],two/inlay?db=3")
    assert found.sentinels == (("one", 26380), ("::1", 26379), ("two", 26379))
    assert (found.name, found.db, found.username, found.password) == ("inlay", 3, "worker", "pa@ss")


@pytest.mark.parametrize("address", ["redis+sentinel://:secret@one", "redis+sentinel://:secret@/inlay"])
def test_an_address_without_a_name_or_hosts_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(SentinelAddressUnusable) as refused:
        connect(Settings(redis_url=SecretStr(address)))
    assert "secret" not in str(refused.value)
