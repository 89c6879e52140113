# The raw stream, as Avro files: what a backfill reads when a new feature needs a field that rows do not have. Rows drop
# unknown fields and fold defaults, and the topic keeps seven days, so an event that is not archived can't be read again.

locals {
  archive              = toset(var.archive.enabled ? ["on"] : [])
  archive_subscription = "dashboard-events-archive"
}

resource "google_storage_bucket" "archive" {
  # checkov:skip=CKV_GCP_62:var.enable_data_access_logs is where reads are logged; a second log would hold the same
  # checkov:skip=CKV_GCP_78:Pub/Sub writes each file once, under a name of its own: a version would keep what was deleted on purpose
  for_each = local.archive

  name                        = "${var.project_id}-${var.name_prefix}-archive"
  location                    = var.region
  storage_class               = "STANDARD"
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  # Read within weeks if at all: each class costs less to keep and more to read.
  dynamic "lifecycle_rule" {
    for_each = { for class, days in var.archive.colder_after_days : class => days if days > 0 }
    content {
      action {
        type          = "SetStorageClass"
        storage_class = lifecycle_rule.key
      }
      condition {
        age = lifecycle_rule.value
      }
    }
  }
  dynamic "lifecycle_rule" {
    for_each = var.archive.delete_after_days == 0 ? [] : [var.archive.delete_after_days]
    content {
      action {
        type = "Delete"
      }
      condition {
        age = lifecycle_rule.value
      }
    }
  }

  dynamic "encryption" {
    for_each = var.kms_key[*]
    content {
      default_kms_key_name = encryption.value
    }
  }

  depends_on = [time_sleep.apis, time_sleep.kms]
}

# Pub/Sub asks for both: to write files, and to see that the bucket is there.
resource "google_storage_bucket_iam_member" "archive" {
  for_each = var.archive.enabled ? toset(["roles/storage.objectCreator", "roles/storage.legacyBucketReader"]) : toset([])

  bucket = google_storage_bucket.archive["on"].name
  role   = each.value
  member = google_project_service_identity.this["pubsub.googleapis.com"].member
}

# A new binding takes a minute or so to be known everywhere, and a subscription that may not write is refused.
resource "time_sleep" "archive_iam" {
  for_each = local.archive

  create_duration = "60s"
  triggers        = { roles = join(",", [for binding in google_storage_bucket_iam_member.archive : binding.role]) }
}

resource "google_pubsub_subscription" "archive" {
  for_each = local.archive

  name                       = local.archive_subscription
  topic                      = google_pubsub_topic.this["events"].id
  ack_deadline_seconds       = 600
  message_retention_duration = "604800s" # seven days to fix a bucket that is gone or full of refusals

  cloud_storage_config {
    bucket = google_storage_bucket.archive["on"].name

    filename_prefix          = "dashboard-events/"
    filename_datetime_format = "YYYY-MM-DD/hh_mm_ssZ" # a folder a day
    filename_suffix          = ".avro"
    max_duration             = "600s"    # the most: few large files
    max_bytes                = 104857600 # 100 MiB, about 200,000 events

    avro_config {
      write_metadata = true # message id, publish time, attributes: what a replay needs to keep an event's identity
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  expiration_policy {
    ttl = "" # never
  }

  depends_on = [time_sleep.archive_iam]
}
