"""`python -m tools.plan_gate PLAN.json` refuses a plan that loses data; made by `terraform show -json`.

A plan loses data where it destroys something, and where it changes in place for how long something is
kept: a new expiration holds for all that is there, and what is older is deleted. A column that a table's
schema no longer has is dropped in place as well. What Terraform makes anew at every release, a zip under the
name of its new content, is no loss.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path
from typing import Any

from tools.errors import CommandError, ProblemsFound, UsageError

REPLACED_BY_DESIGN = ("google_storage_bucket_object", "time_sleep")
PASSED = "the plan destroys nothing, and keeps nothing for a shorter time"
_DAYS = ("age", "days_since_noncurrent_time", "days_since_custom_time")
"""Conditions of a bucket's rule, in days; a file must meet all that are set."""
_UNUSED = 31.0 * 86_400
"""Seconds after which a subscription without an expiration policy of its own is deleted."""
_TIME_TRAVEL = 168
"""Hours for which a dataset keeps deleted rows, unless it says otherwise."""

Values = Mapping[str, Any]


def destroyed(plan: Values) -> list[str]:
    """The addresses of what the plan deletes or makes anew, but for what is replaced by design."""
    return [
        change["address"]
        for change in plan.get("resource_changes", [])
        if "delete" in change["change"]["actions"] and change["type"] not in REPLACED_BY_DESIGN
    ]


def shortened(plan: Values) -> list[str]:
    """What the plan would keep for a shorter time than before: `google_bigquery_table.this (partitions)`."""
    return [
        f"{change['address']} ({what})"
        for change in plan.get("resource_changes", [])
        if "update" in change["change"]["actions"]
        for what in _shorter(change["type"], change["change"]["before"], change["change"]["after"])
    ]


def _shorter(kind: str, before: Values, after: Values) -> Iterator[str]:
    was, will_be = dict(kept(kind, before)), dict(kept(kind, after))
    yield from (what for what, time in was.items() if will_be.get(what, 0.0) < time)


def kept(kind: str, values: Values) -> Iterator[tuple[str, float]]:
    """For how long a resource keeps what, in one unit for each; `inf` for ever. What is not named is gone."""
    match kind:
        case "google_bigquery_table":
            partitions = _block(values, "time_partitioning")
            yield "partitions", partitions.get("expiration_ms") or inf
            yield "table", values.get("expiration_time") or inf
            yield from ((f"column {name}", inf) for name in _columns(values))
        case "google_bigquery_dataset":
            yield "new tables", values.get("default_table_expiration_ms") or inf
            yield "new partitions", values.get("default_partition_expiration_ms") or inf
            yield "deleted rows", float(values.get("max_time_travel_hours") or _TIME_TRAVEL)
        case "google_pubsub_topic":
            yield "messages", _seconds(values.get("message_retention_duration"), 0.0)
        case "google_pubsub_subscription":
            yield "messages", _seconds(values.get("message_retention_duration"), 7.0 * 86_400)
            policy = _block(values, "expiration_policy")
            yield "unused", _seconds(policy["ttl"], inf) if "ttl" in policy else _UNUSED
        case "google_storage_bucket":
            yield from _kept_files(values)
        case "google_firestore_field":
            yield "documents", 0.0 if values.get("ttl_config") else inf
        case "google_logging_project_bucket_config":
            yield "entries", values.get("retention_days") or 30


def _columns(table: Values) -> Iterator[str]:
    """At the top level, where the provider drops them in place. A view's hold nothing."""
    if not table.get("view"):
        yield from (column["name"] for column in json.loads(table.get("schema") or "[]") or [])


def _kept_files(bucket: Values) -> Iterator[tuple[str, float]]:
    """In days, by the rule that deletes first; of a rule without days, as by number of versions, at once."""
    conditions = [
        _block(rule, "condition")
        for rule in bucket.get("lifecycle_rule") or []
        if _block(rule, "action").get("type") == "Delete"
    ]
    for what, is_old in (("files", False), ("old versions", True)):
        days = [_longest(condition) for condition in conditions if _is_of_old(condition) is is_old]
        yield what, min(days, default=inf)
    yield "deleted files", _block(bucket, "soft_delete_policy").get("retention_duration_seconds") or 0


def _is_of_old(condition: Values) -> bool:
    return bool(
        condition.get("days_since_noncurrent_time")
        or condition.get("num_newer_versions")
        or condition.get("with_state") == "ARCHIVED"
    )


def _longest(condition: Values) -> float:
    return max(float(condition.get(name) or 0) for name in _DAYS)


def _block(values: Values, name: str) -> Values:
    """A block that may stand once; {} without it."""
    blocks: list[Values] = values.get(name) or []
    return blocks[0] if blocks else {}


def _seconds(duration: str | None, otherwise: float) -> float:
    return float(duration.removesuffix("s")) if duration else otherwise


def check(path: Path) -> None:
    """Raises ProblemsFound with what would be lost, UsageError for what is not a plan."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not a plan ({error}): terraform show -json tfplan > {path}") from None
    problems = [
        f"{what} {', '.join(found)}"
        for what, found in (("destroys", destroyed(plan)), ("keeps for a shorter time", shortened(plan)))
        if found
    ]
    if problems:
        raise ProblemsFound(
            f"the plan {' and '.join(problems)}: if that is meant, apply it by hand (docs/deployment.md)"
        )


def main() -> None:
    """Exit code 0 for a plan that loses nothing, 1 for one that does, 2 for what is not a plan."""
    try:
        if len(sys.argv) != 2:
            raise UsageError("give one file: python -m tools.plan_gate PLAN.json")
        check(Path(sys.argv[1]))
    except CommandError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    sys.stdout.write(f"{PASSED}\n")


if __name__ == "__main__":
    main()
