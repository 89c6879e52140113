# Off by default. With var.trace_sample the functions send spans to Cloud Trace's OTLP endpoint, with their own accounts'
# credentials (shared/gcp/credentials.py); OTEL_EXPORTER_OTLP_ENDPOINT in a function's environment names a collector
# instead. Spans leave in batches from a thread that has CPU only while a request is served, so the last ones of a burst
# arrive with the next.

locals {
  traced = var.trace_sample > 0 ? ["parse", "features", "deadletter"] : []

  # OpenTelemetry reads all but the first by itself.
  trace_settings = {
    OTEL_EXPORTER_OTLP_ENDPOINT = "https://telemetry.googleapis.com"
    OTEL_RESOURCE_ATTRIBUTES    = "gcp.project_id=${var.project_id}"
    OTEL_TRACES_SAMPLER         = "parentbased_traceidratio" # one decision for the whole way of an event
    OTEL_TRACES_SAMPLER_ARG     = tostring(var.trace_sample)
  }
}

# Traces belong to the project: there is nothing narrower to grant this on.
resource "google_project_iam_member" "tracers" {
  for_each = toset(local.traced)

  project = var.project_id
  role    = "roles/telemetry.tracesWriter"
  member  = module.stage[each.value].runtime_member
}
