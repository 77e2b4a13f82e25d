"""A submission that fails half-way, when what was stored of it cannot all be taken back."""

from __future__ import annotations

from pydantic import SecretStr

from jobs.settings import Settings
from tests.app.pictures import picture_png
from tests.app.service import ApiProcess
from tests.app.stand_in import StandIn
from tests.redis_process import RedisProcess


def test_job_whose_record_could_not_be_taken_back_keeps_its_pictures() -> None:
    """For a worker will find and run it, and who sends it again is answered with it.

    As when Redis goes away between record and queue and is back for the last step of taking back. Here it refuses the
    commands of the steps before.
    """
    with RedisProcess() as redis, ApiProcess(redis_url=redis.url, log_format="json") as api:
        stand_in = StandIn(Settings(redis_url=SecretStr(redis.url)))
        stand_in.appear()

        def submit() -> int:
            headers = {"Idempotency-Key": "once"}
            answer = api.client.post(
                "/v1/jobs", data={"task": "complete"}, files={"image": picture_png()}, headers=headers
            )
            return answer.status_code

        stand_in.redis.acl_setuser("default", enabled=True, commands=["-rpush", "-zrem"])
        assert submit() >= 500
        stand_in.redis.acl_setuser("default", enabled=True, categories=["+@all"])
        (job_id,) = stand_in.store.active_ids()
        assert submit() == 202
        assert stand_in.store.active_ids() == [job_id]
        record = stand_in.store.get(job_id)
        assert record is not None
        assert stand_in.blobs.get(record.inputs["image"]).content_type == "image/png"
        stand_in.close()
