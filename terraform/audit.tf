# Who read and wrote data. Administrative changes are logged by Google in any case.
resource "google_project_iam_audit_config" "data_access" {
  for_each = var.enable_data_access_logs ? toset([
    "bigquery.googleapis.com",
    "datastore.googleapis.com", # Firestore's name in audit logs
    "pubsub.googleapis.com",
  ]) : toset([])

  project = var.project_id
  service = each.value

  audit_log_config {
    log_type = "DATA_READ"
  }
  audit_log_config {
    log_type = "DATA_WRITE"
  }
}
