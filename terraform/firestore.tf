# The window log and the flush's documents (shared/gcp/firestore.py).

locals {
  # No query filters or sorts by a field, and an index on a rising field would cap a collection at 500
  # writes a second, besides costing an index entry a field and write.
  unindexed_collections = toset(["window_log", "window_state", "flush"])
  expiring_collections  = toset(["window_log", "window_state"])
}

resource "google_firestore_database" "windows" {
  name        = var.firestore_database
  location_id = var.region
  type        = "FIRESTORE_NATIVE"

  delete_protection_state           = var.deletion_protection ? "DELETE_PROTECTION_ENABLED" : "DELETE_PROTECTION_DISABLED"
  deletion_policy                   = "DELETE"                          # else a destroy leaves it behind, and its name taken
  point_in_time_recovery_enablement = "POINT_IN_TIME_RECOVERY_DISABLED" # windows can be folded again from BigQuery

  dynamic "cmek_config" {
    for_each = var.kms_key[*]
    content {
      kms_key_name = cmek_config.value
    }
  }

  depends_on = [time_sleep.apis, time_sleep.kms]
}

resource "google_firestore_field" "unindexed" {
  for_each = local.unindexed_collections

  database   = google_firestore_database.windows.name
  collection = each.value
  field      = "*"

  index_config {}
}

# Settled windows are kept for 31 days, so that a redelivery is still recognised, and the log for seven, so that an
# outage of the flush loses nothing. Deletion comes up to a day late; nothing relies on it.
resource "google_firestore_field" "expiry" {
  for_each = local.expiring_collections

  database   = google_firestore_database.windows.name
  collection = each.value
  field      = "expire_at"

  index_config {}
  ttl_config {}

  depends_on = [google_firestore_field.unindexed]
}

# Firestore has no IAM below the project: a condition names the database.
resource "google_project_iam_member" "windows" {
  for_each = toset(["features", "aggregate"])

  project = var.project_id
  role    = "roles/datastore.user"
  member  = module.stage[each.value].runtime_member

  condition {
    title       = "only-${trim(var.firestore_database, "()")}"
    description = "The pipeline's own database"
    expression  = "resource.name == \"projects/${var.project_id}/databases/${google_firestore_database.windows.name}\""
  }
}
