# What each alert says to look at stands in it: that is what the person on call gets to see. docs/runbook.md has
# more of each, under its title.

locals {
  pushed = [for name in ["parse", "features"] : module.stage[name].subscription]

  pubsub_metric = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/"
  run_metric    = "resource.type=\"cloud_run_revision\" AND metric.type=\"run.googleapis.com/"

  pushed_only    = "resource.labels.subscription_id=one_of(${join(",", [for name in local.pushed : "\"${name}\""])})"
  functions_only = "resource.labels.service_name=one_of(${join(",", [for name in values(local.function_names) : "\"${name}\""])})"

  # One condition each, so that an incident says which limit was passed. Units are the metrics' own.
  alerts = {
    dead-letter-rate = {
      severity = "WARNING"
      title    = "Events are being rejected"
      look     = "See which reason and stage rose on the dashboard, then the rows: SELECT error_type, stage, error_message FROM ${var.dataset_id}.streaming_errors_unique WHERE error_timestamp > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR)."
      # late_event is no rejection: the event has its features row.
      filter    = "resource.type=\"cloud_run_revision\" AND metric.type=\"${local.log_metric_types.dead_letters}\" AND metric.labels.error_type!=\"late_event\""
      aligner   = "ALIGN_RATE"
      reducer   = "REDUCE_SUM"
      group_by  = []
      threshold = var.alerts.dead_letters_per_minute / 60
      duration  = "300s"
    }
    dead-letter-brake = {
      severity  = "CRITICAL"
      title     = "Rejected events are held back"
      look      = "More than half of what a function judged was rejected, so it answers 503 instead of dead-lettering, and Pub/Sub keeps those events: for 15 hours by default. Look at what was released or what producers changed, and mend that; good events still go through."
      filter    = "resource.type=\"cloud_run_revision\" AND metric.type=\"${local.log_metric_types.brake_engaged}\""
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      group_by  = []
      threshold = 0
      duration  = "0s"
    }
    deliveries-exhausted = {
      severity  = "ERROR"
      title     = "Pub/Sub gave messages up"
      look      = "A function answered a message ${var.delivery.max_attempts} times with an error. They are in streaming_errors as delivery_exhausted; the function's log has the tracebacks."
      filter    = "${local.pubsub_metric}dead_letter_message_count\" AND ${local.pushed_only}"
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      group_by  = ["resource.label.subscription_id"]
      threshold = 0
      duration  = "0s"
    }
    oldest-unacked = {
      severity  = "CRITICAL"
      title     = "Events wait for a function"
      look      = "The subscription's push responses on the dashboard say why: 429 and 503 name a busy or failing sink in the function's log, 403 a missing run.invoker, no responses a function that does not start."
      filter    = "${local.pubsub_metric}oldest_unacked_message_age\" AND ${local.pushed_only}"
      aligner   = "ALIGN_MAX"
      reducer   = "REDUCE_MAX"
      group_by  = ["resource.label.subscription_id"]
      threshold = var.alerts.oldest_unacked_seconds
      duration  = "120s"
    }
    dead-letters-stuck = {
      severity  = "ERROR"
      title     = "Dead letters are not being recorded"
      look      = "deadletter does not get its rows into streaming_errors. Its subscription keeps messages for seven days and gives none up: mend it within that time."
      filter    = "${local.pubsub_metric}oldest_unacked_message_age\" AND resource.labels.subscription_id=\"${module.stage["deadletter"].subscription}\""
      aligner   = "ALIGN_MAX"
      reducer   = "REDUCE_MAX"
      group_by  = ["resource.label.subscription_id"]
      threshold = var.alerts.dead_letter_age_seconds
      duration  = "300s"
    }
    error-ratio = {
      severity    = "ERROR"
      title       = "A function fails"
      look        = "The function's log: an ERROR line for each message that is not done, or the traceback of a bug."
      filter      = "${local.run_metric}request_count\" AND ${local.functions_only} AND metric.labels.response_code_class=\"5xx\""
      denominator = "${local.run_metric}request_count\" AND ${local.functions_only}"
      aligner     = "ALIGN_RATE"
      reducer     = "REDUCE_SUM"
      group_by    = ["resource.label.service_name"]
      threshold   = var.alerts.error_ratio
      duration    = "300s"
    }
    push-latency = {
      severity  = "WARNING"
      title     = "A function answers slowly"
      look      = "Compare with the sinks: BigQuery and Firestore latencies, and the number of instances. Cold starts alone don't last five minutes."
      filter    = "${local.pubsub_metric}push_request_latencies\" AND ${local.pushed_only}"
      aligner   = "ALIGN_PERCENTILE_99"
      reducer   = "REDUCE_MAX"
      group_by  = ["resource.label.subscription_id"]
      threshold = var.alerts.push_latency_p99_seconds * 1000000 # the metric is in microseconds
      duration  = "300s"
    }
    flush-lag = {
      severity  = "ERROR"
      title     = "Windows are flushed late"
      look      = "The flush runs but does not get through the log in its minute: status backlog in its summary, and the number of segments. It catches up by itself once events come slower than it folds."
      filter    = "resource.type=\"cloud_run_revision\" AND metric.type=\"${local.log_metric_types.flush_lag}\""
      aligner   = "ALIGN_PERCENTILE_99"
      reducer   = "REDUCE_MAX"
      group_by  = []
      threshold = var.alerts.flush_lag_seconds
      duration  = "300s"
    }
    freshness-burn = {
      severity  = "ERROR"
      title     = "The month's allowance of late features is being used up"
      look      = "A tenfold burn over an hour: at this pace the 28 days' allowance is gone in under three days. Start with the alert oldest-unacked."
      filter    = "select_slo_burn_rate(\"${google_monitoring_slo.freshness.id}\", \"3600s\")"
      aligner   = null # the selection is aligned already
      reducer   = null
      group_by  = []
      threshold = 10
      duration  = "0s"
    }
  }
}

resource "google_monitoring_alert_policy" "this" {
  for_each = local.alerts

  display_name          = "${var.name_prefix}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = var.notification_channels

  conditions {
    display_name = each.value.title

    condition_threshold {
      filter             = each.value.filter
      denominator_filter = try(each.value.denominator, null)
      comparison         = "COMPARISON_GT"
      threshold_value    = each.value.threshold
      duration           = each.value.duration

      dynamic "aggregations" {
        for_each = each.value.aligner[*]
        content {
          alignment_period     = "60s"
          per_series_aligner   = aggregations.value
          cross_series_reducer = each.value.reducer
          group_by_fields      = each.value.group_by
        }
      }

      dynamic "denominator_aggregations" {
        for_each = try(each.value.denominator, null)[*]
        content {
          alignment_period     = "60s"
          per_series_aligner   = each.value.aligner
          cross_series_reducer = each.value.reducer
          group_by_fields      = each.value.group_by
        }
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "${each.value.title} (${var.project_id})"
    content   = "${each.value.look}\n\nDashboard: ${local.dashboard_link}"
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [time_sleep.log_metrics]
}

# No summary for some minutes: silence is the condition, so missing data counts as bad.
resource "google_monitoring_alert_policy" "flush_silent" {
  display_name          = "${var.name_prefix}: The flush does not run"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.notification_channels

  conditions {
    display_name = "No flush has ended for ${var.alerts.flush_silent_seconds} s"

    condition_threshold {
      filter                  = "resource.type=\"cloud_run_revision\" AND metric.type=\"${local.log_metric_types.flushes}\" AND metric.labels.status=one_of(\"done\",\"backlog\")"
      comparison              = "COMPARISON_LT"
      threshold_value         = 1
      duration                = "${var.alerts.flush_silent_seconds - 300}s"
      evaluation_missing_data = "EVALUATION_MISSING_DATA_ACTIVE"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "The flush does not run (${var.project_id})"
    content   = "No panes are emitted, no event is lost: the log waits in Firestore. Look at the schedule (gcloud scheduler jobs describe ${google_cloud_scheduler_job.flush[0].name} --location ${var.region}), then at aggregate's log.\n\nDashboard: ${local.dashboard_link}"
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [time_sleep.log_metrics]
}
