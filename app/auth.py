"""Who calls, and on which addresses the service may listen without asking."""

import ipaddress
from typing import Annotated

from fastapi import Depends, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app import problem_types
from app.problems import Problem
from app.services import ServicesDep
from jobs.settings import Settings

ANONYMOUS = "anonymous"
"""Everybody, as long as there are no keys. No key may have this name."""

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="ApiKey",
    description="A key made by `inlay keys new`. Needed where the service has keys (`INLAY_API_KEYS_FILE`).",
)


async def _caller(
    services: ServicesDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
) -> str:
    if services.keys is None:
        return ANONYMOUS
    if credentials is None:
        detail, challenge = "Send the header `Authorization: Bearer` with your API key.", 'Bearer realm="inlay"'
        raise Problem(problem_types.UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})
    caller = services.keys.caller_of(credentials.credentials)
    if caller is None:
        challenge = 'Bearer realm="inlay", error="invalid_token"'
        raise Problem(problem_types.UNAUTHORIZED, "The API key is not valid.", headers={"WWW-Authenticate": challenge})
    return caller


require_caller = Depends(_caller)
"""Refuses requests without a valid key, if there are keys at all."""

CallerDep = Annotated[str, require_caller]
"""Parameter type by which a route learns whose request it is."""


def may_listen(host: str, settings: Settings) -> bool:
    """Whether the service may listen on `host`: without keys only where nobody else can reach it, unless told so."""
    return settings.api_keys_file is not None or settings.allow_anonymous or is_loopback(host)


def is_loopback(host: str) -> bool:
    """Whether a host, by name or address without a port, is this machine as only itself can reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
