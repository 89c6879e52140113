"""What `cqc doctor` prints: every finding, and the commands that fix what is wrong."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from tools.console import console, print_json, table
from tools.doctor.checkup import checkup
from tools.doctor.findings import Finding, Verdict
from tools.pipeline.deployment import Pipeline


def run(pipeline: Pipeline, with_probe: bool, naming: Sequence[str], as_machine: bool) -> int:
    """Shows every finding and returns the exit code: 1 when something is wrong.

    `naming` are the words of the command line that name the pipeline.
    """
    findings = list(checkup(pipeline, datetime.now(UTC), with_probe, naming))
    counts = Counter(finding.verdict for finding in findings)
    if as_machine:
        print_json([_document(finding) for finding in findings])
    else:
        rows = [(finding.verdict, finding.check, finding.detail) for finding in findings]
        console().print(table(("", "what", ""), rows))
        for finding in findings:
            if finding.fix:
                console().out(f"{finding.check}: {finding.fix}")
        console().print(", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict))
    return int(counts[Verdict.WRONG] > 0)


def _document(finding: Finding) -> dict[str, str]:
    return {
        "check": finding.check,
        "verdict": finding.verdict.value,
        "detail": finding.detail,
        "fix": finding.fix,
    }
