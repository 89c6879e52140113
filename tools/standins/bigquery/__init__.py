"""BigQuery on this machine: bqemulator (REST and Storage Write, over DuckDB), started with our overrides.

Unlike BigQuery, it does not refuse rows that break the schema: don't rely on it for that.
"""

import logging
import sys

import structlog

# Before any module of bqemulator is imported, because it logs to stdout meanwhile.
structlog.configure(
    wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    logger_factory=structlog.PrintLoggerFactory(sys.stderr),
)
