"""What only a deployment has: function revisions, IAM, Firestore's TTL. Pure, on the APIs' JSON."""

from collections.abc import Iterator

from tools.doctor.findings import Finding, judged, ok, unknown, wrong
from tools.pipeline.google_rest import Json


def function(name: str, content_hash: str, fix: str, answer: Json) -> Finding:
    """Whether a function runs the code of this checkout."""
    deployed = answer.get("labels", {}).get("content-hash", "of unknown code")
    fine = f"ACTIVE, code {deployed}, as in this checkout"
    return judged(f"function {name}", _about_function(answer, deployed, content_hash[:16]), fine, fix)


def _about_function(answer: Json, deployed: str, expected: str) -> Iterator[str]:
    if (state := answer.get("state", "unknown")) != "ACTIVE":
        yield f"its state is {state}"
    if deployed != expected:
        yield f"it runs code {deployed}, this checkout has {expected}"


def worker_pool(name: str, content_hash: str, fix: str, answer: Json) -> Finding:
    """Whether the worker pool of a stage that pulls runs, and the code of this checkout."""
    deployed = answer.get("labels", {}).get("content-hash", "of unknown code")
    instances = answer.get("scaling", {}).get("manualInstanceCount", 0)
    fine = f"ready, instances: {instances}, code {deployed}, as in this checkout"
    problems = _about_pool(answer, instances, deployed, content_hash[:16])
    return judged(f"worker pool of {name}", problems, fine, fix)


def _about_pool(answer: Json, instances: int, deployed: str, expected: str) -> Iterator[str]:
    condition = answer.get("terminalCondition", {})
    if condition.get("state") != "CONDITION_SUCCEEDED":
        yield f"it is not ready: {condition.get('message') or condition.get('state', 'unknown')}"
    if not instances:
        yield "it has no instance, so nobody pulls"
    if deployed != expected:
        yield f"it runs code {deployed}, this checkout has {expected}"


def binding(check: str, role: str, member: str, fix: str, policy: Json) -> Finding:
    """Whether an IAM policy gives a role to a member."""
    holders = [
        holder
        for bound in policy.get("bindings", [])
        if bound.get("role") == role
        for holder in bound.get("members", [])
    ]
    if member in holders:
        return ok(check, f"{member} has {role}")
    return wrong(check, f"{member} lacks {role}: dead letters are not forwarded, without any error", fix)


def time_to_live(collection: str, fix: str, answer: Json) -> Finding:
    """Whether Firestore deletes settled windows."""
    check = f"Firestore TTL of {collection}"
    state = answer.get("ttlConfig", {}).get("state")
    if state == "ACTIVE":
        return ok(check, "expire_at is active")
    if state == "CREATING":
        return unknown(check, "expire_at is being set up, which can take hours")
    return wrong(check, "expire_at deletes nothing: settled windows pile up", fix)
