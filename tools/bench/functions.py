"""`nox -s bench`: what an event costs the functions, and what their starts cost, in alternating rounds."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from shared.topology import REGION, feature_view_path
from tools.bench.drivers import Subject
from tools.bench.feed import Subscriber
from tools.bench.figures import Cold, Figures, Report, figures
from tools.bench.server import Server
from tools.bench.sinks import FASTEST, SLOWEST, Sinks
from tools.bench.subjects import PULLS, subjects
from tools.local.parts import PROJECT
from tools.local.ports import allot

WARM_UP = 2_000
"""Events before the first round: caches full, channels open."""


@dataclass(frozen=True, slots=True)
class Extent:
    """What is measured, and how often."""

    functions: tuple[str, ...] = ("parse", "features", "deadletter", f"parse{PULLS}", f"features{PULLS}")
    at_once: tuple[int, ...] = (32, 80, 200)
    """Concurrent requests."""
    events: int = 4_000
    """Of one round."""
    rounds: int = 5
    """The functions take turns, so that other load on the machine affects all alike; the median counts."""
    starts: int = 3
    answers: tuple[float, float] = (FASTEST, SLOWEST)
    """Seconds within which the sinks answer."""
    against: Path | None = None
    """Another checkout, whose functions take turns with this one's."""


async def run(extent: Extent) -> Report:
    """Measures all functions under all loads, in turn; raises CommandError, LoadFailed, OSError."""
    report, sinks = Report(extent.events, extent.rounds, extent.answers), Sinks(extent.answers)
    async with running(extent, sinks, report) as servers:
        for at_once in extent.at_once:
            await rounds(report, sinks, extent, at_once, servers)
    return report


@asynccontextmanager
async def running(
    extent: Extent, sinks: Sinks, report: Report
) -> AsyncIterator[list[tuple[Subject, Server]]]:
    """All functions, after so many starts of each, which go into the report."""
    subscriber = Subscriber()
    found = subjects(extent.functions, extent.against, subscriber)
    async with sinks.listen(subscriber.services()) as endpoint, AsyncExitStack() as servers:
        environment = _environment(endpoint.address)
        for _ in range(extent.starts):
            for subject in found:
                async with subject.serving(_port(0), environment) as (server, cpu_seconds):
                    report.starts.append(Cold(subject.name, cpu_seconds, server.peak_rss_mb()))
        yield [
            (subject, (await servers.enter_async_context(subject.serving(_port(number), environment)))[0])
            for number, subject in enumerate(found)
        ]


async def rounds(
    report: Report,
    sinks: Sinks,
    extent: Extent,
    at_once: int,
    servers: list[tuple[Subject, Server]],
    warm_up: int = WARM_UP,
) -> None:
    """All functions in turn under one load, after so many events to warm up."""
    taking = [(subject, server) for subject, server in servers if subject.takes(at_once)]
    for subject, server in taking:
        await subject.load(server.port, warm_up, at_once)
    for number in range(extent.rounds):
        # Every other round backwards: nobody always follows the same one.
        for subject, server in taking[:: -1 if number % 2 else 1]:
            report.runs.append(await _measure(subject, server, sinks, extent.events, at_once))


def _environment(sinks: str) -> Mapping[str, str]:
    return {
        "PROJECT_ID": PROJECT,
        "FEATURE_VIEW": feature_view_path(PROJECT, REGION),
        "PUBSUB_EMULATOR_HOST": sinks,
        "FIRESTORE_EMULATOR_HOST": sinks,
        "BIGQUERY_STORAGE_EMULATOR_HOST": sinks,
        "FEATURE_STORE_EMULATOR_HOST": sinks,
    }


def _port(number: int) -> int:
    return list(allot(0).values())[number]


async def _measure(subject: Subject, server: Server, sinks: Sinks, events: int, at_once: int) -> Figures:
    """One function under one load."""
    before, cpu, logged = sinks.counts.copy(), server.cpu_seconds(), server.log_bytes()
    load = await subject.load(server.port, events, at_once)
    spent, asked = server.cpu_seconds() - cpu, sinks.counts.since(before)
    logged = server.log_bytes() - logged
    return figures(subject.name, at_once, load, spent, server.peak_rss_mb(), asked, logged)
