"""One chain of real processes that lives through one plan of faults, and the verdict on it."""

import asyncio
import os
import shutil
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

from tests.soak.laws import broken, stale, whole
from tests.soak.publications import Publication, Times, publications
from tools.errors import CommandError
from tools.faults.plan import Plan
from tools.faults.running import RECORD, Record
from tools.heal.values import values_in
from tools.heal.writing import write
from tools.local.chain import Chain, ChainOptions
from tools.local.parts import PartsKind
from tools.pipeline.address import Driver
from tools.pipeline.connect import connect_feature_view, connect_online_store, connect_warehouse
from tools.pipeline.flushing import flush
from tools.pipeline.pubsub import PubSub
from tools.pipeline.pubsub_state import read_state

EVENTS = 240
AGAIN = 10
"""Every so many events come once more when their window has closed: what it counts is not late then."""
PATIENCE = 240.0
"""Seconds from the plan's healing until all laws must hold. Windows settle 20 s after they close; Pub/Sub's
backoff has grown to 16 s by then, and a late event waits for a flush that has read on."""
STARTING = 10.0
"""Seconds that a chain takes to start, about, where nobody has looked."""
FLUSH_EVERY = 1.0
FLUSH_BESIDE = 1.7
"""Seconds between flushes of another schedule, so that two overlap now and then."""


@dataclass
class Verdict:
    """Of one plan."""

    plan: Plan
    broken: list[str]
    injected: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Kind of fault and part to how often it happened."""
    seconds: float = 0.0
    starting: float = STARTING
    """Seconds until the chain was up."""
    healed_after: float = 0.0
    """Seconds from the end of the faults until all laws held."""
    said: list[str] = field(default_factory=list)
    """What the chain reported."""


def soak(
    plan: Plan,
    folder: Path,
    events: int = EVENTS,
    starting: float = STARTING,
    driver: Driver = Driver.PUSH,
    parts: PartsKind = PartsKind.STAND_IN,
) -> Verdict:
    """Runs the plan on a chain of its own, whose logs and data are then in `folder`; call it from the main
    thread. An error of the chain itself breaks the law, too.

    `starting` is for how many seconds the chain will start, so that a window closes amid the faults.
    """
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    times = Times.closing_after(datetime.now(UTC), starting + plan.heals_at / 2)
    verdict = Verdict(plan, [])
    # The functions inherit it; what a chain's clients add to it goes again.
    with patch.dict(os.environ, ALLOWED_LATENESS=str(int(times.lateness.total_seconds()))):
        options = ChainOptions(
            parts=parts,
            port_base=0,
            driver=driver,
            flush_every=FLUSH_EVERY,
            keep=parts is PartsKind.STAND_IN,
            faults=plan,
            state=folder,
            report=verdict.said.append,
        )
        try:
            with Chain(options) as chain:
                verdict.starting = time.monotonic() - began
                _live(chain, publications(plan.seed, times, events), times, verdict)
        except CommandError as error:
            verdict.broken = [f"the chain ended: {error}"]
    verdict.injected = Record(folder / "faults" / RECORD).counted()
    verdict.seconds = time.monotonic() - began
    return verdict


def measured_start() -> float:
    """Seconds that a chain takes to start here and now: 5 on a free machine, 20 on a busy one."""
    began = time.monotonic()
    with Chain(ChainOptions(port_base=0)):
        return time.monotonic() - began


def _live(chain: Chain, published: Sequence[Publication], times: Times, verdict: Verdict) -> None:
    heals = time.monotonic() + verdict.plan.heals_at
    done = threading.Event()
    publishing = threading.Thread(target=_publish, args=(chain, published, times, heals), daemon=True)
    beside = threading.Thread(target=_flush_beside, args=(chain, done), daemon=True)
    publishing.start()
    beside.start()
    try:
        while publishing.is_alive() or time.monotonic() < heals:
            chain.heal()
            time.sleep(0.1)  # polls the parts
        healed = time.monotonic()
        _settle(chain, published, times, verdict, healed + PATIENCE)
        verdict.healed_after = time.monotonic() - healed
    finally:
        done.set()
        publishing.join()
        beside.join()


def _settle(
    chain: Chain, published: Sequence[Publication], times: Times, verdict: Verdict, deadline: float
) -> None:
    """Judges until the laws hold, and once more after a flush that has nothing left to do."""
    held = 0
    while held < 2:
        chain.heal()
        verdict.broken = [*_undelivered(chain), *_judge(chain, published, times)]
        held = 0 if verdict.broken else held + 1
        if verdict.broken and time.monotonic() > deadline:
            return
        time.sleep(FLUSH_EVERY)  # until the next flush


def _judge(chain: Chain, published: Sequence[Publication], times: Times) -> list[str]:
    try:
        warehouse = connect_warehouse(chain.address)
        if stale(warehouse):
            asyncio.run(_heal_online(chain, times))
        return broken(warehouse, connect_online_store(chain.address), published, times)
    except CommandError as error:  # a part that is being started again
        return [str(error)]


async def _heal_online(chain: Chain, times: Times) -> None:
    """As cqc heal-online does."""
    view = connect_feature_view(chain.address)
    try:
        await write(values_in(connect_warehouse(chain.address), whole(times)), view)
    finally:
        await view.close()


def _undelivered(chain: Chain) -> Iterator[str]:
    try:
        state = read_state(chain.address.pubsub)
    except CommandError as error:
        yield str(error)
        return
    for name, subscription in state.subscriptions.items() if state else ():
        if subscription.undelivered and not name.endswith("-monitor"):
            yield f"{name} holds {subscription.undelivered} messages"


def _publish(chain: Chain, published: Sequence[Publication], times: Times, heals: float) -> None:
    """Spread over the time of the faults; then some once more, when the window before has closed."""
    client = PubSub(chain.address.pubsub)
    try:
        _send(chain, client, published, max(0.0, heals - time.monotonic() - 1))
        while datetime.now(UTC) <= times.closes:
            time.sleep(0.1)  # the law is about what comes after it
        _send(chain, client, published[::AGAIN], 0)
    finally:
        client.close()


def _send(chain: Chain, client: PubSub, published: Sequence[Publication], seconds: float) -> None:
    """Over so many seconds; a request that failed is sent again, though it may have come in."""
    batches = [published[at : at + 10] for at in range(0, len(published), 10)]
    for batch in batches:
        while not _sent(client, chain.address.topics["events"], batch):
            time.sleep(0.2)  # as a producer backs off
        time.sleep(seconds / len(batches))  # the producer's pace


def _sent(client: PubSub, topic: str, batch: Sequence[Publication]) -> bool:
    try:
        client.publish_messages(topic, [(each.line, {}) for each in batch], timeout=5)
    except CommandError:
        return False
    return True


def _flush_beside(chain: Chain, done: threading.Event) -> None:
    while not done.wait(FLUSH_BESIDE):
        with suppress(CommandError):  # its instance was killed, or a service failed
            flush(chain.address.functions["aggregate"], timeout=30)
