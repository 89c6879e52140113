# What is off by default, turned on.

mock_provider "google" {
  source = "./tests/mocks"
}

mock_provider "google" {
  alias  = "billing"
  source = "./tests/mocks"

  mock_resource "google_billing_budget" {
    defaults = { name = "counted on the project" }
  }
}

mock_provider "google-beta" {
  source = "./tests/mocks"
}

mock_provider "time" {}

variables {
  project_id = "demo-project"
  # terraform test destroys what it has made, which the guards refuse; tests/terraform/test_guard.py tries them.
  deletion_protection = false
}

run "feature_store" {
  command = apply

  variables {
    enable_feature_store = true
  }

  assert {
    condition     = output.feature_view == "projects/demo-project/locations/europe-west2/featureOnlineStores/${google_vertex_ai_feature_online_store.this["on"].name}/featureViews/${google_vertex_ai_feature_online_store_featureview.location_features["on"].name}"
    error_message = "The functions must be told the full name of the feature view that is made."
  }
  assert {
    condition     = alltrue([for name in ["features", "aggregate"] : module.stage[name].wiring.environment.FEATURE_VIEW == output.feature_view])
    error_message = "Both writers must be told of the feature view."
  }
  assert {
    condition     = toset([for binding in google_vertex_ai_feature_online_store_featureview_iam_member.writers : binding.member]) == toset([module.stage["features"].runtime_member, module.stage["aggregate"].runtime_member])
    error_message = "Only features and aggregate may write to the feature view."
  }
  assert {
    condition     = google_project_iam_custom_role.feature_writer["on"].permissions == toset(["aiplatform.featureViews.directWrite"])
    error_message = "Direct write is all that they need there."
  }
  assert {
    condition = length(google_vertex_ai_feature_online_store_featureview.location_features["on"].feature_registry_source[0].feature_groups) == 8 && alltrue([
      for group in google_vertex_ai_feature_group.this : group.big_query[0].entity_id_columns == tolist(["location_id"])
    ])
    error_message = "Six categories, derived and window features are served, by location."
  }
}

run "producers_readers_and_what_is_watched" {
  command = apply

  variables {
    producers             = ["serviceAccount:dashboard@other-project.iam.gserviceaccount.com"]
    readers               = ["group:analysts@example.org", "group:modellers@example.org"]
    budget                = { billing_account = "012345-6789AB-CDEF01", monthly_amount = 100, email_channels = ["projects/demo-project/notificationChannels/2"] }
    notification_channels = ["projects/demo-project/notificationChannels/1"]
    trace_sample          = 0.01
    canary                = ["features"]
  }

  assert {
    condition     = [for binding in google_pubsub_topic_iam_member.producers : "${binding.member} ${binding.role} ${binding.topic}"] == ["serviceAccount:dashboard@other-project.iam.gserviceaccount.com roles/pubsub.publisher ${google_pubsub_topic.this["events"].id}"]
    error_message = "A producer may publish to dashboard-events and nothing else."
  }
  assert {
    condition = toset([for binding in google_bigquery_table_iam_member.readers : binding.table_id if binding.member == "group:analysts@example.org"]) == toset([
      "realtime_features", "realtime_features_unique", "realtime_features_aggregated", "realtime_features_aggregated_latest",
      "latest_realtime_features", "hourly_feature_stats", "location_risk_summary",
    ])
    error_message = "A reader may read features and windows, and not streaming_errors, which holds whole payloads."
  }
  assert {
    condition     = alltrue([for binding in google_bigquery_table_iam_member.readers : binding.role == "roles/bigquery.dataViewer"]) && google_project_iam_custom_role.function_caller["on"].permissions == toset(["bigquery.routines.get", "bigquery.routines.list"])
    error_message = "A reader may read and call, no more."
  }
  assert {
    condition     = google_billing_budget.this["on"].amount[0].specified_amount[0].units == "100" && google_billing_budget.this["on"].all_updates_rule[0].monitoring_notification_channels == tolist(var.budget.email_channels)
    error_message = "The budget must have its amount, and mail its own channels: it takes no other than email's."
  }
  assert {
    condition     = google_billing_budget.this["on"].name == "counted on the project"
    error_message = "A budget must be made by the provider for it: its API refuses a person's own credentials by the other."
  }
  assert {
    condition = { for name, stage in module.stage : name => try(stage.wiring.environment.OTEL_TRACES_SAMPLER_ARG, null) } == {
      parse = "0.01", features = "0.01", deadletter = "0.01", aggregate = null
    }
    error_message = "The functions that a message goes through must sample its trace."
  }
  assert {
    condition     = toset([for binding in google_project_iam_member.tracers : "${binding.member} ${binding.role}"]) == toset([for name in ["parse", "features", "deadletter"] : "${module.stage[name].runtime_member} roles/telemetry.tracesWriter"])
    error_message = "They must be allowed to write traces."
  }
  assert {
    condition     = { for name, stage in module.stage : name => stage.wiring.gets_all_traffic } == { parse = true, features = false, aggregate = true, deadletter = true }
    error_message = "Only a canary's new revision may wait for its share of traffic."
  }
}

run "without_archive_and_with_all_request_logs" {
  command = plan

  variables {
    archive            = { enabled = false }
    request_log_sample = 1
  }

  assert {
    condition     = length(google_storage_bucket.archive) + length(google_pubsub_subscription.archive) + length(google_storage_bucket_iam_member.archive) == 0 && !contains(keys(google_monitoring_alert_policy.this), "archive-stuck")
    error_message = "Switched off, nothing of the archive may be left."
  }
  assert {
    condition     = length(google_logging_project_exclusion.requests) == 0
    error_message = "A sample of 1 keeps all entries."
  }
}

run "four_flushes_a_minute" {
  command = plan

  variables {
    flush_shards = 4
    functions    = { aggregate = { concurrency = 1, max_instances = 8 } }
  }

  assert {
    condition     = [for job in google_cloud_scheduler_job.flush : job.name] == ["cqc-flush-0", "cqc-flush-1", "cqc-flush-2", "cqc-flush-3"]
    error_message = "Each shard must have a job."
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.this["flush-silent"].conditions[0].condition_threshold[0].filter, "metric.labels.shard=one_of(\"0\",\"1\",\"2\",\"3\")") && google_monitoring_alert_policy.this["flush-silent"].conditions[0].condition_threshold[0].aggregations[0].group_by_fields == tolist(["metric.label.shard"])
    error_message = "A shard that stops must be seen beside three that go on, and one that is gone must not."
  }
}

run "names_of_ones_own" {
  command = plan

  variables {
    name_prefix = "cqc-prod"
  }

  assert {
    condition     = local.options == "--chain cqc.toml"
    error_message = "An alert's cqc commands must find functions of another prefix: by the file, as no option names it."
  }
}

run "own_key_and_audit_logs" {
  command = apply

  variables {
    kms_key                 = "projects/keys/locations/europe-west2/keyRings/pipeline/cryptoKeys/data"
    enable_data_access_logs = true
    enable_feature_store    = true
    vpc_connector           = "projects/demo-project/locations/europe-west2/connectors/private"
  }

  assert {
    condition = alltrue(concat(
      [for topic in google_pubsub_topic.this : topic.kms_key_name == var.kms_key],
      [google_storage_bucket.source.encryption[0].default_kms_key_name == var.kms_key],
      [google_bigquery_dataset.this.default_encryption_configuration[0].kms_key_name == var.kms_key],
      [for table in google_bigquery_table.this : try(table.encryption_configuration[0].kms_key_name == var.kms_key, false)],
      [google_firestore_database.windows.cmek_config[0].kms_key_name == var.kms_key],
      [google_artifact_registry_repository.images.kms_key_name == var.kms_key],
    ))
    error_message = "Everything that stores data must use the key."
  }
  assert {
    condition     = toset(keys(google_kms_crypto_key_iam_member.agents)) == toset(["pubsub.googleapis.com", "artifactregistry.googleapis.com", "cloudfunctions.googleapis.com", "firestore.googleapis.com", "run.googleapis.com"])
    error_message = "Each service that stores data under the key must be allowed to use it, and no other: the online store takes no key."
  }
  assert {
    condition     = toset(keys(google_project_iam_audit_config.data_access)) == toset(["bigquery.googleapis.com", "datastore.googleapis.com", "pubsub.googleapis.com"])
    error_message = "Access to data must be logged for the three services that hold it."
  }
}

run "a_batch_is_half_of_the_concurrency" {
  command = plan

  variables {
    functions = { parse = { concurrency = 33 }, deadletter = { concurrency = 1 } }
  }

  assert {
    condition     = [for name in ["parse", "features", "deadletter"] : module.stage[name].wiring.environment.BATCH_MAX_EVENTS] == ["16", "40", "1"]
    error_message = "Two batches are in flight at a time, each at most half of what an instance is sent at once."
  }
}

run "a_batch_of_a_chosen_size" {
  command = plan

  variables {
    batching = { max_events = 10 }
  }

  assert {
    condition     = module.stage["features"].wiring.environment.BATCH_MAX_EVENTS == "10"
    error_message = "batching.max_events wins over half of the concurrency."
  }
}
