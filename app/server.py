"""uvicorn's HTTP/1.1 protocol, with a problem where it would answer broken HTTP in plain text."""

import uuid

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app import problem_types
from app.problems import Problem, render


class ProblemProtocol(HttpToolsProtocol):
    """What cannot be parsed as HTTP never reaches the application, so its problem is rendered here."""

    _broken: str | None = None
    """What is wrong with the bytes behind a whole request that has not been answered yet."""

    def send_400_response(self, msg: str) -> None:
        """Answers 400 and closes the connection, once every request that came whole before it has its answer."""
        cycle: RequestResponseCycle | None = self.cycle  # its annotation forgets that there may be none
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            self._broken = msg
        elif not self.transport.is_closing():
            self._refuse(msg)

    def on_response_complete(self) -> None:
        """Goes on to the next request, or to the refusal of what followed the last one."""
        super().on_response_complete()
        if self._broken is not None and not self.transport.is_closing() and self.cycle.response_complete:
            self._refuse(self._broken)

    def _refuse(self, reason: str) -> None:
        request_id = uuid.uuid4().hex
        response = render(Problem(problem_types.BAD_REQUEST, reason), request_id, root_path=self.root_path)
        headers = [*response.raw_headers, (b"x-request-id", request_id.encode()), (b"connection", b"close")]
        lines = [b"HTTP/1.1 400 Bad Request", *(name + b": " + value for name, value in headers)]
        self.transport.write(b"\r\n".join([*lines, b"", bytes(response.body)]))
        self.transport.close()
