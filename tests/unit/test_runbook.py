"""The runbook has a section for each alert, and the docs list the metrics and log events that are used."""

import re

import pytest

from shared.telemetry.logs import LogEvent
from tools.__main__ import app
from tools.paths import ROOT

TERRAFORM = {path.name: path.read_text() for path in (ROOT / "terraform").glob("*.tf")}
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
METRICS = (ROOT / "docs" / "metrics.md").read_text()

PARTS = ("**What it means.**", "**How to look.**", "**How to fix it.**")


def alert_titles() -> set[str]:
    """The alerts in the table and the policies beside it."""
    text = TERRAFORM["alerts.tf"]
    in_table = re.findall(r'^\s+title\s+= "(.+)"$', text, re.MULTILINE)
    beside_it = re.findall(
        r'^\s+display_name\s+= "\$\{var\.name_prefix\}: (\w[^$":]+)(?:: \$\{.*)?"$', text, re.MULTILINE
    )
    return {*in_table, *beside_it}


def sections(text: str) -> dict[str, str]:
    """Heading of the second level to what stands below it."""
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_sections_are_the_alerts() -> None:
    titles = alert_titles()
    assert len(titles) == 13
    assert sections(RUNBOOK).keys() == titles


@pytest.mark.parametrize("title", sorted(sections(RUNBOOK)))
def test_a_section_says_what_it_means_how_to_look_and_how_to_fix_it(title: str) -> None:
    text = sections(RUNBOOK)[title]
    places = [text.find(part) for part in PARTS]
    assert -1 not in places
    assert places == sorted(places)


def test_the_runbook_names_only_commands_that_exist() -> None:
    named = set(re.findall(r"cqc (doctor|[a-z-]+)\b(?=[ `\n)\"'])", RUNBOOK))
    commands = {
        command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands
    }
    known = {name.replace("_", "-") for name in commands}
    assert named <= known, named - known


def listed(heading: str) -> set[str]:
    """The first column of a section's table in metrics.md."""
    return set(re.findall(r"^\| `([^`]+)` \|", sections(METRICS)[heading], re.MULTILINE))


def test_the_list_has_the_log_based_metrics_in_terraform() -> None:
    (table,) = re.findall(r"^  log_metrics = \{$(.*?)^  \}$", TERRAFORM["monitoring.tf"], re.M | re.S)
    assert set(re.findall(r"^    (\w+) = \{$", table, re.MULTILINE)) == listed("From our own logs")


@pytest.mark.parametrize(
    ("heading", "pattern"),
    [
        ("From Pub/Sub", r"(?:local\.pubsub_metric\}|pubsub\.googleapis\.com/subscription/)([a-z_]+)\\?\""),
        ("From Cloud Run", r"local\.run_metric\}([a-z_/]+)"),
    ],
)
def test_the_list_has_googles_metrics_in_terraform(heading: str, pattern: str) -> None:
    used = {name for text in TERRAFORM.values() for name in re.findall(pattern, text)}
    assert used == listed(heading)


LOG_EVENTS = {event.value for event in LogEvent}


def test_terraform_matches_log_lines_by_event_keys_that_exist() -> None:
    text = "".join(TERRAFORM.values())
    matched = set(re.findall(r'jsonPayload\.event=\\"([^"\\]+)\\"', text))
    assert matched
    assert matched <= LOG_EVENTS, matched - LOG_EVENTS
    assert "jsonPayload.message" not in text, "match `event`: a sentence may be reworded"


def test_the_docs_search_logs_by_event_keys_that_exist() -> None:
    searched = set(re.findall(r"""grep -h '"event":"(\w+)""", RUNBOOK))
    assert searched
    assert all(any(event.startswith(key) for event in LOG_EVENTS) for key in searched)


def test_the_list_of_log_events_is_that_of_the_code() -> None:
    assert listed("The log line") == LOG_EVENTS
