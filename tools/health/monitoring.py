"""The facts that Cloud Monitoring has of a deployment: backlogs, deliveries, answers."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from shared.topology import FUNCTIONS, SUBSCRIPTIONS
from tools.errors import CommandError
from tools.health.answers import ACKNOWLEDGED, GIVEN_BACK, LEASE_RAN_OUT, Answers
from tools.health.facts import Backlog, Flow, Latency, Period
from tools.pipeline.google_rest import GoogleRest, Json, found

VISIBLE_AFTER = timedelta(seconds=240)
"""Until then a sample may be missing (https://cloud.google.com/monitoring/api/metrics_gcp_p_z#gcp-pubsub)."""
LENGTH = timedelta(minutes=5)
HOST = "monitoring.googleapis.com"
_PUBSUB = "pubsub.googleapis.com/subscription"
_SUBSCRIPTION = "resource.label.subscription_id"
_SENT = "sent_message_count"
_SETTLED = {
    ACKNOWLEDGED: "ack_message_count",
    GIVEN_BACK: "mod_ack_deadline_message_count",  # the functions set a deadline to 0 only
    LEASE_RAN_OUT: "expired_ack_deadlines_count",
}
"""What a stage that pulls does with a message, and the metric of its subscription that counts it."""


def period(now: datetime) -> Period:
    """The newest five minutes whose samples are all visible."""
    end = now - VISIBLE_AFTER
    return Period(end - LENGTH, end)


@dataclass(frozen=True, slots=True)
class Series:
    """One time series: its labels of metric and resource, and its values, newest first."""

    labels: Mapping[str, str]
    values: Sequence[float]


class Monitoring:
    """One deployment's metrics. Every call raises CommandError."""

    def __init__(self, rest: GoogleRest, project: str, name_prefix: str) -> None:
        self._rest = rest
        self._project = project
        self._name_prefix = name_prefix

    def backlogs(self, now: datetime) -> Mapping[str, Backlog]:
        """The newest sample of each subscription, up to some minutes old."""
        whole = Period(now - 2 * LENGTH, now)
        waiting = self._series(f"{_PUBSUB}/num_undelivered_messages", whole)
        return backlogs(waiting, self._series(f"{_PUBSUB}/oldest_unacked_message_age", whole))

    def flows(self, over: Period, pulled: Collection[str]) -> Mapping[str, Flow]:
        """Deliveries a second to each function; `pulled` are those that pull."""
        groups = (_SUBSCRIPTION, "metric.label.response_class")
        summed = _summed(over, "ALIGN_DELTA", "REDUCE_SUM", groups)
        pushes = flows(self._series(f"{_PUBSUB}/push_request_count", over, summed), over)
        if not pulled:
            return pushes
        sent, done = (self._messages(metric, over) for metric in (_SENT, _SETTLED[ACKNOWLEDGED]))
        return {**pushes, **pulled_flows(sent, done, pulled, over)}

    def answers(self, over: Period, pulled: Collection[str]) -> Mapping[str, Answers]:
        """Cloud Run's count of the functions' answers, and Pub/Sub's of what those that pull did."""
        groups = ("resource.label.service_name", "metric.label.response_code_class")
        summed = _summed(over, "ALIGN_DELTA", "REDUCE_SUM", groups)
        found = answers(self._series("run.googleapis.com/request_count", over, summed), self._name_prefix)
        if not pulled:
            return found
        settled = {done: self._messages(metric, over) for done, metric in _SETTLED.items()}
        return {**found, **with_settled(found, settled, pulled)}

    def latencies(self, over: Period, pulled: Collection[str]) -> Sequence[Latency]:
        """From the delivery of a parsed event until `features` has its row."""
        name, second = ("ack_latencies", 1e3) if "features" in pulled else ("push_request_latencies", 1e6)
        p50, p99 = (
            self._series(
                f"{_PUBSUB}/{name}",
                over,
                _summed(over, f"ALIGN_PERCENTILE_{share}", "REDUCE_MAX", [_SUBSCRIPTION]),
            )
            for share in (50, 99)
        )
        return latencies(p50, p99, second)

    def _messages(self, metric: str, over: Period) -> Mapping[str, int]:
        """A count of the whole period, by subscription."""
        summed = _summed(over, "ALIGN_DELTA", "REDUCE_SUM", [_SUBSCRIPTION])
        return messages(self._series(f"{_PUBSUB}/{metric}", over, summed))

    def _series(self, metric: str, over: Period, aggregation: Sequence[tuple[str, str]] = ()) -> list[Series]:
        query = urlencode(
            [
                ("filter", f'metric.type="{metric}"'),
                ("interval.startTime", over.start.isoformat()),
                ("interval.endTime", over.end.isoformat()),
                *aggregation,
            ]
        )
        url = f"https://{HOST}/v3/projects/{self._project}/timeSeries?{query}"
        return list(series(found(HOST, *self._rest.get(url))))


def _summed(over: Period, aligner: str, reducer: str, groups: Sequence[str]) -> list[tuple[str, str]]:
    """One value a series for the whole period."""
    return [
        ("aggregation.alignmentPeriod", f"{over.seconds:.0f}s"),
        ("aggregation.perSeriesAligner", aligner),
        ("aggregation.crossSeriesReducer", reducer),
        *(("aggregation.groupByFields", field) for field in groups),
    ]


def series(answer: Json) -> Iterator[Series]:
    """The series of a timeSeries.list; raises CommandError for anything else."""
    try:
        for entry in answer.get("timeSeries", []):
            metric, resource = entry.get("metric", {}), entry.get("resource", {})
            labels = {**resource.get("labels", {}), **metric.get("labels", {})}
            yield Series(labels, [_value(point["value"]) for point in entry.get("points", [])])
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise CommandError(f"{HOST} answered something else than time series ({error!r})") from None


def _value(value: Mapping[str, str]) -> float:
    return float(value.get("int64Value", value.get("doubleValue", 0)))


def backlogs(waiting: Sequence[Series], ages: Sequence[Series]) -> Mapping[str, Backlog]:
    """By subscription; one without an age has had no message."""
    oldest = {name: value for name, value in _newest(ages) if value > 0}
    return {name: Backlog(int(count), oldest.get(name)) for name, count in _newest(waiting)}


def _newest(entries: Sequence[Series]) -> Iterator[tuple[str, float]]:
    for entry in entries:
        if entry.values and (name := entry.labels.get("subscription_id")):
            yield name, entry.values[0]


def flows(pushes: Sequence[Series], over: Period) -> Mapping[str, Flow]:
    """By function; one whose subscription has no pushes had none."""
    given, done = Counter[str](), Counter[str]()
    for push in pushes:
        name, count = push.labels.get("subscription_id", ""), sum(push.values)
        given[name] += int(count)
        done[name] += int(count) if push.labels.get("response_class") == "ack" else 0
    return {
        function: Flow(given[name] / over.seconds, done[name] / over.seconds)
        for function, name in SUBSCRIPTIONS.items()
    }


def answers(requests: Sequence[Series], name_prefix: str) -> Mapping[str, Answers]:
    """By function, classes of statuses; one without requests answered nothing."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for request in requests:
        status = request.labels.get("response_code_class", "unknown")
        counts[request.labels.get("service_name", "")][status] += int(sum(request.values))
    return {function: Answers(counts[f"{name_prefix}-{function}"]) for function in FUNCTIONS}


def messages(counted: Sequence[Series]) -> Mapping[str, int]:
    """By subscription."""
    counts = Counter[str]()
    for entry in counted:
        counts[entry.labels.get("subscription_id", "")] += int(sum(entry.values))
    return counts


def pulled_flows(
    sent: Mapping[str, int], done: Mapping[str, int], pulled: Collection[str], over: Period
) -> Mapping[str, Flow]:
    """By function that pulls, from counts by subscription."""
    names = {function: SUBSCRIPTIONS[function] for function in pulled}
    return {
        function: Flow(sent.get(name, 0) / over.seconds, done.get(name, 0) / over.seconds)
        for function, name in names.items()
    }


def with_settled(
    answered: Mapping[str, Answers], settled: Mapping[str, Mapping[str, int]], pulled: Collection[str]
) -> Mapping[str, Answers]:
    """By function that pulls: what became of its messages, beside what it answered when it was called."""
    return {
        function: Answers(
            {
                **answered[function].counts,
                **{done: counts.get(SUBSCRIPTIONS[function], 0) for done, counts in settled.items()},
            }
        )
        for function in pulled
    }


def latencies(p50: Sequence[Series], p99: Sequence[Series], second: float) -> Sequence[Latency]:
    """`second` in the metric's unit; none without deliveries."""
    slow = dict(_newest(p99))
    name = SUBSCRIPTIONS["features"]
    return [
        Latency("parsed to row", value / second, slow[name] / second)
        for found_name, value in _newest(p50)
        if found_name == name and name in slow
    ]
