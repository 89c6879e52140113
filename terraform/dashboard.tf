locals {
  dashboard_link = "https://console.cloud.google.com/monitoring/dashboards/builder/${basename(google_monitoring_dashboard.this.id)}?project=${var.project_id}"

  all_subscriptions = "resource.labels.subscription_id=monitoring.regex.full_match(\"dashboard-events.*\")"
  all_logged        = "${local.logged_by_any} AND metric.type=\"logging.googleapis.com/user/${var.name_prefix}"

  # Title, what is drawn, how it is aligned and grouped. Three charts a row.
  charts = concat(local.charts_of_all, length(local.pulling) == 0 ? [] : local.charts_of_pulling)

  charts_of_all = [
    {
      title   = "Events per second, by stage and answer"
      filter  = "${local.pubsub_metric}push_request_count\" AND ${local.all_subscriptions}"
      aligner = "ALIGN_RATE", reducer = "REDUCE_SUM"
      by      = ["resource.label.subscription_id", "metric.label.response_class"], unit = "1/s"
    },
    {
      title   = "Push latency, p99: the two hops add up to end to end"
      filter  = "${local.pubsub_metric}push_request_latencies\" AND ${local.all_subscriptions}"
      aligner = "ALIGN_PERCENTILE_99", reducer = "REDUCE_MAX"
      by      = ["resource.label.subscription_id"], unit = "us"
    },
    {
      title   = "Age of the oldest waiting event"
      filter  = "${local.pubsub_metric}oldest_unacked_message_age\" AND ${local.all_subscriptions}"
      aligner = "ALIGN_MAX", reducer = "REDUCE_MAX"
      by      = ["resource.label.subscription_id"], unit = "s"
    },
    {
      title   = "Backlog"
      filter  = "${local.pubsub_metric}num_undelivered_messages\" AND ${local.all_subscriptions}"
      aligner = "ALIGN_MAX", reducer = "REDUCE_SUM"
      by      = ["resource.label.subscription_id"], unit = "1"
    },
    {
      title   = "Dead letters per second, by reason"
      filter  = "${local.all_logged}/dead_letters\""
      aligner = "ALIGN_RATE", reducer = "REDUCE_SUM"
      by      = ["metric.label.error_type", "metric.label.stage"], unit = "1/s"
    },
    {
      title   = "Messages that Pub/Sub gave up"
      filter  = "${local.pubsub_metric}dead_letter_message_count\" AND ${local.all_subscriptions}"
      aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM"
      by      = ["resource.label.subscription_id"], unit = "1"
    },
    {
      title   = "Requests per second, by function and class of answer"
      filter  = "${local.run_metric}request_count\" AND ${local.functions_only}"
      aligner = "ALIGN_RATE", reducer = "REDUCE_SUM"
      by      = ["resource.label.service_name", "metric.label.response_code_class"], unit = "1/s"
    },
    {
      title   = "Window flush: how far it is behind the log, p99"
      filter  = "${local.all_logged}/flush_lag\""
      aligner = "ALIGN_PERCENTILE_99", reducer = "REDUCE_MAX"
      by      = [], unit = "s"
    },
    {
      title   = "Window flush: flushes, by status"
      filter  = "${local.all_logged}/flushes\""
      aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM"
      by      = ["metric.label.status"], unit = "1"
    },
    {
      title   = "Cost: billed instance seconds per second"
      filter  = "${local.run_metric}container/billable_instance_time\" AND ${local.functions_only}"
      aligner = "ALIGN_RATE", reducer = "REDUCE_SUM"
      by      = ["resource.label.service_name"], unit = "s/s"
    },
    {
      title   = "Cost: Firestore writes per second"
      filter  = "resource.type=\"firestore.googleapis.com/Database\" AND metric.type=\"firestore.googleapis.com/document/write_ops_count\""
      aligner = "ALIGN_RATE", reducer = "REDUCE_SUM"
      by      = ["resource.label.database_id"], unit = "1/s"
    },
    {
      title   = "Cost: bytes written to BigQuery per second"
      filter  = "resource.type=\"bigquery_project\" AND metric.type=\"bigquerystorage.googleapis.com/write/uploaded_bytes_count\""
      aligner = "ALIGN_RATE", reducer = "REDUCE_SUM"
      by      = [], unit = "By/s"
    },
    {
      title   = "Cost: bytes through Pub/Sub per second"
      filter  = "${local.pubsub_metric}byte_cost\" AND ${local.all_subscriptions}"
      aligner = "ALIGN_RATE", reducer = "REDUCE_SUM"
      by      = ["resource.label.subscription_id"], unit = "By/s"
    },
    {
      title   = "Cost: log bytes per second"
      filter  = "resource.type=\"global\" AND metric.type=\"logging.googleapis.com/billing/bytes_ingested\""
      aligner = "ALIGN_RATE", reducer = "REDUCE_SUM"
      by      = ["metric.label.resource_type"], unit = "By/s"
    },
    {
      title   = "Instances, by function"
      filter  = "${local.run_metric}container/instance_count\" AND ${local.functions_only}"
      aligner = "ALIGN_MAX", reducer = "REDUCE_SUM"
      by      = ["resource.label.service_name", "metric.label.state"], unit = "1"
    },
  ]

  streams_only = "resource.labels.subscription_id=one_of(${join(",", [for name in local.pulling : "\"${module.stage[name].subscription}\""])})"
  pools_only   = "resource.labels.worker_pool_name=one_of(${join(",", [for name in local.pulling : "\"${module.stage[name].worker_pool}\""])})"

  charts_of_pulling = [
    {
      title   = "Pulled: events per second, acknowledged"
      filter  = "${local.pubsub_metric}ack_message_count\" AND ${local.streams_only}"
      aligner = "ALIGN_RATE", reducer = "REDUCE_SUM"
      by      = ["resource.label.subscription_id"], unit = "1/s"
    },
    {
      title   = "Pulled: from delivery to acknowledgement, p99"
      filter  = "${local.pubsub_metric}ack_latencies\" AND ${local.streams_only}"
      aligner = "ALIGN_PERCENTILE_99", reducer = "REDUCE_MAX"
      by      = ["resource.label.subscription_id"], unit = "ms"
    },
    {
      title   = "Pulled: leases that ran out, per second"
      filter  = "${local.pubsub_metric}expired_ack_deadlines_count\" AND ${local.streams_only}"
      aligner = "ALIGN_RATE", reducer = "REDUCE_SUM"
      by      = ["resource.label.subscription_id"], unit = "1/s"
    },
    {
      title   = "Open streams, by status"
      filter  = "${local.pubsub_metric}open_streaming_pulls\" AND ${local.streams_only}"
      aligner = "ALIGN_MAX", reducer = "REDUCE_SUM"
      by      = ["resource.label.subscription_id", "metric.label.status"], unit = "1"
    },
    {
      title   = "Instances, by worker pool"
      filter  = "${local.pool_metric}container/instance_count\" AND ${local.pools_only}"
      aligner = "ALIGN_MAX", reducer = "REDUCE_SUM"
      by      = ["resource.label.worker_pool_name"], unit = "1"
    },
    {
      title   = "Cost: billed instance seconds per second, by worker pool"
      filter  = "${local.pool_metric}container/billable_instance_time\" AND ${local.pools_only}"
      aligner = "ALIGN_RATE", reducer = "REDUCE_SUM"
      by      = ["resource.label.worker_pool_name"], unit = "s/s"
    },
  ]
}

resource "google_monitoring_dashboard" "this" {
  dashboard_json = jsonencode({
    displayName = "${var.name_prefix}: care-home feature pipeline"
    mosaicLayout = {
      columns = 12
      tiles = [
        for index, chart in local.charts : {
          xPos = index % 3 * 4, yPos = floor(index / 3) * 4, width = 4, height = 4
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  unitOverride = chart.unit
                  timeSeriesFilter = {
                    filter = chart.filter
                    aggregation = {
                      alignmentPeriod    = "60s"
                      perSeriesAligner   = chart.aligner
                      crossSeriesReducer = chart.reducer
                      groupByFields      = chart.by
                    }
                  }
                }
              }]
            }
          }
        }
      ]
    }
  })

  depends_on = [time_sleep.apis]
}
