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
  # The service agents that this module grants something. They exist only once asked for.
  agents = toset(concat(
    ["pubsub.googleapis.com"],
    var.enable_feature_store ? ["aiplatform.googleapis.com"] : [],
    var.kms_key == null ? [] : [
      "artifactregistry.googleapis.com",
      "cloudfunctions.googleapis.com",
      "firestore.googleapis.com",
      "run.googleapis.com",
    ],
  ))
}

resource "google_project_service_identity" "this" {
  provider = google-beta
  for_each = local.agents

  project = var.project_id
  service = each.value

  depends_on = [time_sleep.apis]
}
