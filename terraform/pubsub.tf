locals {
  topics = {
    events = {
      name      = "dashboard-events"
      retention = var.topic_retention # sought back over a bad release
    }
    parsed = {
      name      = "dashboard-events-parsed"
      retention = null # can be made again from dashboard-events
    }
    dead_letter = {
      name      = "dashboard-events-dead-letter"
      retention = var.topic_retention
    }
  }
}

resource "google_pubsub_topic" "this" {
  # checkov:skip=CKV_GCP_83:encrypted with var.kms_key where one is given; Google's key otherwise
  for_each = local.topics

  name                       = each.value.name
  kms_key_name               = var.kms_key
  message_retention_duration = each.value.retention

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [time_sleep.apis, time_sleep.kms]
}

# For looking at the raw stream: `gcloud pubsub subscriptions pull`, or `cqc replay`.
resource "google_pubsub_subscription" "monitor" {
  name                       = "dashboard-events-monitor"
  topic                      = google_pubsub_topic.this["events"].id
  ack_deadline_seconds       = 60
  message_retention_duration = "604800s" # seven days, by docs/contract.md#the-flow

  expiration_policy {
    ttl = "" # never: nobody may look for months
  }
}

# Who may publish

locals {
  publishers = {
    "parse-parsed"          = { stage = "parse", topic = "parsed" }
    "parse-dead_letter"     = { stage = "parse", topic = "dead_letter" }
    "features-dead_letter"  = { stage = "features", topic = "dead_letter" }
    "aggregate-dead_letter" = { stage = "aggregate", topic = "dead_letter" } # late_event records
  }
}

# After every subscription: a message to a topic without one would be gone (docs/decisions/0022).
resource "google_pubsub_topic_iam_member" "publishers" {
  for_each = local.publishers

  topic  = google_pubsub_topic.this[each.value.topic].id
  role   = "roles/pubsub.publisher"
  member = module.stage[each.value.stage].runtime_member

  depends_on = [module.stage]
}

# Pub/Sub itself forwards what was delivered too often. Its right to take such a message off its
# subscription stands in modules/stage, beside the subscription.
resource "google_pubsub_topic_iam_member" "forwarder" {
  topic  = google_pubsub_topic.this["dead_letter"].id
  role   = "roles/pubsub.publisher"
  member = google_project_service_identity.this["pubsub.googleapis.com"].member

  depends_on = [module.stage]
}
