"""`cqc validate`: what `parse` would do with each line of a file, without a pipeline."""

from datetime import UTC, datetime

import typer

from tools.commands.options import EventLines, Json


def validate(
    file: EventLines,
    as_json: Json = False,
) -> None:
    """Check events before they are sent: accepted or rejected, and which field was misspelt."""
    from tools.console import print_json
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
    if as_json:
        print_json(report.to_dict() | {"lines": lines})
    else:
        typer.echo(report.summary())
    if report.rejected:
        raise typer.Exit(1)
