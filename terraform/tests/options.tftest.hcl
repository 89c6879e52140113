# What is off by default, turned on.

mock_provider "google" {
  source = "./tests/mocks"
}

mock_provider "google-beta" {
  source = "./tests/mocks"
}

mock_provider "time" {}

variables {
  project_id = "demo-project"
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

run "own_key_and_audit_logs" {
  command = apply

  variables {
    kms_key                 = "projects/keys/locations/europe-west2/keyRings/pipeline/cryptoKeys/data"
    enable_data_access_logs = true
    vpc_connector           = "projects/demo-project/locations/europe-west2/connectors/private"
  }

  assert {
    condition = alltrue(concat(
      [for topic in google_pubsub_topic.this : topic.kms_key_name == var.kms_key],
      [google_storage_bucket.source.encryption[0].default_kms_key_name == var.kms_key],
      [google_bigquery_dataset.this.default_encryption_configuration[0].kms_key_name == var.kms_key],
      [google_firestore_database.windows.cmek_config[0].kms_key_name == var.kms_key],
      [google_artifact_registry_repository.images.kms_key_name == var.kms_key],
    ))
    error_message = "Everything that stores data must use the key."
  }
  assert {
    condition     = toset(keys(google_kms_crypto_key_iam_member.agents)) == toset(["pubsub.googleapis.com", "artifactregistry.googleapis.com", "cloudfunctions.googleapis.com", "firestore.googleapis.com", "run.googleapis.com"])
    error_message = "Each service that stores data must be allowed to use the key."
  }
  assert {
    condition     = toset(keys(google_project_iam_audit_config.data_access)) == toset(["bigquery.googleapis.com", "datastore.googleapis.com", "pubsub.googleapis.com"])
    error_message = "Access to data must be logged for the three services that hold it."
  }
}
