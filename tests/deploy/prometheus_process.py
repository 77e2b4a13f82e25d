"""A real Prometheus on a free loopback port, with the rules and the configuration that are delivered."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import yaml

from tests.deploy.watched import PROMETHEUS
from tests.end_to_end.worker_process import free_port

START_TIMEOUT_S = 60.0
SCRAPE_INTERVAL = "1s"


class PrometheusProcess:
    """Scrapes `targets`, addresses by the jobs' names, with the API key in `key`; works in `folder`::

    with PrometheusProcess(folder, {"inlay-api": "127.0.0.1:8000", …}, key) as prometheus:
        prometheus.query("up")
    """

    def __init__(self, folder: Path, targets: Mapping[str, str], key: Path) -> None:
        self._folder = folder
        self._config = shutil.copytree(PROMETHEUS, folder / "config") / "prometheus.yml"
        self._config.write_text(yaml.safe_dump(_redirected(self._config, targets, key)))
        self._port = free_port()
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        self._log = (self._folder / "log").open("w+")
        command = ["prometheus", f"--config.file={self._config}", f"--storage.tsdb.path={self._folder / 'data'}"]
        self._process = subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{self._port}"], stdout=self._log, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._log.seek(0)
                raise RuntimeError(self._log.read())
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(timeout=30)
        self._log.close()
        self._http.close()

    def query(self, expression: str) -> list[float]:
        """The values of an instant query, NaN among them; none where there is no data."""
        answer = self._http.post("/api/v1/query", data={"query": expression})
        assert answer.status_code == 200, answer.text
        data = answer.json()["data"]
        assert data["resultType"] == "vector", expression
        return [float(series["value"][1]) for series in data["result"]]

    def get(self, what: str) -> Any:
        """The data of one of the lists of its API: `alerts`, `rules`, `targets`."""
        return self._http.get(f"/api/v1/{what}").raise_for_status().json()["data"]

    def _ready(self) -> bool:
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False


def _redirected(path: Path, targets: Mapping[str, str], key: Path) -> dict[str, Any]:
    """The delivered configuration, in a hurry, and with other addresses."""
    config: dict[str, Any] = yaml.safe_load(path.read_text())
    config["global"] = {"scrape_interval": SCRAPE_INTERVAL, "evaluation_interval": SCRAPE_INTERVAL}
    for job in config["scrape_configs"]:
        del job["dns_sd_configs"]
        job["static_configs"] = [{"targets": [targets[job["job_name"]]]}]
        if "authorization" in job:
            job["authorization"]["credentials_file"] = str(key)
    return config
