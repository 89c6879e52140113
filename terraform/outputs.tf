output "topic" {
  description = "Publish events here: gcloud pubsub topics publish TOPIC --message '{…}'."
  value       = google_pubsub_topic.this["events"].id

  depends_on = [google_pubsub_topic_iam_member.publishers, google_pubsub_topic_iam_member.forwarder]
}

output "publish_command" {
  description = "Publishes an event of just now; paste it into a shell."
  value       = "gcloud pubsub topics publish ${google_pubsub_topic.this["events"].name} --project ${var.project_id} --message '{\"location_id\": \"1-466088203\", \"event_type\": \"rating_change\", \"timestamp\": \"'\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\"'\", \"metrics\": {\"previous_rating\": \"Good\", \"new_rating\": \"Outstanding\"}}'"

  depends_on = [google_pubsub_topic_iam_member.publishers, google_pubsub_topic_iam_member.forwarder]
}

output "archive" {
  description = "Where the raw stream is kept as Avro files, or null without an archive."
  value       = one([for bucket in google_storage_bucket.archive : "gs://${bucket.name}/dashboard-events/"])

  depends_on = [google_pubsub_subscription.archive]
}

output "function_urls" {
  description = "Name of each function and its URL; internal traffic with a token of its invoker only."
  value       = { for name, stage in module.stage : name => stage.uri }
}

output "worker_pools" {
  description = "Name of each stage that pulls, and of its worker pool."
  value       = { for name in local.pulling : name => module.stage[name].worker_pool }
}

output "dashboard" {
  description = "What the pipeline does right now."
  value       = local.dashboard_link
}

output "query" {
  description = "The newest features of each location: bq query --use_legacy_sql=false \"$(terraform output -raw query)\"."
  value       = "SELECT * FROM `${var.project_id}.${google_bigquery_dataset.this.dataset_id}.latest_realtime_features` LIMIT 10"

  depends_on = [google_bigquery_table.views, google_bigquery_routine.functions]
}

output "feature_view" {
  description = "Where the newest features of each location are served, or null without a feature store."
  value       = var.enable_feature_store ? local.feature_view : null

  depends_on = [google_vertex_ai_feature_online_store_featureview.location_features]
}

output "content_hashes" {
  description = "Content hash of each function's package, as tools/generate/package.py computes it."
  value       = local.content_hash
}

output "monitor_subscription" {
  description = "The raw stream, seven days of it: gcloud pubsub subscriptions pull."
  value       = google_pubsub_subscription.monitor.id
}
