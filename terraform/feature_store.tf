# The online store: optional, as its node costs more than everything else (docs/decisions/0023).

locals {
  feature_view = "projects/${var.project_id}/locations/${var.region}/featureOnlineStores/cqc_feature_store/featureViews/location_features"

  # Generated from what the functions write (python -m tools.generate): `events`, group name to its
  # columns of realtime_features; `window`, feature name to its column of realtime_features_aggregated.
  served = jsondecode(file("${path.module}/feature_groups.json"))

  # Group name -> its features and the SQL of the view that it reads.
  feature_groups = !var.enable_feature_store ? {} : merge(
    {
      for group, columns in local.served.events : group => {
        features = toset(columns)
        sql = templatefile("${path.module}/views/feature_store/events.sql", {
          project       = var.project_id
          dataset       = var.dataset_id
          columns       = join(", ", columns)
          owns_columns  = group == "derived" ? "TRUE" : "feature_category = '${group}'"
          lookback_days = var.feature_store.lookback_days
        })
      }
    },
    {
      window = {
        features = toset(keys(local.served.window))
        sql = templatefile("${path.module}/views/feature_store/windows.sql", {
          project       = var.project_id
          dataset       = var.dataset_id
          columns       = join(", ", [for feature, column in local.served.window : "${column} AS ${feature}"])
          lookback_days = var.feature_store.lookback_days
        })
      }
    },
  )

  features = merge([
    for group, settings in local.feature_groups : {
      for feature in settings.features : "${group}/${feature}" => { group = group, feature = feature }
    }
  ]...)

  online = toset(var.enable_feature_store ? ["on"] : [])
}

resource "google_bigquery_table" "feature_sources" {
  # checkov:skip=CKV_GCP_80:a view stores nothing
  # checkov:skip=CKV_GCP_121:a view holds no data, and a release may replace it
  for_each = local.feature_groups

  dataset_id          = google_bigquery_dataset.this.dataset_id
  table_id            = "feature_source_${each.key}"
  description         = "Read by the feature group of this name at each sync"
  deletion_protection = false

  view {
    query          = each.value.sql
    use_legacy_sql = false
  }

  lifecycle {
    ignore_changes = [encryption_configuration] # what it got from the dataset: to take it away replaces the view
  }

  depends_on = [google_bigquery_table.views]
}

resource "google_vertex_ai_feature_group" "this" {
  for_each = local.feature_groups

  name        = "cqc_${each.key}"
  region      = var.region
  description = "Features of a care location: ${each.key}"

  big_query {
    big_query_source {
      input_uri = "bq://${var.project_id}.${google_bigquery_dataset.this.dataset_id}.${google_bigquery_table.feature_sources[each.key].table_id}"
    }
    entity_id_columns = ["location_id"]
  }

  depends_on = [time_sleep.apis]
}

resource "google_vertex_ai_feature_group_feature" "this" {
  for_each = local.features

  name                = each.value.feature
  region              = var.region
  feature_group       = google_vertex_ai_feature_group.this[each.value.group].name
  version_column_name = each.value.feature
}

resource "google_vertex_ai_feature_online_store" "this" {
  for_each = local.online

  name   = "cqc_feature_store"
  region = var.region
  # Everything in it can be made again from BigQuery.
  force_destroy = true

  bigtable {
    auto_scaling {
      min_node_count         = var.feature_store.min_nodes
      max_node_count         = var.feature_store.max_nodes
      cpu_utilization_target = var.feature_store.cpu_target
    }
  }

  depends_on = [time_sleep.apis]
}

# Vertex AI's own agent reads the source views, and the tables under them, at each sync.
resource "google_bigquery_dataset_iam_member" "sync" {
  for_each = local.online

  dataset_id = google_bigquery_dataset.this.dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = google_project_service_identity.this["aiplatform.googleapis.com"].member
}

resource "google_vertex_ai_feature_online_store_featureview" "location_features" {
  for_each = local.online

  name                 = "location_features"
  region               = var.region
  feature_online_store = google_vertex_ai_feature_online_store.this["on"].name

  feature_registry_source {
    dynamic "feature_groups" {
      for_each = local.feature_groups
      content {
        feature_group_id = google_vertex_ai_feature_group.this[feature_groups.key].name
        feature_ids      = sort(feature_groups.value.features)
      }
    }
  }

  sync_config {
    cron = var.feature_store.sync_cron
  }

  depends_on = [google_vertex_ai_feature_group_feature.this, google_bigquery_dataset_iam_member.sync]
}

# Direct write is in no predefined role for writers.
resource "google_project_iam_custom_role" "feature_writer" {
  for_each = local.online

  role_id     = replace("${var.name_prefix}_feature_writer", "-", "_")
  title       = "Write features directly to a feature view"
  description = "FeatureViewDirectWrite, which featurestoreDataWriter does not include"
  permissions = ["aiplatform.featureViews.directWrite"]

  depends_on = [time_sleep.apis]
}

resource "google_vertex_ai_feature_online_store_featureview_iam_member" "writers" {
  provider = google-beta
  for_each = toset(var.enable_feature_store ? ["features", "aggregate"] : [])

  region               = var.region
  feature_online_store = google_vertex_ai_feature_online_store.this["on"].name
  feature_view         = google_vertex_ai_feature_online_store_featureview.location_features["on"].name
  role                 = google_project_iam_custom_role.feature_writer["on"].id
  member               = module.stage[each.value].runtime_member
}
