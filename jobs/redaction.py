"""Takes secrets out of log lines, wherever a client, a library or an error put them: the last look at each line."""

from __future__ import annotations

import re

from structlog.typing import EventDict, WrappedLogger

REDACTED = "***"

_SECRETS = (
    re.compile(r"(?<=inlay_)[A-Za-z0-9_-]{43}", re.ASCII),  # API keys: random bytes, as `inlay keys new` makes them
    re.compile(r"(?<=whsec_)[A-Za-z0-9+/=]+", re.ASCII),
    re.compile(r"(?<=v1,)[A-Za-z0-9+/]{43}=", re.ASCII),  # signatures of webhooks
    re.compile(r"(?<=X-Amz-Signature=)[^&\s\"']+"),
    re.compile(r"(?<=X-Amz-Credential=)[^&\s\"']+"),
    re.compile(r"(?<=X-Amz-Security-Token=)[^&\s\"']+"),
)
_PASSWORD = re.compile(r"(://[^\s/:@\"']*:)[^\s/@\"']+@")
"""In an address; what stands before it, the user's name, stays."""


def redacted(line: str) -> str:
    """The line with `***` for what has the form of a secret."""
    for secret in _SECRETS:
        line = secret.sub(REDACTED, line)
    return _PASSWORD.sub(rf"\1{REDACTED}@", line)


def redact(_: WrappedLogger, __: str, rendered: EventDict | str) -> str:
    """The same as structlog's last processor, behind the one that renders the line."""
    return redacted(str(rendered))
