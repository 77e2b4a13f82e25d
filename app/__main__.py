"""`python -m app`: the HTTP process on its own."""

import argparse

import uvicorn

from app.main import create_app
from app.server import ProblemProtocol
from jobs.logs import configure_logs
from jobs.settings import Settings


def main() -> None:
    """Serves until SIGTERM or SIGINT; open requests get a few seconds, long polls let go at once."""
    parser = argparse.ArgumentParser(prog="python -m app", description="Serve the HTTP API.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", default=8000, type=int, help="port to listen on (default: %(default)s)")
    parser.add_argument("--root-path", default="", help="prefix under which a proxy serves the API")
    options = parser.parse_args()

    settings = Settings()
    configure_logs(settings)
    app = create_app(settings)
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=options.host,
            port=options.port,
            root_path=options.root_path,
            http=ProblemProtocol,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
    )
    app.state.services.stopping = lambda: server.should_exit
    server.run()


if __name__ == "__main__":
    main()
