"""`python -m app`: the HTTP process on its own."""

import argparse
import sys

import structlog
import uvicorn

from app.auth import may_listen
from app.key_file import KeyFileUnusable
from app.main import create_app
from app.server import protocol
from jobs.errors import BlobsUnusable
from jobs.logs import configure_logs
from jobs.open_tracing import TracingUnavailable
from jobs.settings import Settings

EXIT_UNUSABLE = 78
"""As the worker's: a setting must be mended first (EX_CONFIG of sysexits.h)."""

_CURE = (
    "Anybody who reaches this address could use the service: set INLAY_API_KEYS_FILE (`inlay keys new`), "
    "or INLAY_ALLOW_ANONYMOUS=true if only the right ones reach it."
)

log = structlog.get_logger(__name__)


def main() -> int:
    """Serves until SIGTERM or SIGINT; open requests get a few seconds, long polls let go at once.

    Returns the exit status: 0, or 78 where it may not listen, or keys or pictures have no place.
    """
    parser = argparse.ArgumentParser(prog="python -m app", description="Serve the HTTP API.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", default=8000, type=int, help="port to listen on (default: %(default)s)")
    parser.add_argument("--root-path", default="", help="prefix under which a proxy serves the API")
    options = parser.parse_args()

    settings = Settings()
    configure_logs(settings)
    if not may_listen(options.host, settings):
        log.critical("refused_to_listen", host=options.host, cure=_CURE)
        return EXIT_UNUSABLE
    try:
        app = create_app(settings)
    except KeyFileUnusable as error:
        log.critical("api_keys_unusable", error=str(error))
        return EXIT_UNUSABLE
    except BlobsUnusable as error:
        log.critical("blobs_unusable", error=str(error))
        return EXIT_UNUSABLE
    except TracingUnavailable as error:
        log.critical("tracing_unavailable", error=str(error))
        return EXIT_UNUSABLE
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=options.host,
            port=options.port,
            root_path=options.root_path,
            http=protocol(settings.head_timeout_s),
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
    )
    app.state.services.base_path = options.root_path
    app.state.services.stopping = lambda: server.should_exit
    server.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
