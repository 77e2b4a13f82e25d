"""Headers that tell browsers what an answer may do, and who may use it."""

from __future__ import annotations

_OWN = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


def page_headers(images: str, styles: str = "'self'") -> dict[str, str]:
    """Let a page have nothing but what this service serves; `images` says where pictures may come from beside it."""
    policy = _OWN | {"img-src": f"'self' {images}", "style-src": styles}
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
    }


def answer_headers(*, shared: bool) -> dict[str, str]:
    """Headers of every answer that is no page of ours: shown by itself it does nothing, and nobody frames it.

    `shared` says whether pages of other origins may call the service: only then may they show its pictures, too.
    """
    return {
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "cross-origin" if shared else "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
