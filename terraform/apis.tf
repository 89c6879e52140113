locals {
  apis = toset(concat([
    "artifactregistry.googleapis.com",
    "bigquery.googleapis.com",
    "bigquerystorage.googleapis.com", # the Storage Write API is a service of its own
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudresourcemanager.googleapis.com", # by hand before the first plan, which asks for the project's number
    "cloudscheduler.googleapis.com",
    "firestore.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com", # signs the tokens of push and schedule
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
    "storage.googleapis.com",
    ],
    var.enable_feature_store ? ["aiplatform.googleapis.com"] : [],
    var.kms_key == null ? [] : ["cloudkms.googleapis.com"],
    var.trace_sample == 0 ? [] : ["cloudtrace.googleapis.com", "telemetry.googleapis.com"],
    var.budget == null ? [] : ["billingbudgets.googleapis.com"],
    var.vpc_connector == null ? [] : ["vpcaccess.googleapis.com"],
  ))
}

resource "google_project_service" "this" {
  for_each = local.apis

  service            = each.value
  disable_on_destroy = false # others in the project may use it
}

# An API says that it is enabled before all of its servers know.
resource "time_sleep" "apis" {
  create_duration = "60s"
  triggers        = { apis = join(",", [for api in google_project_service.this : api.service]) }
}

locals {
  # Service agents exist only once asked for. Pub/Sub's and Vertex AI's are granted something below; the others
  # are asked for because a first apply that needs them before Google has made them fails
  # (hashicorp/terraform-provider-google#25294).
  agents = toset(concat(
    [
      "artifactregistry.googleapis.com",
      "cloudbuild.googleapis.com",
      "cloudfunctions.googleapis.com",
      "cloudscheduler.googleapis.com",
      "pubsub.googleapis.com",
      "run.googleapis.com",
    ],
    var.enable_feature_store ? ["aiplatform.googleapis.com"] : [],
    var.kms_key == null ? [] : ["firestore.googleapis.com"],
  ))
}

resource "google_project_service_identity" "this" {
  provider = google-beta
  for_each = local.agents

  project = var.project_id
  service = each.value

  depends_on = [time_sleep.apis]
}

# An agent's own role on the project takes a while to be known everywhere, as any binding does.
resource "time_sleep" "agents" {
  create_duration = "60s"
  triggers        = { agents = join(",", local.agents) }

  depends_on = [google_project_service_identity.this]
}
