"""`python -m tools.standins.bigquery --rest-port N --grpc-port M`: runs until SIGTERM or SIGINT."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import duckdb

from tools.standins.bigquery.server import serve
from tools.standins.kept import BEGIN_WITHOUT
from tools.standins.serving import FAULTS_HELP, PortTaken, faults_of


def main() -> None:
    """Exits with 1 and a sentence when a port is taken, or its data can't be used."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.standins.bigquery", description="bigquery stand-in"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--rest-port", type=int, required=True, help="port of the REST API; 0: any free one")
    parser.add_argument("--grpc-port", type=int, required=True, help="port of Storage Write; 0: any free one")
    parser.add_argument("--data", type=Path, help="folder that keeps the data (default: memory)")
    parser.add_argument("--faults", type=Path, help=FAULTS_HELP)
    options = parser.parse_args()
    try:
        asyncio.run(_run_until_signal(options))
    except PortTaken as error:
        sys.exit(f"bigquery stand-in: {error}")
    except duckdb.Error as error:
        sys.exit(f"the data in {options.data} can't be used ({error}): {BEGIN_WITHOUT}")


async def _run_until_signal(options: argparse.Namespace) -> None:
    faults = faults_of("bigquery", options)
    async with serve(options.rest_port, options.grpc_port, options.host, options.data, faults) as endpoints:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):  # after the start, when uvicorn has set its handlers
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        sys.stdout.write(f"bigquery: listening on {endpoints.rest} and {endpoints.storage_write}\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    main()
