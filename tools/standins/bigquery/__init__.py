"""BigQuery on this machine: bqemulator (REST and Storage Write, over DuckDB), started by us with overrides.

It doesn't refuse rows that break the schema, as BigQuery does: don't lean on it for that.
"""

import logging
import sys

import structlog

# Before any module of bqemulator is imported: it logs, to stdout, while that happens.
structlog.configure(
    wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    logger_factory=structlog.PrintLoggerFactory(sys.stderr),
)
