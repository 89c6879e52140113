output "topic" {
  description = "Publish events here: gcloud pubsub topics publish TOPIC --message '{…}'."
  value       = google_pubsub_topic.this["events"].id

  depends_on = [google_pubsub_topic_iam_member.publishers, google_pubsub_topic_iam_member.forwarder]
}

output "function_urls" {
  description = "Name of each function and its URL; internal traffic with a token of its invoker only."
  value       = { for name, stage in module.stage : name => stage.uri }
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
