# Addresses that earlier releases had, so that an update renames in the state instead of making anew.

moved {
  from = google_bigquery_table.first_views["realtime_features_unique"]
  to   = google_bigquery_table.views["realtime_features_unique"]
}
moved {
  from = google_bigquery_table.first_views["realtime_features_aggregated_latest"]
  to   = google_bigquery_table.views["realtime_features_aggregated_latest"]
}
moved {
  from = google_bigquery_table.first_views["streaming_errors_unique"]
  to   = google_bigquery_table.views["streaming_errors_unique"]
}
moved {
  from = google_bigquery_table.second_views["latest_realtime_features"]
  to   = google_bigquery_table.views["latest_realtime_features"]
}
moved {
  from = google_bigquery_table.second_views["hourly_feature_stats"]
  to   = google_bigquery_table.views["hourly_feature_stats"]
}
moved {
  from = google_bigquery_table.second_views["location_risk_summary"]
  to   = google_bigquery_table.views["location_risk_summary"]
}

moved {
  from = google_monitoring_slo.freshness
  to   = google_monitoring_slo.this["freshness"]
}
moved {
  from = google_monitoring_alert_policy.this["oldest-unacked"]
  to   = google_monitoring_alert_policy.waiting
}
moved {
  from = google_monitoring_alert_policy.this["freshness-burn"]
  to   = google_monitoring_alert_policy.burn["freshness-burn-fast"]
}
moved {
  from = google_monitoring_alert_policy.heartbeat_silent
  to   = google_monitoring_alert_policy.this["heartbeat-silent"]
}
moved {
  from = google_monitoring_alert_policy.flush_silent
  to   = google_monitoring_alert_policy.this["flush-silent"]
}
moved {
  from = google_monitoring_alert_policy.nobody_pulls["parse"]
  to   = google_monitoring_alert_policy.this["nobody-pulls-parse"]
}
moved {
  from = google_monitoring_alert_policy.nobody_pulls["features"]
  to   = google_monitoring_alert_policy.this["nobody-pulls-features"]
}
moved {
  from = google_monitoring_alert_policy.nobody_pulls["deadletter"]
  to   = google_monitoring_alert_policy.this["nobody-pulls-deadletter"]
}
