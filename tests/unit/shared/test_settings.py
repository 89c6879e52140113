"""Every variable: its default, its range, and the sentence that names it when it is wrong."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from shared import __version__
from shared.dead_letters.brake import BrakeLimits
from shared.delivery.batching import BatchLimits
from shared.settings import (
    AggregateSettings,
    DeadletterSettings,
    FeaturesSettings,
    ParseSettings,
    Settings,
    load,
)

VIEW = (
    "projects/p/locations/europe-west2/featureOnlineStores/cqc_feature_store/featureViews/location_features"
)

COMMON: dict[str, object] = {
    "project_id": "p",
    "pipeline_version": f"{__version__}+local",
    "log_level": "INFO",
}
BATCHES: dict[str, object] = {"batch_max_events": 40, "batch_linger_ms": 5.0, "max_waiting": 1_000}
REJECTING: dict[str, object] = {"dead_letter_topic": "dashboard-events-dead-letter"}
TRACED: dict[str, object] = {
    "otel_exporter_otlp_endpoint": None,
    "max_bytes_in_flight": 32 * 2**20,
    "subscription": None,
}
BRAKE: dict[str, object] = {
    "dead_letter_brake": True,
    "dead_letter_brake_share": 0.5,
    "dead_letter_brake_minimum": 500,
    "dead_letter_brake_period": timedelta(minutes=5),
}
WINDOWS: dict[str, object] = {
    "dataset": "cqc_dataset",
    "firestore_database": "(default)",
    "feature_view": None,
    "allowed_lateness": timedelta(hours=1),
}
DEFAULTS: list[tuple[type[Settings], dict[str, object]]] = [
    (
        ParseSettings,
        COMMON
        | BATCHES
        | REJECTING
        | BRAKE
        | TRACED
        | {
            "parsed_topic": "dashboard-events-parsed",
            "max_event_bytes": 262_144,
            "max_future": timedelta(minutes=5),
            "max_age": None,
        },
    ),
    (
        FeaturesSettings,
        COMMON
        | BATCHES
        | REJECTING
        | BRAKE
        | TRACED
        | WINDOWS
        | {"feature_timezone": ZoneInfo("Europe/London")},
    ),
    (AggregateSettings, COMMON | BATCHES | REJECTING | WINDOWS | {"flush_shards": 1}),
    (DeadletterSettings, COMMON | BATCHES | TRACED | {"dataset": "cqc_dataset"}),
]
NAMES = {name.upper() for _, defaults in DEFAULTS for name in defaults}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PROJECT_ID", "p")


@pytest.mark.parametrize(("kind", "defaults"), DEFAULTS)
def test_every_variable_except_the_project_has_a_default(
    kind: type[Settings], defaults: dict[str, object]
) -> None:
    assert load(kind).model_dump() == defaults


@pytest.mark.parametrize("kind", [kind for kind, _ in DEFAULTS])
def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, kind: type[Settings]) -> None:
    expected = load(kind)
    for name in NAMES - {"PROJECT_ID"}:
        monkeypatch.setenv(name, "")
    assert load(kind) == expected


@pytest.mark.parametrize("kind", [kind for kind, _ in DEFAULTS])
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_project_stops_the_start_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, kind: type[Settings], value: str | None
) -> None:
    if value is None:
        monkeypatch.delenv("PROJECT_ID")
    else:
        monkeypatch.setenv("PROJECT_ID", value)
    with pytest.raises(SystemExit) as stopped:
        load(kind)
    sentence = "environment variable PROJECT_ID is missing. Set it and start again."
    assert stopped.value.code == f"{kind.__name__}: {sentence}"


@pytest.mark.parametrize(
    ("kind", "name", "text", "value"),
    [
        (ParseSettings, "MAX_FUTURE", "90", timedelta(seconds=90)),
        (ParseSettings, "MAX_FUTURE", "0", timedelta(0)),
        (ParseSettings, "MAX_AGE", "63072000", timedelta(days=730)),
        (ParseSettings, "MAX_FUTURE", "0.5", timedelta(seconds=0.5)),
        (ParseSettings, "MAX_FUTURE", "PT10M", timedelta(minutes=10)),
        (ParseSettings, "MAX_EVENT_BYTES", "1000000", 1_000_000),
        (ParseSettings, "LOG_LEVEL", "DEBUG", "DEBUG"),
        (ParseSettings, "PARSED_TOPIC", "projects/q/topics/parsed", "projects/q/topics/parsed"),
        (FeaturesSettings, "ALLOWED_LATENESS", "P1D", timedelta(days=1)),
        (FeaturesSettings, "ALLOWED_LATENESS", "604800", timedelta(days=7)),
        (FeaturesSettings, "FEATURE_TIMEZONE", "America/New_York", ZoneInfo("America/New_York")),
        (FeaturesSettings, "FEATURE_VIEW", VIEW, VIEW),
        (AggregateSettings, "FLUSH_SHARDS", "4", 4),
        (DeadletterSettings, "BATCH_MAX_EVENTS", "1", 1),
        (ParseSettings, "DEAD_LETTER_BRAKE", "off", False),
        (ParseSettings, "DEAD_LETTER_BRAKE_SHARE", "0.9", 0.9),
        (FeaturesSettings, "DEAD_LETTER_BRAKE_PERIOD", "PT10M", timedelta(minutes=10)),
    ],
)
def test_a_variable_sets_its_value(
    monkeypatch: pytest.MonkeyPatch, kind: type[Settings], name: str, text: str, value: object
) -> None:
    monkeypatch.setenv(name, text)
    assert getattr(load(kind), name.lower()) == value


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        (ParseSettings, "LOG_LEVEL", "loud"),
        (ParseSettings, "BATCH_MAX_EVENTS", "0"),
        (ParseSettings, "BATCH_MAX_EVENTS", "1001"),
        (ParseSettings, "BATCH_MAX_EVENTS", "many"),
        (ParseSettings, "BATCH_LINGER_MS", "-1"),
        (ParseSettings, "BATCH_LINGER_MS", "nan"),
        (ParseSettings, "MAX_WAITING", "0"),
        (ParseSettings, "MAX_EVENT_BYTES", "1000001"),
        (ParseSettings, "MAX_EVENT_BYTES", "256K"),
        (ParseSettings, "MAX_BYTES_IN_FLIGHT", "16777215"),
        (ParseSettings, "MAX_AGE", "86400"),
        (ParseSettings, "MAX_FUTURE", "-1"),
        (ParseSettings, "MAX_FUTURE", "soon"),
        (ParseSettings, "MAX_FUTURE", "nan"),
        (ParseSettings, "MAX_FUTURE", "inf"),
        (ParseSettings, "MAX_FUTURE", "P8D"),
        (ParseSettings, "OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4318"),
        (ParseSettings, "DEAD_LETTER_BRAKE", "loose"),
        (ParseSettings, "DEAD_LETTER_BRAKE_SHARE", "0"),
        (ParseSettings, "DEAD_LETTER_BRAKE_SHARE", "50"),
        (ParseSettings, "DEAD_LETTER_BRAKE_MINIMUM", "0"),
        (FeaturesSettings, "DEAD_LETTER_BRAKE_PERIOD", "0"),
        (FeaturesSettings, "ALLOWED_LATENESS", "1 hour"),
        (FeaturesSettings, "FEATURE_TIMEZONE", "Europe/Londres"),
        (FeaturesSettings, "FEATURE_TIMEZONE", "Europe"),
        (FeaturesSettings, "FEATURE_TIMEZONE", "../etc/passwd"),
        (FeaturesSettings, "FEATURE_VIEW", "location_features"),
        (AggregateSettings, "FEATURE_VIEW", VIEW + "/x"),
        (AggregateSettings, "FLUSH_SHARDS", "0"),
    ],
)
def test_a_malformed_variable_stops_the_start_with_a_sentence_that_names_it(
    monkeypatch: pytest.MonkeyPatch, kind: type[Settings], name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(SystemExit) as stopped:
        load(kind)
    sentence = str(stopped.value.code)
    assert sentence.startswith(f"{kind.__name__}: environment variable {name} is wrong: ")
    assert repr(text) in sentence
    assert sentence.endswith(". Set it and start again.")
    assert "\n" not in sentence


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROJECT_ID")
    monkeypatch.setenv("MAX_WAITING", "none")
    with pytest.raises(SystemExit, match=r"PROJECT_ID is missing; environment variable MAX_WAITING is wrong"):
        load(DeadletterSettings)


def test_the_batch_limits_follow_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(ParseSettings).limits == BatchLimits()
    monkeypatch.setenv("BATCH_MAX_EVENTS", "50")
    monkeypatch.setenv("BATCH_LINGER_MS", "2.5")
    monkeypatch.setenv("MAX_WAITING", "80")
    assert load(ParseSettings).limits == BatchLimits(max_items=50, linger_seconds=0.0025, max_waiting=80)


def test_the_brake_has_its_limits_unless_it_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(ParseSettings).brake_limits == BrakeLimits(share=0.5, minimum=500, period=300)
    for name, value in {"SHARE": "0.25", "MINIMUM": "7", "PERIOD": "PT1M"}.items():
        monkeypatch.setenv(f"DEAD_LETTER_BRAKE_{name}", value)
    assert load(ParseSettings).brake_limits == BrakeLimits(share=0.25, minimum=7, period=60)
    monkeypatch.setenv("DEAD_LETTER_BRAKE", "off")
    assert load(FeaturesSettings).brake_limits is None
