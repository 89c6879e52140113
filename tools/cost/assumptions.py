"""What our benchmark can't measure: the deployment's settings, the rules of Google's bills, the other job.

Each with its reason; where one is a guess it is in favour of the Dataflow job.
"""

MONTH = 730 * 3600
"""Seconds."""
FLUSHES = MONTH / 60
"""A month, one a minute (terraform/functions.tf); one shard."""
HEARTBEATS = 1 / 60
"""A second (terraform/heartbeat.tf); each goes through `parse` and `features`."""
HEARTBEAT_BYTES = 100
"""Below Pub/Sub's minimum."""
SCHEDULER_JOBS = 2
"""The flush and the heartbeat."""
LOCATIONS = 55_000
"""What one flush is sized for (terraform/variables_functions.tf), and what `cqc cost` takes by default."""
STAGES = ("parse", "features")

MEMORY_GIB = {"parse": 0.5, "features": 0.5, "aggregate": 1.0}
"""As deployed (terraform/variables_functions.tf); each has one vCPU."""
UTILISATION = 0.6
"""Cloud Run adds instances when they use 60 % of their CPU or concurrency, so they run no fuller for long.
https://cloud.google.com/run/docs/about-instance-autoscaling"""
BILLED_SLOT = 0.1
"""Seconds, to which an instance's time with requests is rounded up."""

MINIMUM_BYTES = 1_000
"""Pub/Sub bills at least so much for a publish and a push request."""
MESSAGE_OVERHEAD = 20 + 16
"""Bytes that Pub/Sub counts for a message's time and id."""
KEPT_DAYS = 7
"""The topic's messages, to seek back (terraform/pubsub.tf)."""
BACKLOG_DAYS = 6
"""Of the monitor subscription's seven the first is free; as if nobody pulls."""
ARCHIVE_SECONDS, ARCHIVE_BYTES = 600, 100 * 2**20
"""Of a file of the archive (terraform/archive.tf), whichever comes first."""

KEPT_ROWS_DAYS, ACTIVE_DAYS = 730, 90
"""Of the tables' rows (terraform/variables.tf), and for how long BigQuery bills a partition as active."""
ARCHIVE_DAYS = {"standard": 30, "nearline": 60, "coldline": 275, "archive": 365}
"""That a file of the archive is in each class, until it is deleted at 730 days (terraform/variables.tf)."""
SYNCS_A_DAY, SYNC_DAYS = 4, 7
"""Of the online store's scheduled sync (terraform/variables.tf), and how far back each reads."""
SYNC_EVENT_BYTES, SYNC_PANE_BYTES = 365, 109
"""That a sync reads of a row: each of seven views of the events has the location, the time and the category
beside its own columns (a test counts them in sampled events); of a pane the keys and eight features."""

ALERT_METRICS, ALERT_SERIES = 20, 26
"""Metrics that the conditions of terraform/alerts.tf name (a test counts them, a burn rate as one), and the
series that they return: one a function or subscription where a condition groups by these."""
ALERT_EVALUATIONS = MONTH / 30
"""A month, of each condition: https://cloud.google.com/stackdriver/observability-pricing-examples"""

REQUEST_LOG_BYTES = 1_000
"""An entry of Cloud Run's own request log."""
REQUEST_LOG_SAMPLE = 0.001
"""`request_log_sample` as deployed: 0.1 % of the answered requests are kept."""

DATAFLOW_VCPUS, DATAFLOW_GIB, DATAFLOW_DISK_GIB = 2, 7.5, 30
"""A worker: n1-standard-2 with Streaming Engine's disk. At least one, always."""
DATAFLOW_EVENTS_A_WORKER = 333
"""A second. A guess: three workers at 1,000 events/s, the fewest of three to five estimated for this work."""
DATAFLOW_BYTES_AN_EVENT = 5_000
"""Through Streaming Engine. A guess: ten times the event, for source, deduplication and windows."""
