"""`cqc doctor`: checks a pipeline live, and says for what is wrong which command mends it."""

from collections import Counter
from datetime import UTC, datetime

from tools.console import as_json, console, table
from tools.doctor.checkup import checkup
from tools.doctor.findings import Finding, Verdict
from tools.pipeline.deployment import Where, locate


def run(where: Where, as_machine: bool) -> int:
    """Shows every finding and returns the exit code: 1 when something is wrong."""
    findings = list(checkup(locate(where), datetime.now(UTC)))
    counts = Counter(finding.verdict for finding in findings)
    if as_machine:
        console().out(as_json([_plain(finding) for finding in findings]))
    else:
        rows = [(finding.verdict, finding.check, finding.detail) for finding in findings]
        console().print(table(("", "what", ""), rows))
        for finding in findings:
            if finding.mend:
                console().out(f"{finding.check}: {finding.mend}")
        console().print(", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict))
    return int(counts[Verdict.WRONG] > 0)


def _plain(finding: Finding) -> dict[str, str]:
    return {
        "check": finding.check,
        "verdict": finding.verdict.value,
        "detail": finding.detail,
        "mend": finding.mend,
    }
