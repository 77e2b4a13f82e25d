"""Every refusal of the application leaves here, in the shape that the clients of its address understand."""

from starlette.responses import Response
from starlette.types import Scope

from app.openai_errors import PREFIX, render_for_openai
from app.problems import Problem, render


def answer_to(problem: Problem, scope: Scope, request_id: str, status: int | None = None) -> Response:
    """OpenAI's shape below its prefix, RFC 9457 elsewhere; `status` replaces that of the problem's kind."""
    root_path = str(scope.get("root_path", ""))
    path = scope["path"].removeprefix(root_path)
    if path == PREFIX or path.startswith(f"{PREFIX}/"):
        return render_for_openai(problem, status)
    return render(problem, request_id, status, root_path=root_path)
