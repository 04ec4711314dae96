# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Start the platform by hand: ``python -m approved_platform --port 8090``."""

# a command line: pylint: disable=print-used

import argparse
import contextlib

from .life import SCRIPTS
from .server import ApprovedPlatform

HELP = """\
Approved platform for trying out, on {url} (stop with Ctrl-C).
It follows {source}.

    Flow service       {flow}
    Directory service  {directory}
    Token URL          {token}
    Client ID          {client}
    Client secret      {secret}

Give it orders with POST {url}/control, for example
    {{"do": "outage", "days": 3}}        {{"do": "clock", "days": 1}}
    {{"do": "fault", "kind": "lost"}}    {{"do": "script", "for": "200000008", "name": "refused"}}
"""  # noqa: E501


def main():
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--openapi", help="folder of the official OpenAPI files")
    parser.add_argument(
        "--life",
        choices=sorted(SCRIPTS),
        default="approved",
        help="what becomes of invoices",
    )
    options = parser.parse_args()
    platform = ApprovedPlatform(options.port, options.openapi)
    platform.store.default_script = options.life
    folder = platform.description.folder
    print(
        HELP.format(
            url=platform.url,
            source=folder or "its own table of routes (no OpenAPI files found)",
            flow=platform.flow_url,
            directory=platform.directory_url,
            token=platform.token_url,
            client=platform.client_id,
            secret=platform.client_secret,
        ),
        flush=True,
    )
    with contextlib.suppress(KeyboardInterrupt):
        platform.serve()


if __name__ == "__main__":
    main()
