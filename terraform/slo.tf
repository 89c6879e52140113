# Goals, as shares of what comes in (docs/decisions/0027): one poison message that is delivered a hundred times in fifteen
# hours must not use a month's allowance up. The heartbeat's delivery each minute is the floor of what is counted.

locals {
  # Share of good in the given filters' total; the first two in Pub/Sub's own words, a delivery each: pushed or pulled.
  slos = {
    parse = {
      title = "deliveries to parse are acknowledged"
      good  = local.deliveries.parse.good
      total = local.deliveries.parse.total
      cut   = null
      max   = null
    }
    features = {
      title = "deliveries to features are acknowledged"
      good  = local.deliveries.features.good
      total = local.deliveries.features.total
      cut   = null
      max   = null
    }
    freshness = {
      title = "heartbeats get from the topic through features within ${var.alerts.freshness_seconds} s"
      good  = null
      total = null
      cut   = "resource.type=\"${local.logged_by.features}\" AND metric.type=\"${local.log_metric_types.heartbeat_latency}\""
      max   = var.alerts.freshness_seconds
    }
    windows = {
      title = "flushes fold what waited for at most ${var.alerts.flush_lag_seconds} s"
      good  = null
      total = null
      cut   = "resource.type=\"cloud_run_revision\" AND metric.type=\"${local.log_metric_types.flush_lag}\""
      max   = var.alerts.flush_lag_seconds
    }
  }

  deliveries = {
    for name in local.on_the_way : name => contains(local.pulling, name) ? {
      good  = "${local.pubsub_metric}ack_message_count\" AND ${local.from[name]}"
      total = "${local.pubsub_metric}sent_message_count\" AND ${local.from[name]}"
      } : {
      good  = "${local.pubsub_metric}push_request_count\" AND ${local.from[name]} AND metric.labels.response_class=\"ack\""
      total = "${local.pubsub_metric}push_request_count\" AND ${local.from[name]}"
    }
  }

  from = {
    for name in local.on_the_way : name => "resource.labels.subscription_id=\"${module.stage[name].subscription}\""
  }
}

resource "google_monitoring_custom_service" "pipeline" {
  service_id   = "${var.name_prefix}-feature-pipeline"
  display_name = "Care-home feature pipeline"

  depends_on = [time_sleep.apis]
}

resource "google_monitoring_slo" "this" {
  for_each = local.slos

  service      = google_monitoring_custom_service.pipeline.service_id
  slo_id       = each.key
  display_name = "${var.alerts.freshness_goal * 100} % of ${each.value.title}"

  goal                = var.alerts.freshness_goal
  rolling_period_days = 28

  request_based_sli {
    dynamic "good_total_ratio" {
      for_each = each.value.total[*]
      content {
        good_service_filter  = each.value.good
        total_service_filter = good_total_ratio.value
      }
    }
    dynamic "distribution_cut" {
      for_each = each.value.cut[*]
      content {
        distribution_filter = distribution_cut.value
        range {
          max = each.value.max
        }
      }
    }
  }

  depends_on = [time_sleep.log_metrics]
}
