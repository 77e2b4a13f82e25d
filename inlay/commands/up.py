"""`inlay up`: the whole service on this machine, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from inlay.addresses import LOOPBACK
from inlay.complaints import errors_as_exit_status
from inlay.embedded import EmbeddedService
from inlay.terminal import console

DEFAULT_DATA = Path(".inlay")
READY_TIMEOUT_S = 300.0
TEND_EVERY_S = 0.25
STARTING = "starting (the model is loaded and warmed up) …"

DataDir = Annotated[
    Path, typer.Option("--data", envvar="INLAY_DATA", file_okay=False, help="Folder for jobs, pictures and logs.")
]


def up(
    port: Annotated[
        int, typer.Option(envvar="INLAY_PORT", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8000,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than loopback need API keys (see `inlay keys`).")
    ] = LOOPBACK,
    data: DataDir = DEFAULT_DATA,
) -> None:
    """Run API, worker and a private Redis on this machine until Ctrl-C or SIGTERM."""
    stopping = threading.Event()
    service = EmbeddedService(data, port, host=host, stopping=stopping)
    with errors_as_exit_status(), stop_signals(service), service:
        if not console.is_terminal:  # where the status below shows nothing
            console.print(STARTING)
        with console.status(STARTING):
            service.wait_until_ready(READY_TIMEOUT_S)
        typer.echo(f"Inlay is ready at {service.url}")
        console.print(
            f"  documentation  {service.url}/docs\n  logs           {service.data_dir}\n  stop           Ctrl-C"
        )
        while not stopping.wait(TEND_EVERY_S):
            for sentence in service.tend():
                console.print(sentence, markup=False)
        console.print("stopping: jobs that run may finish first; Ctrl-C again stops at once")
    console.print("stopped")


@contextmanager
def stop_signals(service: EmbeddedService) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP ask the service to stop; the second one ends its processes at once."""

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if service.stopping.is_set():
            service.kill()
        service.stopping.set()

    handled = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, on_signal) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
