"""Delivers the webhooks that are due, beside the requests of an API process; any of them does, whoever is there."""

import asyncio
import time
from collections import Counter

import structlog
from redis.exceptions import RedisError

from app.services import Services
from app.webhooks.attempts import Tried, deliver
from app.webhooks.pace import as_asked_s, pause_s
from jobs.deliveries import Attempt, AttemptError, DeliveryState, DueDelivery
from jobs.errors import RecordUnreadable

log = structlog.get_logger(__name__)

LOOK_S = 0.25
"""Between two looks for what is due: also the usual time from a job's end to its webhook."""
AWAY_PAUSE_S = 1.0
MARGIN_S = 5.0
"""By which a lease is longer than an attempt may take; what has not begun after half of it is left to the next."""
PARTING_S = 3.0


class Courier:
    """Leases due webhooks and delivers several at once, none of whose receivers may hold the others."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._services = services
        self._most = settings.webhook_concurrency
        self._most_each = max(1, self._most // 4)
        self._lease_s = settings.webhook_timeout_s + MARGIN_S
        self._under_way: dict[asyncio.Task[None], DueDelivery] = {}

    async def run(self) -> None:
        """Until cancelled, or the server stops; what is under way then has a moment to end, or goes to another."""
        try:
            while not self._services.stopping():
                await self._pause(await self._start_due())
        finally:
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=PARTING_S)
            for task in list(self._under_way):
                task.cancel()

    async def _start_due(self) -> float:
        """Begin what is due, as far as there is room; returns the seconds until it makes sense to look again."""
        room = self._most - len(self._under_way)
        if room <= 0:
            return LOOK_S
        busy = Counter(due.receiver for due in self._under_way.values())
        began = time.monotonic()
        try:
            taken = await self._services.stored(
                self._services.deliveries.take,
                most=room,
                most_each=self._most_each,
                busy=busy,
                lease_s=self._lease_s,
                give_up_s=self._services.settings.webhook_give_up_s,
            )
        except RedisError as error:
            log.warning("webhooks_not_read", error=repr(error))
            return AWAY_PAUSE_S
        except Exception:  # the edge of a look: whatever is wrong with what was found, the next one comes
            log.exception("webhooks_unreadable")
            return AWAY_PAUSE_S
        for due in taken:
            task = asyncio.create_task(self._deliver(due, began))
            self._under_way[task] = due
            task.add_done_callback(self._under_way.pop)
        return LOOK_S

    async def _pause(self, seconds: float) -> None:
        if len(self._under_way) < self._most:
            await asyncio.sleep(seconds)
        else:
            await asyncio.wait(self._under_way, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    async def _deliver(self, due: DueDelivery, leased_at: float) -> None:
        """One attempt, from the leased webhook to its entry in the log. `leased_at` is monotonic time."""
        try:
            record = await self._services.stored(self._services.deliveries.record, due.job_id)
            if record is None or time.monotonic() - leased_at > MARGIN_S / 2:
                return
            tried = await deliver(self._services, due, record)
            log.info(
                "webhook_attempted",
                job_id=due.job_id,
                receiver=due.receiver,
                attempt=tried.attempt.attempt,
                status=tried.attempt.status,
                error=tried.attempt.error,
            )
            await self._settle(due, tried, leased_at)
        except (RedisError, RecordUnreadable) as error:
            log.warning("webhook_left", job_id=due.job_id, error=repr(error))
        except Exception:  # the edge of a delivery: its lease ends, and it is tried again
            log.exception("webhook_failed", job_id=due.job_id)

    async def _settle(self, due: DueDelivery, tried: Tried, leased_at: float) -> None:
        """Enter what came of an attempt; tries as long as the lease holds, or the receiver would get it twice."""
        settings, attempt = self._services.settings, tried.attempt
        left_s = due.made_at + settings.webhook_give_up_s - due.taken_at
        again_in_s = as_asked_s(pause_s(due.attempt, settings.webhook_retry_s), tried.asked_s, left_s)
        state = _state_after(attempt, hopeless=again_in_s > left_s)
        while True:
            try:
                ours = await self._services.stored(
                    self._services.deliveries.settle, due, attempt, state, again_in_s=again_in_s
                )
            except RedisError:
                if time.monotonic() - leased_at + AWAY_PAUSE_S > self._lease_s:
                    raise
                await asyncio.sleep(AWAY_PAUSE_S)
            else:
                if ours:
                    self._services.metrics.count_webhook(attempt.error, state)
                return


def _state_after(attempt: Attempt, *, hopeless: bool) -> DeliveryState:
    if attempt.error is None:
        return DeliveryState.DELIVERED
    if attempt.error is AttemptError.GONE or hopeless:
        return DeliveryState.GIVEN_UP
    return DeliveryState.PENDING
