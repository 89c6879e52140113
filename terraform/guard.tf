# What holds data can't be destroyed or replaced, by mistake or half-way (docs/decisions/0026).
#
# `deletion_protection` of a table is checked inside the provider's delete, when whatever depends on the table, the
# functions and the subscriptions with their backlog, is gone. These guards are checked while planning: each depends
# on one thing that holds data, so whatever would destroy that thing would destroy the guard first, and what would
# replace it changes the guard's trigger; prevent_destroy then refuses the whole plan. docs/deployment.md says how to
# take them away on purpose.

locals {
  holds_data = merge(
    { for name, table in google_bigquery_table.this : "table ${name}" => table.id },
    { for name, topic in google_pubsub_topic.this : "topic ${local.topics[name].name}" => topic.id },
    { for name, source in local.sources : "subscription of ${name}" => module.stage[name].subscription_id if source.topic != null },
    { "subscription dashboard-events-monitor" = google_pubsub_subscription.monitor.id },
    { "database" = google_firestore_database.windows.id },
    { for bucket in google_storage_bucket.archive : "archive" => bucket.id },
    { for subscription in google_pubsub_subscription.archive : "subscription of the archive" => subscription.id },
  )
}

resource "terraform_data" "guard" {
  for_each = var.deletion_protection ? local.holds_data : {}

  triggers_replace = each.value

  lifecycle {
    prevent_destroy = true
  }
}
