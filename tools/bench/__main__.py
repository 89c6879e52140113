"""Runs the benchmark: tables on stdout, the same figures as JSON in build/bench.json."""

import argparse
import json
import sys
from contextlib import AsyncExitStack

import uvloop

from shared.topology import REGION, feature_view_path
from tools.bench import flush
from tools.bench.figures import Figures, Report, figures
from tools.bench.load import LoadFailed, run_load
from tools.bench.server import Server, serving
from tools.bench.sinks import Sinks
from tools.bench.subjects import Subject, subjects
from tools.errors import CommandError
from tools.local.parts import PROJECT
from tools.local.ports import allot
from tools.paths import ROOT

CONCURRENCIES = (32, 80, 200)
WARM_UP = 2_000
"""Events before the first round: caches full, channels open."""
ROUNDS = 5
"""The functions take turns, so that other load on the machine affects all alike; the median counts."""
RESULT = ROOT / "build" / "bench.json"


async def run(events: int) -> Report:
    """Measures all functions under all loads, in turn; raises CommandError, LoadFailed."""
    report, sinks = Report(events), Sinks()
    async with sinks.listen() as endpoint, AsyncExitStack() as running:
        environment = {
            "PROJECT_ID": PROJECT,
            "FEATURE_VIEW": feature_view_path(PROJECT, REGION),
            "PUBSUB_EMULATOR_HOST": endpoint.address,
            "FIRESTORE_EMULATOR_HOST": endpoint.address,
            "BIGQUERY_STORAGE_EMULATOR_HOST": endpoint.address,
            "FEATURE_STORE_EMULATOR_HOST": endpoint.address,
        }
        servers: list[tuple[Server, Subject]] = []
        for subject, port in zip(subjects(), allot(0).values(), strict=False):
            start = serving(subject.name, subject.source, port, environment, subject.requests[0])
            server, cpu_seconds = await running.enter_async_context(start)
            report.cold_start_cpu_seconds[subject.name] = round(cpu_seconds, 2)
            servers.append((server, subject))
        for concurrency in CONCURRENCIES:
            for server, subject in servers:
                await run_load(server.port, subject.requests, WARM_UP, concurrency)
            for _ in range(ROUNDS):
                for server, subject in servers:
                    report.runs.append(await measure(server, subject, sinks, events // ROUNDS, concurrency))
    return report


async def measure(server: Server, subject: Subject, sinks: Sinks, events: int, concurrency: int) -> Figures:
    """One function under one load."""
    before, cpu = sinks.counts.copy(), server.cpu_seconds()
    load = await run_load(server.port, subject.requests, events, concurrency)
    return figures(subject.name, concurrency, load, server.cpu_seconds() - cpu, sinks.counts.since(before))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument(
        "subject",
        nargs="*",
        metavar="flush [SCENARIO]",
        help=f"the flush instead of the functions, all or some of {', '.join(flush.SCENARIOS)}",
    )
    parser.add_argument(
        "--events", type=int, default=20_000, help="events per function and load (default: %(default)s)"
    )
    options = parser.parse_args()
    try:
        if options.subject[:1] == ["flush"]:
            flush.main(options.subject[1:])
            return
        report = uvloop.run(run(options.events))
    except (CommandError, LoadFailed, OSError) as error:
        sys.exit(f"bench: {error}")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(report.to_dict(), indent=2) + "\n")
    report.show()
    sys.stdout.write(f"The same as JSON: {RESULT.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
