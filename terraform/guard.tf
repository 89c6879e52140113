# What holds data can't be destroyed or replaced, by mistake or half-way (docs/decisions/0026).
#
# `deletion_protection` of a table is checked inside the provider's delete, when whatever depends on the table, the
# functions and the subscriptions with their backlog, is gone. These guards are checked while planning: each depends
# on what holds data, so whatever would destroy that would destroy the guard first, and what would replace it
# replaces the guard; prevent_destroy then refuses the whole plan. What somebody has deleted by hand is only made anew:
# that replaces no guard. docs/deployment.md says how to take them away on purpose.
#
# Each stage's subscription has its guard in modules/stage.

locals {
  guarded = var.deletion_protection ? toset(["on"]) : toset([])
}

resource "terraform_data" "guard_of_table" {
  for_each = var.deletion_protection ? local.tables : {}

  lifecycle {
    prevent_destroy      = true
    replace_triggered_by = [google_bigquery_table.this[each.key].id]
  }
}

resource "terraform_data" "guard_of_topic" {
  for_each = var.deletion_protection ? local.topics : {}

  lifecycle {
    prevent_destroy      = true
    replace_triggered_by = [google_pubsub_topic.this[each.key].id]
  }
}

resource "terraform_data" "guard_of_windows_and_monitor" {
  for_each = local.guarded

  lifecycle {
    prevent_destroy      = true
    replace_triggered_by = [google_firestore_database.windows.id, google_pubsub_subscription.monitor.id]
  }
}

resource "terraform_data" "guard_of_archive" {
  for_each = setintersection(local.guarded, local.archive)

  lifecycle {
    prevent_destroy      = true
    replace_triggered_by = [google_storage_bucket.archive["on"].id, google_pubsub_subscription.archive["on"].id]
  }
}
