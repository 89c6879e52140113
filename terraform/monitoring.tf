# Metrics that only the functions' logs can give, and their wait. docs/decisions/0024 has what comes from where,
# docs/metrics.md what each means.

locals {
  function_names = { for name, stage in local.sources : name => "${var.name_prefix}-${name}" }

  # What Cloud Run calls that which logs a stage's lines: a worker pool where it pulls.
  logged_by = {
    for name in keys(local.sources) : name => contains(local.pulling, name) ? "cloud_run_worker_pool" : "cloud_run_revision"
  }

  # Cloud Run's own fields of a stage's log lines.
  stage_logs = {
    for name, service in local.function_names : name => (
      contains(local.pulling, name)
      ? "resource.type=\"cloud_run_worker_pool\" AND resource.labels.worker_pool_name=\"${module.stage[name].worker_pool}\""
      : "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${service}\""
    )
  }

  # Of any stage: a function is called, by a replay or by hand, while its stage pulls, too.
  function_logs = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name:\"${var.name_prefix}-\""
  pool_logs     = "resource.type=\"cloud_run_worker_pool\" AND resource.labels.worker_pool_name:\"${var.name_prefix}-\""
  any_logs      = length(local.pulling) == 0 ? local.function_logs : "((${local.function_logs}) OR (${local.pool_logs}))"
  logged_by_any = length(local.pulling) == 0 ? "resource.type=\"cloud_run_revision\"" : "resource.type=one_of(\"cloud_run_revision\",\"cloud_run_worker_pool\")"

  log_metrics = {
    dead_letters = {
      description = "Events sent to the dead-letter topic by our functions, by reason and stage"
      filter      = "${local.any_logs} AND jsonPayload.event=\"dead_letter_sent\""
      unit        = "1"
      value       = null
      labels      = { error_type = "EXTRACT(jsonPayload.error_type)", stage = "EXTRACT(jsonPayload.stage)" }
    }
    brake_engaged = {
      description = "How often the dead-letter brake engaged in an instance, by stage and the last reason"
      filter      = "${local.any_logs} AND jsonPayload.event=\"dead_letter_brake_engaged\""
      unit        = "1"
      value       = null
      labels      = { error_type = "EXTRACT(jsonPayload.error_type)", stage = "EXTRACT(jsonPayload.stage)" }
    }
    flushes = {
      description = "Flushes that ended, by shard and status: done, backlog, skipped or fenced"
      filter      = "${local.stage_logs.aggregate} AND jsonPayload.event=\"flush_finished\""
      unit        = "1"
      value       = null
      labels      = { status = "EXTRACT(jsonPayload.counts.status)", shard = "EXTRACT(jsonPayload.counts.shard)" }
    }
    flush_lag = {
      description = "How much of the window log was sealed and not read when a flush began, in seconds of it"
      filter      = "${local.stage_logs.aggregate} AND jsonPayload.event=\"flush_finished\""
      unit        = "s"
      value       = "EXTRACT(jsonPayload.counts.lag_seconds)"
      labels      = {}
    }
    flush_duration = {
      description = "How long a flush took"
      filter      = "${local.stage_logs.aggregate} AND jsonPayload.event=\"flush_finished\""
      unit        = "s"
      value       = "EXTRACT(jsonPayload.counts.seconds)"
      labels      = {}
    }
    # Beside the latency: no aligner makes a number of a distribution's counts.
    heartbeats = {
      description = "Heartbeats that came through to features"
      filter      = "${local.stage_logs.features} AND jsonPayload.event=\"heartbeat_received\""
      unit        = "1"
      value       = null
      labels      = {}
    }
    heartbeat_latency = {
      description = "How long a heartbeat took from dashboard-events until features had it"
      filter      = "${local.stage_logs.features} AND jsonPayload.event=\"heartbeat_received\""
      unit        = "s"
      value       = "EXTRACT(jsonPayload.counts.latency_seconds)"
      labels      = {}
    }
  }

  # As Monitoring calls them.
  log_metric_types = {
    for name, metric in google_logging_metric.this : name => "logging.googleapis.com/user/${metric.name}"
  }
}

resource "google_logging_metric" "this" {
  for_each = local.log_metrics

  name             = "${var.name_prefix}/${each.key}"
  description      = each.value.description
  filter           = each.value.filter
  value_extractor  = each.value.value
  label_extractors = each.value.labels

  metric_descriptor {
    metric_kind  = "DELTA"
    value_type   = each.value.value == null ? "INT64" : "DISTRIBUTION"
    unit         = each.value.unit
    display_name = each.value.description

    dynamic "labels" {
      for_each = each.value.labels
      content {
        key        = labels.key
        value_type = "STRING"
      }
    }
  }

  dynamic "bucket_options" {
    for_each = each.value.value[*]
    content {
      exponential_buckets { # 0.1 s to about 55 minutes, each half again as wide
        scale              = 0.1
        growth_factor      = 1.5
        num_finite_buckets = 26
      }
    }
  }

  depends_on = [time_sleep.apis]
}

# An alert policy may name a metric only once Monitoring knows it, up to ten minutes after it is defined
# (hashicorp/terraform-provider-google#11102), and a label of one likewise. Waits when either is new.
resource "time_sleep" "log_metrics" {
  create_duration = "600s"
  triggers = { metrics = join(",", [
    for name, metric in local.log_metrics : join(" ", concat([local.log_metric_types[name]], keys(metric.labels)))
  ]) }

  depends_on = [google_logging_metric.this] # a label that is added changes no name
}
