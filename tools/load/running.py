"""One run: a chain of its own, the load, what is observed meanwhile, and the reconciliation."""

import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from shared.telemetry.logs import LogEvent
from tools.demo.reconciliation import Ledger, reconcile
from tools.errors import CommandError
from tools.load.disturbance import Disturbance
from tools.load.observing import Observer
from tools.load.plan import Plan, due_times
from tools.load.processes import check_platform
from tools.load.publishing import Events, Made, Publisher
from tools.load.reconciliation import Outcome, miscounted_windows
from tools.load.sightings import LOOK, TIMEOUT, Sightings, look_at_rows, look_at_values
from tools.local.chain import Chain, ChainOptions
from tools.local.claim import claimed
from tools.pipeline.connect import connect_warehouse
from tools.pipeline.flushing import flush
from tools.pipeline.online_store import OnlineStore
from tools.pipeline.pubsub import PubSub

PATIENCE = 120.0
"""Seconds after the load until everything must be accounted for; three times the outage more."""
STEP = 0.1
SEND_TIMEOUT = 5.0
"""Seconds for a publish: a stopped Pub/Sub is tried again soon after it goes on."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run has measured, and what it left behind."""

    plan: Plan
    outcome: Outcome
    rows: Sightings
    values: Sightings
    observer: Observer
    publisher: Publisher
    load_ended: float
    """Seconds from the first event until the last was accepted."""
    drained: float | None
    """The same until the burst's or outage's backlog was gone."""
    own_cpu: float
    """Cores that the load itself took."""


def run(plan: Plan, folder: Path, say: Say) -> Result:
    """Starts a chain whose files go to `folder`; raises CommandError."""
    plan.check()
    check_platform()
    options = ChainOptions(
        port_base=0,
        state=folder,
        flush_every=plan.flush_every,
        driver=plan.driver,
        keep=plan.outage is not None,  # a part that is killed comes back with its data, as a service does
        report=say,
    )
    with claimed(folder):
        shutil.rmtree(folder / "data", ignore_errors=True)
        with Chain(options) as chain:
            return _Run(plan, chain, say).result()


class _Run:
    def __init__(self, plan: Plan, chain: Chain, say: Say) -> None:
        self._plan, self._chain, self._say = plan, chain, say
        self._disturbance = Disturbance(plan, chain)
        self._stopped = threading.Event()
        self._pubsub = PubSub(chain.address.pubsub)
        self._warehouse = connect_warehouse(chain.address, TIMEOUT)
        self._accounts = connect_warehouse(chain.address)
        self._store = OnlineStore(chain.address.feature_store, chain.address.feature_view)
        self._began, self._start = datetime.now(UTC), time.monotonic()
        self._rows, self._values = Sightings(self._now), Sightings(self._now)
        events = Events(plan.locations, plan.rate, self._began)
        self._publisher = Publisher(
            due_times(plan.phases()),
            events.make,
            self._send,
            self._sending,
            self._now,
            time.sleep,
            self._stopped.is_set,
        )
        end = plan.disturbed[1] if plan.disturbed else None
        self._observer = Observer(chain.address.pubsub, self._now, self._publisher, end)

    def _now(self) -> float:
        return time.monotonic() - self._start

    def _send(self, lines: list[bytes]) -> None:
        topic = self._chain.address.topics["events"]
        self._pubsub.publish_messages(topic, [(line, {}) for line in lines], SEND_TIMEOUT)

    def _sending(self, made: Made) -> None:
        if made.is_probe:
            self._rows.sent(made)
            self._values.sent(made)

    def result(self) -> Result:
        cpu = time.process_time()
        with closing(self._pubsub), ThreadPoolExecutor(4) as pool:
            try:
                return self._measure(pool, cpu)
            finally:
                self._stopped.set()  # the pool waits for its threads

    def _measure(self, pool: ThreadPoolExecutor, cpu: float) -> Result:
        publishing = pool.submit(self._publisher.run)
        watching = [
            publishing,
            pool.submit(self._repeat, LOOK, lambda: look_at_rows(self._warehouse, self._rows)),
            pool.submit(self._repeat, LOOK, lambda: look_at_values(self._store, self._values)),
            pool.submit(self._repeat, 1.0, self._observer.read_pubsub),
        ]
        while not publishing.done():
            self._step(watching)
        load_ended = self._now()
        self._say(f"All {self._publisher.events:,} events are published; now everything must arrive.")
        ledger = self._drain(watching)
        outcome = self._outcome(ledger)
        return Result(
            self._plan,
            outcome,
            self._rows,
            self._values,
            self._observer,
            self._publisher,
            load_ended,
            self._observer.drained,
            (time.process_time() - cpu) / self._now(),
        )

    def _repeat(self, pause: float, work: Callable[[], None]) -> None:
        """A service that is stopped has no answer: it is asked again."""
        while not self._stopped.wait(pause):
            try:
                work()
            except CommandError:
                continue

    def _step(self, watching: Sequence[Future[None]]) -> None:
        said = self._disturbance.step(self._now())
        if said:
            self._say(said)
        if not self._disturbance.keeps_down:
            self._chain.heal()
        self._observer.measure({process.pid: process.name for process in self._chain.processes})
        for each in watching:
            if each.done():
                each.result()  # raises what ended it
        time.sleep(STEP)

    def _drain(self, watching: Sequence[Future[None]]) -> Ledger:
        """Steps until all is accounted for, or PATIENCE is over."""
        extra = 0.0 if self._plan.outage is None else 3 * self._plan.outage.seconds
        deadline = self._now() + PATIENCE + extra
        ledger: Ledger | None = None
        looked = 0.0
        while self._now() < deadline:
            self._step(watching)
            if self._observer.is_idle and self._now() > looked + 1:
                ledger, looked = self._account(), self._now()
                if ledger is not None and ledger.adds_up and self._all_seen():
                    return ledger
        return ledger or self._last_account()

    def _account(self) -> Ledger | None:
        """None while a service that was stopped is not back."""
        try:
            flush(self._chain.address.functions["aggregate"])
            return self._last_account()
        except CommandError:
            return None

    def _last_account(self) -> Ledger:
        return reconcile(self._accounts, self._publisher.events, 0)

    def _all_seen(self) -> bool:
        return not self._rows.waiting and not self._values.waiting

    def _outcome(self, ledger: Ledger) -> Outcome:
        disturbed, drained = self._plan.disturbed, self._observer.drained
        after = None if disturbed is None or drained is None else drained - disturbed[1]
        return Outcome(
            ledger=ledger,
            miscounted=miscounted_windows(self._accounts),
            unseen_rows=self._rows.waiting,
            unseen_values=self._values.waiting,
            answers=self._answers(),
            brake_engaged=self._brake_was_engaged(),
            outage_seconds=None if self._plan.outage is None else self._plan.outage.seconds,
            drained_after=after,
            disturbed=disturbed is not None,
        )

    def _answers(self) -> Mapping[str, Mapping[int, int]]:
        return {function: dict(total) for function, total in self._observer.answers.total.items()}

    def _brake_was_engaged(self) -> bool:
        mark = f'"event":"{LogEvent.DEAD_LETTER_BRAKE_ENGAGED}"'.encode()
        for process in self._chain.processes:
            with process.log.open("rb") as log:
                if any(mark in line for line in log):
                    return True
        return False
