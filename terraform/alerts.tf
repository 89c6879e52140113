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

  # For the messages. With names of your own, cqc must be told them by a file: no option does.
  has_usual_names = var.name_prefix == "cqc" && var.firestore_database == "cqc-windows" && var.flush_shards == 1
  options = (
    local.has_usual_names
    ? "--project ${var.project_id} --region ${var.region} --dataset ${var.dataset_id}"
    : "--chain cqc.toml"
  )
  errors_command = "`gcloud logging read '${local.any_logs} AND severity>=ERROR' --project ${var.project_id} --freshness 1h --limit 20`"
  job_options    = "--location ${var.region} --project ${var.project_id}"
  further        = "`cqc doctor ${local.options}` checks everything, and names what fixes what is wrong${local.has_usual_names ? "" : " (docs/debugging.md begins with that file of ${var.project_id})"}. docs/runbook.md has a section of this alert's title.\n\nDashboard: ${local.dashboard_link}"

  # Of an alert that says nothing else. A metric that counts what fails has no data once nothing does. That ends the
  # incident: while one is open, nobody is called for the next failure.
  usual = {
    of          = null # which of several
    comparison  = "COMPARISON_GT"
    missing     = "EVALUATION_MISSING_DATA_INACTIVE"
    period      = "120s" # two of a metric's samples: where one request a minute is all there is, a late one is no gap
    denominator = null
    group_by    = []
    duration    = "300s"
    auto_close  = "86400s"
  }

  # One is enough; without another for half an hour, which is the least, the incident ends.
  once = {
    threshold  = 0
    aligner    = "ALIGN_DELTA"
    reducer    = "REDUCE_SUM"
    missing    = null # takes a duration
    duration   = "0s"
    auto_close = "1800s"
  }

  # Silence is the condition, so missing data is as bad as none.
  silence = {
    severity   = "CRITICAL"
    comparison = "COMPARISON_LT"
    threshold  = 1
    missing    = "EVALUATION_MISSING_DATA_ACTIVE"
    period     = "300s"
    aligner    = "ALIGN_DELTA"
    reducer    = "REDUCE_SUM"
  }

  # One condition each, so that an incident says which limit was passed. Units are the metrics' own.
  alerts = { for name, alert in merge(local.all_alerts, local.nobody_pulls) : name => merge(local.usual, alert) if try(alert.when, true) }

  all_alerts = {
    dead-letter-rate = {
      severity = "WARNING"
      title    = "Events are being rejected"
      look     = "For five minutes over ${var.alerts.dead_letters_per_minute} events a minute became dead letters. None is lost: each is in streaming_errors with its reason and its payload. `cqc dead-letters --since 1h ${local.options}` groups them, with what fixes each group. One reason and one event_type: a producer changed. All at once since a release: roll it back."
      # late_event is no rejection: the event has its features row.
      filter    = "${local.logged_by_any} AND metric.type=\"${local.log_metric_types.dead_letters}\" AND metric.labels.error_type!=\"late_event\""
      aligner   = "ALIGN_RATE"
      reducer   = "REDUCE_SUM"
      threshold = var.alerts.dead_letters_per_minute / 60
    }
    dead-letter-brake = merge(local.once, {
      severity = "CRITICAL"
      title    = "Rejected events are held back"
      look     = "An instance of the incident's stage rejected more than half of what it judged. It answers 503 instead of dead-lettering, and Pub/Sub keeps those events, for 15 hours by default; good events still go through. Find what was released, or which producer changed (`cqc dead-letters --since 1h ${local.options}`), and fix that: what is held then goes on by itself."
      filter   = "${local.logged_by_any} AND metric.type=\"${local.log_metric_types.brake_engaged}\""
      group_by = ["metric.label.stage"]
    })
    deliveries-exhausted = merge(local.once, {
      severity = "ERROR"
      title    = "Pub/Sub gave messages up"
      look     = "A message of the incident's subscription was answered ${var.delivery.max_attempts} times with an error. It is in streaming_errors as delivery_exhausted. Why it failed: ${local.errors_command}. Once that is fixed: `cqc redrive --reason delivery_exhausted ${local.options}`."
      filter   = "${local.pubsub_metric}dead_letter_message_count\" AND ${local.both_only}"
      group_by = ["resource.label.subscription_id"]
    })
    dead-letters-stuck = {
      severity  = "ERROR"
      title     = "Dead letters are not being recorded"
      look      = "The oldest dead letter has waited over ${var.alerts.dead_letter_age_seconds} s: deadletter does not get its rows into streaming_errors. Its subscription keeps messages for seven days and gives none up: fix it within that time. Why it fails: ${local.errors_command}."
      filter    = "${local.pubsub_metric}oldest_unacked_message_age\" AND resource.labels.subscription_id=\"${module.stage["deadletter"].subscription}\""
      aligner   = "ALIGN_MAX"
      reducer   = "REDUCE_MAX"
      group_by  = ["resource.label.subscription_id"]
      threshold = var.alerts.dead_letter_age_seconds
    }
    archive-stuck = {
      when      = var.archive.enabled
      severity  = "ERROR"
      title     = "Raw events are not being archived"
      look      = "The oldest event has waited over ${var.alerts.archive_age_seconds} s for its file: Pub/Sub can't write to the bucket. Its subscription keeps events for seven days, then they are in no archive. `gcloud pubsub subscriptions describe ${local.archive_subscription} --project ${var.project_id} --format 'value(state,cloudStorageConfig.state)'` says why; terraform apply grants again what it lacks."
      filter    = "${local.pubsub_metric}oldest_unacked_message_age\" AND resource.labels.subscription_id=\"${local.archive_subscription}\""
      aligner   = "ALIGN_MAX"
      reducer   = "REDUCE_MAX"
      group_by  = ["resource.label.subscription_id"]
      threshold = var.alerts.archive_age_seconds
    }
    error-ratio = {
      severity    = "ERROR"
      title       = "A function fails"
      look        = "For five minutes over ${var.alerts.error_ratio * 100} % of the requests of the incident's function were answered 5xx: 503 is a sink that fails, or the dead-letter brake; 500 is a bug. All are delivered again. A line for each: ${local.errors_command}."
      filter      = "${local.run_metric}request_count\" AND ${local.functions_only} AND metric.labels.response_code_class=\"5xx\""
      denominator = "${local.run_metric}request_count\" AND ${local.functions_only}"
      aligner     = "ALIGN_RATE"
      reducer     = "REDUCE_SUM"
      group_by    = ["resource.label.service_name"]
      threshold   = var.alerts.error_ratio
    }
    push-latency = {
      when      = length(local.pushed) > 0
      severity  = "WARNING"
      title     = "A function answers slowly"
      look      = "For five minutes one in a hundred pushes of the incident's subscription took over ${var.alerts.push_latency_p99_seconds} s. At max_instances on the dashboard it is a queue: raise functions.NAME.max_instances. With few instances it is a sink: compare BigQuery's and Firestore's latencies. Cold starts alone don't last five minutes."
      filter    = "${local.pubsub_metric}push_request_latencies\" AND ${local.pushed_only}"
      aligner   = "ALIGN_PERCENTILE_99"
      reducer   = "REDUCE_MAX"
      group_by  = ["resource.label.subscription_id"]
      threshold = var.alerts.push_latency_p99_seconds * 1000000 # the metric is in microseconds
    }
    # The two above, of stages that pull.
    pull-failures = {
      when        = length(local.pulled) > 0
      severity    = "ERROR"
      title       = "A function fails"
      look        = "For five minutes over ${var.alerts.error_ratio * 100} % of the messages of the incident's subscription were given back by the stage that pulls them, for another delivery. A line for each, or the traceback of a bug: ${local.errors_command}."
      filter      = "${local.pubsub_metric}mod_ack_deadline_message_count\" AND ${local.pulled_only}" # a deadline is only ever set to 0
      denominator = "${local.pubsub_metric}sent_message_count\" AND ${local.pulled_only}"
      aligner     = "ALIGN_RATE"
      reducer     = "REDUCE_SUM"
      group_by    = ["resource.label.subscription_id"]
      threshold   = var.alerts.error_ratio
    }
    pull-latency = {
      when      = length(local.pulled) > 0
      severity  = "WARNING"
      title     = "A function answers slowly"
      look      = "For five minutes one in a hundred messages of the incident's subscription took over ${var.alerts.push_latency_p99_seconds} s to be acknowledged. Instances at their whole CPU: raise worker_pools.NAME.instances. Otherwise it is a sink: compare BigQuery's and Firestore's latencies."
      filter    = "${local.pubsub_metric}ack_latencies\" AND ${local.pulled_only}"
      aligner   = "ALIGN_PERCENTILE_99"
      reducer   = "REDUCE_MAX"
      group_by  = ["resource.label.subscription_id"]
      threshold = var.alerts.push_latency_p99_seconds * 1000 # the metric is in milliseconds
    }
    flush-lag = {
      severity  = "ERROR"
      title     = "Windows are flushed late"
      look      = "The flush runs, but for five minutes began with over ${var.alerts.flush_lag_seconds} s of the log unread: panes are late by that, and no event is lost. After an outage it catches up by itself. If not, events come faster than it folds: raise flush_shards. The doctor's lines named flush say which shard."
      filter    = "resource.type=\"cloud_run_revision\" AND metric.type=\"${local.log_metric_types.flush_lag}\""
      aligner   = "ALIGN_PERCENTILE_99"
      reducer   = "REDUCE_MAX"
      threshold = var.alerts.flush_lag_seconds
    }
    heartbeat-silent = merge(local.silence, {
      title    = "No heartbeat comes through"
      look     = "features has seen none for ${var.alerts.heartbeat_silent_seconds} s. Cloud Scheduler publishes one a minute to dashboard-events; parse and features pass it on. Events do not get through either, or the schedule is paused: `gcloud scheduler jobs describe ${google_cloud_scheduler_job.heartbeat.name} ${local.job_options}`. Nothing is lost: Pub/Sub keeps events for seven days. `cqc doctor --probe ${local.options}` sends one of its own, and says where it ends."
      filter   = "resource.type=\"${local.logged_by.features}\" AND metric.type=\"${local.log_metric_types.heartbeats}\""
      duration = "${var.alerts.heartbeat_silent_seconds - 300}s"
    })
    # By shard, as one that stops is not seen in a sum; and only those that the schedule has, as one that is gone is
    # silent for good.
    flush-silent = merge(local.silence, {
      title    = "The flush does not run"
      look     = "No flush of the incident's shard has ended for ${var.alerts.flush_silent_seconds} s: no panes of its locations are emitted. No event is lost, the log waits in Firestore. Look at the schedule, which has a job a shard (`gcloud scheduler jobs list ${local.job_options}`), then at aggregate's errors: ${local.errors_command}."
      filter   = "resource.type=\"cloud_run_revision\" AND metric.type=\"${local.log_metric_types.flushes}\" AND metric.labels.status=one_of(\"done\",\"backlog\") AND metric.labels.shard=one_of(${join(",", [for shard in range(var.flush_shards) : "\"${shard}\""])})"
      duration = "${var.alerts.flush_silent_seconds - 300}s"
      group_by = ["metric.label.shard"]
    })
  }

  # A worker pool that is absent, or whose instances end as they start, answers nothing that could be counted. There is
  # a series for each status of a stream.
  nobody_pulls = {
    for name in local.pulling : "nobody-pulls-${name}" => merge(local.silence, {
      title   = "Nobody pulls"
      of      = name
      look    = "For five minutes the worker pool of ${name} has had no instance that gets as far as a stream. Nothing is lost: its subscription keeps messages for seven days. Why: `gcloud logging read 'resource.type=\"cloud_run_worker_pool\" AND resource.labels.worker_pool_name=\"${module.stage[name].worker_pool}\"' --project ${var.project_id} --freshness 1h --limit 20`. The way out without a build: push the stage (docs/deployment.md, Pull instead of push)."
      filter  = "${local.pubsub_metric}open_streaming_pulls\" AND resource.labels.subscription_id=\"${module.stage[name].subscription}\""
      aligner = "ALIGN_MAX"
      period  = "60s"
    })
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

  display_name          = join(": ", compact([var.name_prefix, each.value.title, each.value.of]))
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = var.notification_channels

  conditions {
    display_name = each.value.title

    condition_threshold {
      filter                  = each.value.filter
      denominator_filter      = each.value.denominator
      comparison              = each.value.comparison
      threshold_value         = each.value.threshold
      duration                = each.value.duration
      evaluation_missing_data = each.value.missing

      aggregations {
        alignment_period     = each.value.period
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.reducer
        group_by_fields      = each.value.group_by
      }

      dynamic "denominator_aggregations" {
        for_each = each.value.denominator[*]
        content {
          alignment_period     = each.value.period
          per_series_aligner   = each.value.aligner
          cross_series_reducer = each.value.reducer
          group_by_fields      = each.value.group_by
        }
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    subject   = "${join(": ", compact([each.value.title, each.value.of]))} (${var.project_id})"
    content   = "${each.value.look}\n\n${local.further}"
  }

  alert_strategy {
    auto_close = each.value.auto_close
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
    content   = "The goal: ${google_monitoring_slo.this[each.value.goal].display_name}. At this pace the 28 days' allowance is gone in ${floor(28 / each.value.pace * 10) / 10} days. It is the sum of what other alerts say singly: start with those that are open.\n\n${local.further}"
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
    content   = "Over ${var.alerts.backlog_messages} events wait in the incident's subscription, the oldest for over ${var.alerts.oldest_unacked_seconds} s. None is lost: Pub/Sub keeps them for seven days. The push responses on the dashboard say why: 429 is a function at its limit, 503 a sink that fails, 403 a missing run.invoker, and no responses a function that does not start.${length(local.pulled) == 0 ? "" : " A stage that pulls has no responses."} The errors: ${local.errors_command}.\n\n${local.further}"
  }

  alert_strategy {
    auto_close = "86400s"
  }

  depends_on = [time_sleep.apis]
}
