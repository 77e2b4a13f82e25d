"""What an operator sees of webhooks: attempts by outcome, what is pending and how old, what was given up."""

from __future__ import annotations

import re
import time

import httpx
from pydantic import SecretStr

from jobs.queue_watch import LOOK_AGAIN_S
from jobs.settings import Settings
from tests.app.hooked import SWIFT, settled, submit
from tests.app.receiver import Receiver, Reply
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess


def told(http: httpx.Client) -> dict[str, float]:
    time.sleep(LOOK_AGAIN_S)
    rows = re.findall(r"^inlay_webhook(\S+) (\S+)$", http.get("/metrics").text, re.MULTILINE)
    return {name: float(value) for name, value in rows}


def test_attempts_pending_and_given_up_webhooks_are_counted(redis_server: RedisProcess) -> None:
    worker = StandIn(Settings(redis_url=SecretStr(redis_server.url)))
    worker.appear()
    with ApiProcess(**(SWIFT | {"redis_url": redis_server.url, "webhook_retry_s": 3})) as api:
        before = told(api.client)
        with Receiver(Reply(500), Reply(410)) as failing, Receiver() as receiver:
            unlucky, lucky = submit(api.client, failing.url), submit(api.client, receiver.url)
            for job_id in (unlucky, lucky):
                worker.finish(worker.start(job_id))
            failing.wait_for(1)
            settled(api.client, lucky)
            between = told(api.client)
            assert settled(api.client, unlucky)["state"] == "given_up"
        after = told(api.client)
    worker.close()
    attempts = {outcome: f'_attempts_total{{outcome="{outcome}"}}' for outcome in ("delivered", "status", "gone")}
    assert [before[name] for name in attempts.values()] == [0, 0, 0]
    assert [after[name] for name in attempts.values()] == [1, 1, 1]
    assert (between["s_pending"], after["s_pending"]) == (1, 0)
    assert 0.5 < between["_oldest_pending_age_seconds"] < 30
    assert (between["s_given_up_total"], after["s_given_up_total"]) == (0, 1)
    assert after["_oldest_pending_age_seconds"] == 0
