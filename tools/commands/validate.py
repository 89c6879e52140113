"""`cqc validate`: what `parse` would do with each line of a file, without a pipeline."""

from datetime import UTC, datetime
from typing import Annotated

import typer


def validate(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="JSON lines, one event each.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")] = False,
) -> None:
    """Check events before they are sent: accepted or rejected, and which field was misspelt."""
    from tools.console import as_json as json_text
    from tools.errors import UsageError
    from tools.pipeline.publishing import opened, read_chunks
    from tools.validate.report import Report

    report, lines = Report(), []
    with opened(file) as stream:
        for data in (data for chunk in read_chunks(stream) for data in chunk):
            line = report.check(data, datetime.now(UTC))
            if line and as_json:
                lines.append(line.to_dict())
            elif line:
                typer.echo(line.in_words())
    if not report.events:
        raise UsageError(f"{file} has no event to check: give it JSON lines, one event each")
    typer.echo(json_text(report.to_dict() | {"lines": lines}) if as_json else report.summary())
    if report.rejected:
        raise typer.Exit(1)
