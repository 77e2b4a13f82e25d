"""Messages as Standard Webhooks has them (standardwebhooks.com): one id over all attempts, signed anew at each."""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime

from app.outbound.caller import USER_AGENT
from app.outbound.exchange import Message
from app.views import JobView


def signature(secrets: Sequence[bytes], message_id: str, timestamp_s: int, body: bytes) -> str:
    """`v1,` and HMAC-SHA256 in base64 over id, time and body, by each of the secrets."""
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    digests = (hmac.new(secret, signed, hashlib.sha256).digest() for secret in secrets)
    return " ".join(f"v1,{b64encode(digest).decode()}" for digest in digests)


def message(event: str, job: JobView, secrets: Sequence[bytes], timestamp_s: int) -> Message:
    """The request that tells a receiver how a job ended."""
    ended_at = job.finished_at or datetime.now(UTC)
    data = {"type": event, "timestamp": ended_at.isoformat(), "data": job.model_dump(mode="json")}
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    message_id = f"msg_{job.id}"
    headers = (
        ("Content-Type", "application/json"),
        ("User-Agent", USER_AGENT),
        ("Webhook-Id", message_id),
        ("Webhook-Timestamp", str(timestamp_s)),
        ("Webhook-Signature", signature(secrets, message_id, timestamp_s, body)),
    )
    return Message("POST", headers, body)
