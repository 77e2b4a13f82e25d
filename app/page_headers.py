"""Headers of answers that a browser shows as a page."""

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


def page_headers(images: str) -> dict[str, str]:
    """Let a page have nothing but what this service serves; `images` says where pictures may come from beside it."""
    policy = _OWN | {"img-src": f"'self' {images}"}
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
    }
