"""The one request behind the guard: where it goes, and what comes back."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from app.outbound.caller import Outbound
from app.outbound.exchange import Answer, Message
from app.outbound.failures import OutboundFailure
from jobs.deliveries import AttemptError
from jobs.settings import Settings
from tests.app.receiver import Receiver, Reply
from tests.app.resolver import PUBLIC, Names

LOCAL = Settings(allow_http_urls=True, allow_any_port=True, allow_private_addresses=True)
GET = Message("GET")


def send(
    url: str, names: Names | None = None, *, message: Message = GET, max_bytes: int = 1000, timeout_s: float = 5
) -> Answer | AttemptError:
    """The answer, or why there is none."""
    try:
        return asyncio.run(Outbound(LOCAL, names).send(url, message, timeout_s=timeout_s, max_bytes=max_bytes))
    except OutboundFailure as failure:
        return failure.error


def test_the_address_that_was_checked_is_called_in_the_name_of_the_host() -> None:
    with Receiver() as receiver:
        names = Names(["127.0.0.1"], [PUBLIC])
        answer = send(f"http://hooks.invalid:{receiver.port}/a?b=c#d", names)
        assert isinstance(answer, Answer)
        assert answer.status == 204
        assert names.asked == [("hooks.invalid", receiver.port)], "no second look"
        (request,) = receiver.received
        assert (request.path, request.headers["host"]) == ("/a?b=c", f"hooks.invalid:{receiver.port}")


def test_a_deaf_address_is_passed_over_for_the_next() -> None:
    with Receiver() as receiver:
        answer = send(f"http://hooks.invalid:{receiver.port}/", Names(["127.0.0.2", "127.0.0.1"]))
        assert isinstance(answer, Answer)


def test_redirects_are_answers_and_not_followed() -> None:
    with Receiver() as other, Receiver(Reply(302, (("Location", other.url),))) as receiver:
        answer = send(receiver.url)
        assert isinstance(answer, Answer)
        assert (answer.status, answer.headers["location"]) == (302, other.url)
        assert other.received == []


def test_bodies_are_cut_at_their_bound() -> None:
    with Receiver(Reply(200, body=b"x" * 1000), Reply(200, body=b"x" * 100_000)) as receiver:
        whole, cut = send(receiver.url), send(receiver.url)
    assert isinstance(whole, Answer)
    assert isinstance(cut, Answer)
    assert (whole.cut, len(whole.body)) == (False, 1000)
    assert (cut.cut, len(cut.body)) == (True, 1000)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", AttemptError.PROTOCOL),
        (b"SSH-2.0-OpenSSH_9.7\r\n", AttemptError.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive.", AttemptError.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000, AttemptError.PROTOCOL),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", AttemptError.PROTOCOL),
        (None, AttemptError.TIMEOUT),
    ],
)
def test_what_is_no_answer_is_told_by_its_kind(said: bytes | None, error: AttemptError) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        over = threading.Event()

        def talk() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                if said is None:
                    over.wait(10)
                else:
                    connection.sendall(said)

        thread = threading.Thread(target=talk)
        thread.start()
        got = send(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout_s=0.3 if said is None else 5)
        over.set()
        thread.join()
    assert got is error


def test_nobody_there_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert send(f"http://127.0.0.1:{port}/") is AttemptError.UNREACHABLE


@pytest.fixture
def certificate(tmp_path: Path, missing_system_part: Callable[[str], NoReturn]) -> Path:
    """A certificate for hooks.invalid that vouches for itself, and its key, in one file."""
    if shutil.which("openssl") is None:
        missing_system_part("openssl")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=hooks.invalid"
    )
    files = ["-addext", "subjectAltName=DNS:hooks.invalid", "-keyout", "key.pem", "-out", "certificate.pem"]
    subprocess.run([*command.split(), *files], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def test_tls_asks_for_the_host_and_believes_only_a_certificate_of_it(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
    asked: list[str | None] = []
    tls.sni_callback = lambda _, name, __: asked.append(name)
    with Receiver(tls=tls) as receiver:
        url = f"https://hooks.invalid:{receiver.port}/"
        assert send(url, Names(["127.0.0.1"])) is AttemptError.TLS, "nobody vouches for it"
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "certificate.pem"))
        answer = send(url, Names(["127.0.0.1"]))
        assert isinstance(answer, Answer)
        assert answer.status == 204
        assert asked == ["hooks.invalid", "hooks.invalid"]
        assert send(url.replace("hooks", "other"), Names(["127.0.0.1"])) is AttemptError.TLS, "another host's"
        assert len(receiver.received) == 1
