# What each alert says to look at stands in it: that is what the person on call gets to see. docs/runbook.md has
# more of each, under its title.

locals {
  # deadletter has an alert of its own.
  on_the_way = ["parse", "features"]
  pushed     = [for name in local.on_the_way : module.stage[name].subscription if !contains(local.pulling, name)]
  pulled     = [for name in local.on_the_way : module.stage[name].subscription if contains(local.pulling, name)]

  pubsub_metric = "resource.type=\"pubsub_subscription\" AND metric.type=\"pubsub.googleapis.com/subscription/"
  run_metric    = "resource.type=\"cloud_run_revision\" AND metric.type=\"run.googleapis.com/"
  pool_metric   = "resource.type=\"cloud_run_worker_pool\" AND metric.type=\"run.googleapis.com/"

  both_only      = "resource.labels.subscription_id=one_of(${join(",", [for name in local.on_the_way : "\"${module.stage[name].subscription}\""])})"
  pushed_only    = "resource.labels.subscription_id=one_of(${join(",", [for name in local.pushed : "\"${name}\""])})"
  pulled_only    = "resource.labels.subscription_id=one_of(${join(",", [for name in local.pulled : "\"${name}\""])})"
  functions_only = "resource.labels.service_name=one_of(${join(",", [for name in values(local.function_names) : "\"${name}\""])})"

  # For messages of alerts: a pulled stage's log.
  pool_log_command = "gcloud run worker-pools logs read ${var.name_prefix}-NAME-pull --region ${var.region}"

  # One condition each, so that an incident says which limit was passed. Units are the metrics' own.
  alerts = { for name, alert in local.all_alerts : name => alert if try(alert.when, true) }

  all_alerts = {
    dead-letter-rate = {
      severity = "WARNING"
      title    = "Events are being rejected"
      look     = "See which reason and stage rose on the dashboard, then the rows: SELECT error_type, stage, error_message FROM ${var.dataset_id}.streaming_errors_unique WHERE error_timestamp > TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1 HOUR)."
      # late_event is no rejection: the event has its features row.
      filter    = "${local.logged_by_any} AND metric.type=\"${local.log_metric_types.dead_letters}\" AND metric.labels.error_type!=\"late_event\""
      aligner   = "ALIGN_RATE"
      reducer   = "REDUCE_SUM"
      group_by  = []
      threshold = var.alerts.dead_letters_per_minute / 60
      duration  = "300s"
    }
    dead-letter-brake = {
      severity  = "CRITICAL"
      title     = "Rejected events are held back"
      look      = "More than half of what a function judged was rejected, so it answers 503 instead of dead-lettering, and Pub/Sub keeps those events: for 15 hours by default. Look at what was released or what producers changed, and fix that; good events still go through."
      filter    = "${local.logged_by_any} AND metric.type=\"${local.log_metric_types.brake_engaged}\""
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
      filter    = "${local.pubsub_metric}dead_letter_message_count\" AND ${local.both_only}"
      aligner   = "ALIGN_DELTA"
      reducer   = "REDUCE_SUM"
      group_by  = ["resource.label.subscription_id"]
      threshold = 0
      duration  = "0s"
    }
    dead-letters-stuck = {
      severity  = "ERROR"
      title     = "Dead letters are not being recorded"
      look      = "deadletter does not get its rows into streaming_errors. Its subscription keeps messages for seven days and gives none up: fix it within that time."
      filter    = "${local.pubsub_metric}oldest_unacked_message_age\" AND resource.labels.subscription_id=\"${module.stage["deadletter"].subscription}\""
      aligner   = "ALIGN_MAX"
      reducer   = "REDUCE_MAX"
      group_by  = ["resource.label.subscription_id"]
      threshold = var.alerts.dead_letter_age_seconds
      duration  = "300s"
    }
    archive-stuck = {
      when      = var.archive.enabled
      severity  = "ERROR"
      title     = "Raw events are not being archived"
      look      = "Pub/Sub does not get the raw stream's files into the bucket. Its subscription keeps events for seven days, then they are in no archive: gcloud pubsub subscriptions describe ${local.archive_subscription} says why in its state; terraform apply grants again what it lacks."
      filter    = "${local.pubsub_metric}oldest_unacked_message_age\" AND resource.labels.subscription_id=\"${local.archive_subscription}\""
      aligner   = "ALIGN_MAX"
      reducer   = "REDUCE_MAX"
      group_by  = ["resource.label.subscription_id"]
      threshold = var.alerts.archive_age_seconds
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
      when      = length(local.pushed) > 0
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
    # The two above, of stages that pull.
    pull-failures = {
      when        = length(local.pulled) > 0
      severity    = "ERROR"
      title       = "A function fails"
      look        = "A stage that pulls gives messages back for another delivery. Its worker pool's log has an ERROR line for each, or the traceback of a bug: ${local.pool_log_command}."
      filter      = "${local.pubsub_metric}mod_ack_deadline_message_count\" AND ${local.pulled_only}" # a deadline is only ever set to 0
      denominator = "${local.pubsub_metric}sent_message_count\" AND ${local.pulled_only}"
      aligner     = "ALIGN_RATE"
      reducer     = "REDUCE_SUM"
      group_by    = ["resource.label.subscription_id"]
      threshold   = var.alerts.error_ratio
      duration    = "300s"
    }
    pull-latency = {
      when      = length(local.pulled) > 0
      severity  = "WARNING"
      title     = "A function answers slowly"
      look      = "A stage that pulls takes long to acknowledge. Compare with the sinks: BigQuery and Firestore latencies. Instances at their whole CPU: raise worker_pools.NAME.instances."
      filter    = "${local.pubsub_metric}ack_latencies\" AND ${local.pulled_only}"
      aligner   = "ALIGN_PERCENTILE_99"
      reducer   = "REDUCE_MAX"
      group_by  = ["resource.label.subscription_id"]
      threshold = var.alerts.push_latency_p99_seconds * 1000 # the metric is in milliseconds
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
  }
}

# How fast a goal's allowance is used, over two windows (docs/decisions/0027): an hour at 25 times the even pace, which
# uses the month's up in a day, and a day at 7 times, which does in four. One poison message reaches neither, even where
# nothing but the heartbeat comes beside it: at most 20 % of an hour's deliveries and 6.5 % of a day's.
locals {
  burns = {
    fast = { seconds = 3600, pace = 25, severity = "CRITICAL" }
    slow = { seconds = 86400, pace = 7, severity = "WARNING" }
  }

  burn_alerts = merge([
    for goal, slo in local.slos : {
      for speed, burn in local.burns : "${goal}-burn-${speed}" => merge(burn, { goal = goal, speed = speed })
    }
  ]...)
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

resource "google_monitoring_alert_policy" "burn" {
  for_each = local.burn_alerts

  display_name          = "${var.name_prefix}: A goal's allowance is being used up: ${each.value.goal}, ${each.value.speed}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = var.notification_channels

  conditions {
    display_name = "${each.value.pace} times the even pace over ${each.value.seconds / 3600} h"

    condition_threshold {
      filter          = "select_slo_burn_rate(\"${google_monitoring_slo.this[each.value.goal].id}\", \"${each.value.seconds}s\")"
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.pace
      duration        = "0s"
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "A goal's allowance is being used up: ${each.value.goal} (${var.project_id})"
    content   = "The goal: ${google_monitoring_slo.this[each.value.goal].display_name}. At this pace the 28 days' allowance is gone in ${floor(28 / each.value.pace * 10) / 10} days. It is the sum of what other alerts say singly: start with those that are open.\n\nDashboard: ${local.dashboard_link}"
  }

  alert_strategy {
    auto_close = "86400s"
  }
}

# Both at once: one poison message is old for 15 hours, and a burst is large for a minute.
resource "google_monitoring_alert_policy" "waiting" {
  display_name          = "${var.name_prefix}: Events wait for a function"
  combiner              = "AND_WITH_MATCHING_RESOURCE"
  severity              = "CRITICAL"
  notification_channels = var.notification_channels

  dynamic "conditions" {
    for_each = {
      "The oldest waits over ${var.alerts.oldest_unacked_seconds} s" = { metric = "oldest_unacked_message_age", over = var.alerts.oldest_unacked_seconds }
      "Over ${var.alerts.backlog_messages} wait"                     = { metric = "num_undelivered_messages", over = var.alerts.backlog_messages }
    }
    content {
      display_name = conditions.key

      condition_threshold {
        filter          = "${local.pubsub_metric}${conditions.value.metric}\" AND ${local.both_only}"
        comparison      = "COMPARISON_GT"
        threshold_value = conditions.value.over
        duration        = "120s"

        aggregations {
          alignment_period   = "60s"
          per_series_aligner = "ALIGN_MAX"
        }
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "Events wait for a function (${var.project_id})"
    content   = "The subscription's push responses on the dashboard say why: 429 and 503 name a busy or failing sink in the function's log, 403 a missing run.invoker, no responses a function that does not start.${length(local.pulled) == 0 ? "" : " Of a stage that pulls, its worker pool's log does: ${local.pool_log_command}."}\n\nDashboard: ${local.dashboard_link}"
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [time_sleep.apis]
}

# A worker pool that is absent, or whose instances end as they start, answers nothing that could be counted.
resource "google_monitoring_alert_policy" "nobody_pulls" {
  for_each = local.pulling

  display_name          = "${var.name_prefix}: Nobody pulls: ${each.value}"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.notification_channels

  conditions {
    display_name = "No stream is open for five minutes"

    condition_threshold {
      filter                  = "${local.pubsub_metric}open_streaming_pulls\" AND resource.labels.subscription_id=\"${module.stage[each.value].subscription}\""
      comparison              = "COMPARISON_LT"
      threshold_value         = 1
      duration                = "300s"
      evaluation_missing_data = "EVALUATION_MISSING_DATA_ACTIVE"

      # A series for each status of a stream.
      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_MAX"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "Nobody pulls: ${each.value} (${var.project_id})"
    content   = "The stage's worker pool has no instance that gets as far as a stream. Nothing is lost: its subscription keeps messages for seven days. Look at ${replace(local.pool_log_command, "NAME", each.value)}. The way out without a build: push the stage (docs/deployment.md, Pull instead of push).\n\nDashboard: ${local.dashboard_link}"
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [time_sleep.apis]
}

resource "google_monitoring_alert_policy" "heartbeat_silent" {
  display_name          = "${var.name_prefix}: No heartbeat comes through"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.notification_channels

  conditions {
    display_name = "features has seen no heartbeat for ${var.alerts.heartbeat_silent_seconds} s"

    condition_threshold {
      filter                  = "resource.type=\"${local.logged_by.features}\" AND metric.type=\"${local.log_metric_types.heartbeats}\""
      comparison              = "COMPARISON_LT"
      threshold_value         = 1
      duration                = "${var.alerts.heartbeat_silent_seconds - 300}s"
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
    subject   = "No heartbeat comes through (${var.project_id})"
    content   = "Cloud Scheduler publishes one a minute to dashboard-events; parse and features pass it on. Events do not get through either, or the schedule is paused: gcloud scheduler jobs describe ${google_cloud_scheduler_job.heartbeat.name} --location ${var.region}. Nothing is lost: Pub/Sub keeps events for seven days.\n\nDashboard: ${local.dashboard_link}"
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [time_sleep.log_metrics]
}

# No summary of a shard for some minutes: silence is the condition, so missing data counts as bad. By shard, as one that
# stops is not seen in a sum; and only those that the schedule has, as one that is gone is silent for good.
resource "google_monitoring_alert_policy" "flush_silent" {
  display_name          = "${var.name_prefix}: The flush does not run"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = var.notification_channels

  conditions {
    display_name = "No flush of a shard has ended for ${var.alerts.flush_silent_seconds} s"

    condition_threshold {
      filter                  = "resource.type=\"cloud_run_revision\" AND metric.type=\"${local.log_metric_types.flushes}\" AND metric.labels.status=one_of(\"done\",\"backlog\") AND metric.labels.shard=one_of(${join(",", [for shard in range(var.flush_shards) : "\"${shard}\""])})"
      comparison              = "COMPARISON_LT"
      threshold_value         = 1
      duration                = "${var.alerts.flush_silent_seconds - 300}s"
      evaluation_missing_data = "EVALUATION_MISSING_DATA_ACTIVE"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
        group_by_fields      = ["metric.label.shard"]
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "The flush does not run (${var.project_id})"
    content   = "No panes of the incident's shard are emitted, no event is lost: the log waits in Firestore. Look at the schedule (gcloud scheduler jobs list --location ${var.region}), which has a job a shard, then at aggregate's log.\n\nDashboard: ${local.dashboard_link}"
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [time_sleep.log_metrics]
}
