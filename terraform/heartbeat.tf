# A marked message a minute, from dashboard-events through parse to features, which logs how long it took
# (docs/decisions/0027). It shows nowhere in the data.

resource "google_cloud_scheduler_job" "heartbeat" {
  name        = "${var.name_prefix}-heartbeat"
  region      = var.region
  description = "Publishes a marked message that goes through the chain and into no table"
  schedule    = "* * * * *"
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = google_pubsub_topic.this["events"].id
    data       = base64encode(jsonencode({ event_id = "heartbeat" }))
    attributes = { cqc-heartbeat = "scheduled" }
  }

  retry_config {
    retry_count = 0 # the next minute is the retry
  }

  # Functions of an earlier release would dead-letter it.
  depends_on = [module.stage]
}
