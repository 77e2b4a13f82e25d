"""The guard before everything that clients make the service call."""

from __future__ import annotations

import asyncio

import pytest

from app.outbound.addresses import may_call
from app.outbound.caller import Outbound
from app.outbound.exchange import Message
from app.outbound.failures import OutboundFailure
from app.outbound.targets import Rules, read_target
from jobs.deliveries import AttemptError
from jobs.settings import Settings
from tests.app.receiver import Receiver
from tests.app.resolver import PUBLIC, PUBLIC_V6, Names

STRICT = Settings()
GET = Message("GET")


def check(url: str, names: Names | None = None, settings: Settings = STRICT) -> AttemptError | None:
    """What the guard has against a URL; nothing is connected to."""
    try:
        asyncio.run(Outbound(settings, names).check(url, timeout_s=5))
    except OutboundFailure as failure:
        return failure.error
    return None


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example",
        "https://hooks.example/a/b?c=d&e=%20#fragment",
        "HTTPS://Hooks.Example:443/",
        "https://hooks.example:80/",
        "https://xn--bcher-kva.example/",
        "https://a_b.hooks-1.example/",
    ],
)
def test_ordinary_urls_are_let_through(url: str) -> None:
    assert check(url, Names([PUBLIC, PUBLIC_V6])) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example",
        "//hooks.example/",
        "http://hooks.example/",
        "ftp://hooks.example/",
        "file:///etc/passwd",
        "gopher://hooks.example/",
        "javascript:alert(1)",
        "https:hooks.example",
        "https:/hooks.example",
        "https:///hooks.example",
        "https://",
        "https://:443/",
        "https://hooks.example:/",
        "https://hooks.example:22/",
        "https://hooks.example:8443/",
        "https://hooks.example:0/",
        "https://hooks.example:65979/",
        "https://hooks.example:443443/",
        "https://hooks.example:-443/",
        "https://user@hooks.example/",
        "https://user:secret@hooks.example/",
        "https://hooks.example@127.0.0.1/",
        "https://127.0.0.1\\@hooks.example/",
        "https://hooks.example\\.evil.example/",
        "https://hooks.example/\r\nHost: evil",
        "https://hooks.example/ path",
        " https://hooks.example/",
        "https://hooks.example/\x00",
        "https://bücher.example/",
        "https://ⓛocalhost/",
        "https://hooks.example./",
        "https://hooks..example/",
        "https://-hooks.example/",
        "https://%31%32%37.0.0.1/",
        "https://" + "a" * 64 + ".example/",
        "https://hooks.example/" + "a" * 2048,
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://127.1/",
        "https://127.0.1/",
        "https://127.0.0.01/",
        "https://1.2.3/",
        "https://256.1.1.1/",
        "https://example.1/",
        "https://example.0x7f/",
        "https://[::1",
        "https://[::1]evil.example/",
        "https://[fe80::1%25eth0]/",
        "https://[127.0.0.1]/",
        "https://[v1.a]/",
    ],
)
def test_hostile_urls_are_refused_without_a_look_at_dns(url: str) -> None:
    names = Names([PUBLIC])
    assert check(url, names) is AttemptError.REFUSED
    assert names.asked == []


PRIVATE = ["127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"]
PRIVATE_V6 = ["::1", "fc00::1", "fdff::1"]
NEVER = [
    *("0.0.0.0", "0.1.2.3", "169.254.169.254", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1"),  # noqa: S104
    *("203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1"),
    *("::", "fe80::1", "fe80::1%lo", "fec0::1", "ff02::1", "::ffff:93.184.215.14", "::ffff:127.0.0.1"),
    *("::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::", "2001::1", "2001:db8::1", "100::1"),
    *("3fff::1", "5f00::1", "4000::1", "not an address", ""),
]


@pytest.mark.parametrize("address", [*PRIVATE, *PRIVATE_V6, *NEVER])
def test_hosts_that_lead_to_other_than_public_addresses_are_refused(address: str) -> None:
    assert check("https://hooks.example/", Names([address])) is AttemptError.REFUSED
    assert check("https://hooks.example/", Names([PUBLIC, address])) is AttemptError.REFUSED, "one of several is enough"


@pytest.mark.parametrize("address", [*PRIVATE, *PRIVATE_V6, PUBLIC, PUBLIC_V6, "172.32.0.1", "100.128.0.1"])
def test_private_networks_can_be_opened_by_setting(address: str) -> None:
    assert may_call(address, private=True)


@pytest.mark.parametrize("address", NEVER)
def test_other_special_addresses_stay_closed(address: str) -> None:
    assert not may_call(address, private=True)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "[::1]", "10.1.2.3", "[::ffff:10.1.2.3]", "localhost", "[64:ff9b::a00:1]"),
        "127.0.0.1#@hooks.example",
    ],
)
def test_addresses_as_hosts_are_looked_at_by_the_real_resolver_too(host: str) -> None:
    assert check(f"https://{host}/") is AttemptError.REFUSED


def test_settings_open_http_and_ports() -> None:
    assert check("http://hooks.example:8080/", Names([PUBLIC]), Settings(allow_http_urls=True)) is AttemptError.REFUSED
    both = Settings(allow_http_urls=True, allow_any_port=True)
    assert check("http://hooks.example:8080/", Names([PUBLIC]), both) is None
    assert check("ftp://hooks.example:8080/", Names([PUBLIC]), both) is AttemptError.REFUSED


def test_a_host_without_addresses_is_told_from_a_refused_one() -> None:
    assert check("https://hooks.example/", Names([])) is AttemptError.UNRESOLVED
    assert check("https://nowhere.invalid/") is AttemptError.UNRESOLVED


def test_parts_of_a_url_are_those_that_are_sent() -> None:
    target = read_target("https://Hooks.example?a=b#c", Rules(http=False, any_port=False, private=False))
    assert (target.host, target.port, target.path, target.authority) == ("hooks.example", 443, "/?a=b", "hooks.example")
    target = read_target("http://[2606:2800::1]:81/x", Rules(http=True, any_port=True, private=False))
    assert (target.host, target.authority) == ("2606:2800::1", "[2606:2800::1]:81")


def test_a_name_that_is_bound_anew_after_the_check_is_refused_when_it_is_called() -> None:
    names = Names([PUBLIC], ["127.0.0.1"])
    outbound = Outbound(Settings(allow_http_urls=True, allow_any_port=True), names)
    with Receiver() as receiver:
        url = f"http://hooks.example:{receiver.port}/"
        asyncio.run(outbound.check(url, timeout_s=5))
        with pytest.raises(OutboundFailure) as refused:
            asyncio.run(outbound.send(url, GET, timeout_s=5, max_bytes=1))
        assert refused.value.error is AttemptError.REFUSED
        assert receiver.received == []
