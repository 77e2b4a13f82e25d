"""uvicorn's HTTP/1.1 protocol, with a problem where it would answer broken HTTP in plain text."""

import uuid

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from app import problem_types
from app.page_headers import answer_headers
from app.problems import Problem, render


class ProblemProtocol(H11Protocol):
    """What cannot be parsed as HTTP never reaches the application, so its problem is rendered here."""

    def send_400_response(self, msg: str) -> None:
        """Answers 400 and closes the connection."""
        request_id = uuid.uuid4().hex
        response = render(Problem(problem_types.BAD_REQUEST, msg), request_id, root_path=self.root_path)
        for name, value in answer_headers(shared=False).items():
            response.headers[name] = value
        headers = [*response.raw_headers, (b"x-request-id", request_id.encode()), (b"connection", b"close")]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=bytes(response.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
