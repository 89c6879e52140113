# Cloud Run writes a log entry per request by itself, two per event: at 1,000 events/s some 4.9 TiB a month, about
# 2,450 dollars, nearly as much as all else (docs/cost.md). The metrics (request_count, latencies) do not come from these entries.

locals {
  # sample() takes entries by the hash of their id; without it all are excluded.
  request_log_sample = (
    var.request_log_sample == 0 ? "" : " AND sample(insertId, ${1 - var.request_log_sample})"
  )
}

# Entries of refused requests and of errors, 400 and above, are all kept.
resource "google_logging_project_exclusion" "requests" {
  for_each = toset(var.request_log_sample < 1 ? ["on"] : [])

  name        = "${var.name_prefix}-requests"
  description = "Answered requests of the pipeline's functions, but for a sample of ${var.request_log_sample}"
  filter = join(" AND ", [
    "log_id(\"run.googleapis.com/requests\")",
    "resource.type=\"cloud_run_revision\"",
    "resource.labels.service_name=(${join(" OR ", [for name in values(local.function_names) : "\"${name}\""])})",
    "httpRequest.status<400${local.request_log_sample}",
  ])

  depends_on = [time_sleep.apis]
}
