# Who outside the pipeline may use it: the right role on the narrowest thing, for the principals that are named.

# A producer may publish events, and nothing else: not read them, not publish to the other topics.
resource "google_pubsub_topic_iam_member" "producers" {
  for_each = toset(var.producers)

  topic  = google_pubsub_topic.this["events"].id
  role   = "roles/pubsub.publisher"
  member = each.value

  depends_on = [module.stage] # an event published before parse's subscription is there would be gone
}

locals {
  # Features and windows. Not streaming_errors and its view: they hold whole payloads, which can name people.
  readable_tables = ["realtime_features", "realtime_features_aggregated"]
  readable_views  = [for view in keys(local.view_sql) : view if !strcontains(view, "streaming_errors")]

  reads = { for pair in setproduct(var.readers, concat(local.readable_tables, local.readable_views)) : "${pair[0]} ${pair[1]}" => {
    member = pair[0], table = pair[1]
  } }
}

# A view reads its table with its reader's rights, so both are granted.
resource "google_bigquery_table_iam_member" "readers" {
  for_each = local.reads

  dataset_id = google_bigquery_dataset.this.dataset_id
  table_id   = each.value.table
  role       = "roles/bigquery.dataViewer"
  member     = each.value.member

  depends_on = [google_bigquery_table.this, google_bigquery_table.views]
}

# To call realtime_features_between; the dataset's roles that include it would show streaming_errors as well.
resource "google_project_iam_custom_role" "function_caller" {
  for_each = toset(length(var.readers) > 0 ? ["on"] : [])

  role_id     = replace("${var.name_prefix}_function_caller", "-", "_")
  title       = "Call the dataset's table functions"
  permissions = ["bigquery.routines.get", "bigquery.routines.list"]

  depends_on = [time_sleep.apis]
}

resource "google_bigquery_dataset_iam_member" "function_callers" {
  for_each = toset(var.readers)

  dataset_id = google_bigquery_dataset.this.dataset_id
  role       = google_project_iam_custom_role.function_caller["on"].id
  member     = each.value
}

# Queries run, and are billed, in this project; there is nothing narrower to grant this on.
resource "google_project_iam_member" "query_runners" {
  for_each = toset(var.readers)

  project = var.project_id
  role    = "roles/bigquery.jobUser"
  member  = each.value
}
