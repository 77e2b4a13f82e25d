"""The page that the `type` of every problem points to."""

from html import escape

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from app.problem_types import CATALOGUE, PROBLEM_DOCS_PATH, ProblemType

router = APIRouter(include_in_schema=False)

_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Inlay: problems</title>
<meta name="viewport" content="width=device-width">
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
section:target{background:#fff3c4}code{font-size:.95em}</style><h1>Problems</h1>"""


def _section(kind: ProblemType) -> str:
    again = "The same request may succeed later." if kind.retryable else "The same request will fail again."
    return (
        f'<section id="{kind.code}"><h2><code>{kind.code}</code> · {kind.status}</h2><p><b>{escape(kind.title)}.</b> '
        f"{escape(kind.cause)}</p><p>{escape(kind.cure)} {again}</p></section>"
    )


_PAGE = _HEAD + "".join(_section(kind) for kind in CATALOGUE.values()) + "</html>"


@router.get(PROBLEM_DOCS_PATH, response_class=HTMLResponse)
async def problem_page() -> str:
    """Every problem with cause and cure."""
    return _PAGE
