"""The doctor's probe: it has arrived, or where it stopped is said, within its limit."""

from dataclasses import dataclass, field

from shared.topology import PUSHED, subscription_name
from tools.doctor.findings import Verdict
from tools.doctor.probe import Time, follow, stopped
from tools.errors import CommandError
from tools.pipeline.pubsub_state import NO_ANSWER, Held

PARSE, FEATURES = (subscription_name(PUSHED[name], name) for name in ("parse", "features"))


@dataclass
class Way:
    """Arrives at a look, or never; `whereabouts` may fail."""

    arrives_at: int | None
    error: str = ""
    patience: float = 8.0
    step: float = 0.5
    looks: int = 0

    def has_arrived(self, _: str) -> bool:
        self.looks += 1
        return self.looks == self.arrives_at

    def whereabouts(self, mark: str) -> str:
        if self.error:
            raise CommandError(self.error)
        return f"{mark} is held"


@dataclass
class Clock:
    at: float = 100.0
    waits: list[float] = field(default_factory=list)

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.at += seconds

    @property
    def time(self) -> Time:
        return Time(now=lambda: self.at, wait=self.wait)


def test_a_probe_that_arrives_says_how_long_it_took() -> None:
    finding = follow("probe-1", Way(arrives_at=4), "f", Clock().time)
    assert finding.verdict is Verdict.OK
    assert finding.detail == "probe-1 went through parse and features within 1.5 s; it left no features"


def test_a_probe_that_does_not_arrive_ends_at_its_limit_with_its_whereabouts() -> None:
    clock = Clock()
    finding = follow("probe-1", Way(arrives_at=None), "tail", clock.time)
    assert (finding.verdict, finding.fix) == (Verdict.WRONG, "tail")
    assert finding.detail == "probe-1 is not in the log of features after 8 s: probe-1 is held"
    assert sum(clock.waits) == 8.0


def test_a_service_that_does_not_say_where_the_probe_is_leaves_the_finding() -> None:
    finding = follow("probe-1", Way(arrives_at=None, error="Pub/Sub did not answer"), "f", Clock().time)
    assert finding.verdict is Verdict.WRONG
    assert finding.detail.endswith("after 8 s: where it is can't be learned (Pub/Sub did not answer)")


def held(name: str, attempt: int, answer: int | None) -> Held:
    place = f"projects/p/subscriptions/{name}"
    return Held(subscription=place, message_id="1", attempt=attempt, answer=answer)


def test_it_stopped_before_the_function_whose_subscription_holds_it() -> None:
    assert stopped({PARSE: held(PARSE, 1, None)}) == (
        "dashboard-events-parse holds it, and parse has not answered its first delivery"
    )
    assert stopped({FEATURES: held(FEATURES, 4, 503)}) == (
        "dashboard-events-parsed-features holds it, and features answered 503 to delivery 3"
    )
    assert "and features answered nothing to delivery 1" in stopped({FEATURES: held(FEATURES, 2, NO_ANSWER)})
    pulled = stopped({FEATURES: held(FEATURES, 4, 503)}, pulled=["features"])
    assert pulled == f"{FEATURES} holds it, and features gave delivery 3 back"


def test_the_raw_streams_copy_of_it_is_no_stop() -> None:
    monitor = "dashboard-events-monitor"
    assert stopped({monitor: held(monitor, 1, None)}).startswith("every subscription has it acknowledged")
