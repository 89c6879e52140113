locals {
  tables = {
    realtime_features = {
      description  = "One row per event, at least once; realtime_features_unique has each event once"
      partition_by = "event_timestamp"
      cluster_by   = ["location_id", "event_type", "feature_category"]
      writers      = ["features"]
    }
    realtime_features_aggregated = {
      description  = "Panes of 5-minute windows per location; the highest revision of a window is current"
      partition_by = "window_start"
      cluster_by   = ["location_id"]
      writers      = ["aggregate"]
    }
    streaming_errors = {
      description  = "One row per dead letter, at least once; streaming_errors_unique has each once"
      partition_by = "error_timestamp"
      cluster_by   = ["error_type", "stage"]
      writers      = ["deadletter"]
    }
    replays = {
      description  = "One row per event that an operator published again, by cqc replay or cqc redrive"
      partition_by = "replayed_at"
      cluster_by   = ["event_id"]
      writers      = [] # people, with their own credentials
    }
  }

  # The views' SQL is read by the local chain too; these are its only variables.
  sql_variables = {
    project = var.project_id
    dataset = var.dataset_id
    # The one rule that makes an event's rows one. Each view filters the table by its span of time first, then applies
    # it: a filter above a QUALIFY over event_id prunes no partition, and the view would read the whole table.
    each_event_once = file("${path.module}/views/parts/each_event_once.sql")
  }

  view_sql = {
    for file in fileset("${path.module}/views", "*.sql") :
    trimsuffix(file, ".sql") => templatefile("${path.module}/views/${file}", local.sql_variables)
  }
  function_sql = {
    for file in fileset("${path.module}/views/functions", "*.sql") :
    trimsuffix(file, ".sql") => templatefile("${path.module}/views/functions/${file}", local.sql_variables)
  }
}

resource "google_bigquery_dataset" "this" {
  # checkov:skip=CKV_GCP_81:encrypted with var.kms_key where one is given; Google's key otherwise
  dataset_id                 = var.dataset_id
  location                   = var.region
  description                = "Features of care locations from dashboard events, within a second"
  delete_contents_on_destroy = false

  # Instead of BigQuery's own default, by which each Viewer of the project reads whole payloads and each Editor writes.
  access {
    role          = "OWNER"
    special_group = "projectOwners"
  }

  dynamic "default_encryption_configuration" {
    for_each = var.kms_key[*]
    content {
      kms_key_name = default_encryption_configuration.value
    }
  }

  lifecycle {
    ignore_changes = [access] # whoever is granted a role on the dataset stands in it, too
  }

  depends_on = [time_sleep.apis, time_sleep.kms]
}

resource "google_bigquery_table" "this" {
  # checkov:skip=CKV_GCP_80:encrypted with var.kms_key where one is given; Google's key otherwise
  # checkov:skip=CKV_GCP_121:var.deletion_protection, on by default
  for_each = local.tables

  dataset_id          = google_bigquery_dataset.this.dataset_id
  table_id            = each.key
  description         = each.value.description
  schema              = file("${path.module}/schemas/${each.key}.json")
  clustering          = each.value.cluster_by
  deletion_protection = var.deletion_protection

  time_partitioning {
    type          = "DAY"
    field         = each.value.partition_by
    expiration_ms = var.partition_expiration_days[each.key] == 0 ? null : var.partition_expiration_days[each.key] * 86400000
  }

  # The dataset's key would do, but stands in the state as the table's own: without it here, the next plan would take it
  # away, which replaces the table.
  dynamic "encryption_configuration" {
    for_each = var.kms_key[*]
    content {
      kms_key_name = encryption_configuration.value
    }
  }
}

# The Storage Write API sees a column that a table has got only after minutes: a release that writes it at once would be
# answered 503 until then. Nothing would be lost, but alerts would fire. Waits when a column changed, and the first time.
#
# By the files, not by the tables' own `schema`: once a table is made it has BigQuery's words for types (INTEGER for
# INT64), and Terraform ends an apply in which a value is another than the plan knew.
resource "time_sleep" "schemas" {
  create_duration = "300s"
  triggers = { columns = sha256(jsonencode({
    for name in keys(local.tables) : name => [
      for column in jsondecode(file("${path.module}/schemas/${name}.json")) : [column.name, column.type, column.mode]
    ]
  })) }

  depends_on = [google_bigquery_table.this]
}

# Each view reads tables only, so none waits for another.
resource "google_bigquery_table" "views" {
  # checkov:skip=CKV_GCP_80:a view stores nothing
  # checkov:skip=CKV_GCP_121:a view holds no data, and a release may replace it
  for_each = local.view_sql

  dataset_id          = google_bigquery_dataset.this.dataset_id
  table_id            = each.key
  deletion_protection = false

  view {
    query          = each.value
    use_legacy_sql = false
  }

  lifecycle {
    ignore_changes = [encryption_configuration] # what it got from the dataset: to take it away replaces the view
  }

  depends_on = [google_bigquery_table.this]
}

# For ad-hoc reading: SELECT … FROM `DATASET.realtime_features_between`(TIMESTAMP '2026-01-01', TIMESTAMP '2026-02-01').
resource "google_bigquery_routine" "functions" {
  for_each = local.function_sql

  dataset_id      = google_bigquery_dataset.this.dataset_id
  routine_id      = each.key
  routine_type    = "TABLE_VALUED_FUNCTION"
  language        = "SQL"
  definition_body = each.value

  dynamic "arguments" {
    for_each = ["from_time", "to_time"]
    content {
      name      = arguments.value
      data_type = jsonencode({ typeKind = "TIMESTAMP" })
    }
  }

  depends_on = [google_bigquery_table.this]
}

# Who may append to which table

resource "google_project_iam_custom_role" "row_appender" {
  role_id     = replace("${var.name_prefix}_row_appender", "-", "_")
  title       = "Append rows by the Storage Write API"
  description = "What AppendRows on the default stream needs; dataEditor could delete the table as well"
  permissions = ["bigquery.tables.get", "bigquery.tables.updateData"]

  depends_on = [time_sleep.apis]
}

resource "google_bigquery_table_iam_member" "writers" {
  for_each = merge([
    for table, settings in local.tables : { for stage in settings.writers : "${stage}-${table}" => { table = table, stage = stage } }
  ]...)

  dataset_id = google_bigquery_dataset.this.dataset_id
  table_id   = google_bigquery_table.this[each.value.table].table_id
  role       = google_project_iam_custom_role.row_appender.id
  member     = module.stage[each.value.stage].runtime_member
}
