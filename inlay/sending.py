"""One call on its way to an answer, over as many attempts as it takes. No input or output here."""

from __future__ import annotations

from http import HTTPStatus

import httpx

from inlay.calls import Call
from inlay.connecting import successful, unreachable
from inlay.retries import RetryPolicy, never_arrived

ALREADY_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})


class Sending:
    """Counts a call's attempts, and knows whether an earlier one may have been carried out.

    `pause_s` is what to wait before the next one.
    """

    def __init__(self, call: Call, retries: RetryPolicy) -> None:
        self.pause_s = 0.0
        self._call = call
        self._retries = retries
        self._attempt = 0
        self._perhaps_done = False

    def answered(self, response: httpx.Response) -> bool:
        """Whether this is the answer; else there is a pause. Raises `ProblemError`."""
        self._attempt += 1
        delay_s = self._retries.after_response(self._call, response, self._attempt)
        if delay_s is None:
            # What an earlier attempt has deleted is not there any more: that is what was wanted.
            done = self._perhaps_done and self._call.method == "DELETE" and response.status_code in ALREADY_GONE
            if not done:
                successful(response)
            return True
        self.pause_s = delay_s
        self._perhaps_done = self._perhaps_done or response.is_server_error
        return False

    def failed(self, error: httpx.TransportError, url: httpx.URL) -> None:
        """Say that the connection was lost. Raises `ConnectionFailed` if that happened too often."""
        self._attempt += 1
        delay_s = self._retries.after_failure(self._call, error, self._attempt)
        if delay_s is None:
            raise unreachable(url, error) from error
        self.pause_s = delay_s
        self._perhaps_done = self._perhaps_done or not never_arrived(error)
