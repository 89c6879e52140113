"""BigQuery on this machine: bqemulator (REST and Storage Write, over DuckDB), started with our overrides.

Like BigQuery, it refuses rows with a column that the table lacks; unlike it, it takes values that break the
schema in another way: don't rely on it for that.
"""

import logging
import sys

import structlog

# Before any module of bqemulator is imported, because it logs to stdout meanwhile.
structlog.configure(
    wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    # Its default draws tracebacks with all variables, half a second of CPU each: after a freeze, when every
    # caller that had waited has left, it did nothing else.
    processors=[structlog.processors.format_exc_info, structlog.dev.ConsoleRenderer(colors=False)],
)
