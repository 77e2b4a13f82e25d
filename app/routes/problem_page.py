"""The page that the `type` of every problem points to."""

from base64 import b64encode
from hashlib import sha256
from html import escape

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from app.page_headers import page_headers
from app.problem_types import CATALOGUE, PROBLEM_DOCS_PATH, ProblemType

router = APIRouter(include_in_schema=False)

_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
section:target{background:#fff3c4}code{font-size:.95em}"""
_HEADERS = page_headers("data:", styles=f"'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'")
_HEAD = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Inlay: problems</title>
<meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><style>{_STYLE}</style><h1>Problems</h1>"""


def _section(kind: ProblemType) -> str:
    again = "The same request may succeed later." if kind.retryable else "The same request will fail again."
    return (
        f'<section id="{kind.code}"><h2><code>{kind.code}</code> · {kind.status}</h2><p><b>{escape(kind.title)}.</b> '
        f"{escape(kind.cause)}</p><p>{escape(kind.cure)} {again}</p></section>"
    )


_PAGE = _HEAD + "".join(_section(kind) for kind in CATALOGUE.values()) + "</html>"


@router.get(PROBLEM_DOCS_PATH, response_class=HTMLResponse)
async def problem_page() -> HTMLResponse:
    """Every problem with cause and cure."""
    return HTMLResponse(_PAGE, headers=_HEADERS)
