# What turns a zip into an image: an account of its own, as the default ones may do far more, or, in
# projects since mid-2024, nothing.

resource "google_artifact_registry_repository" "images" {
  # checkov:skip=CKV_GCP_84:encrypted with var.kms_key where one is given; Google's key otherwise
  repository_id = "${var.name_prefix}-functions"
  location      = var.region
  format        = "DOCKER"
  description   = "Images of the pipeline's functions, made by Cloud Build from the source bucket"
  kms_key_name  = var.kms_key

  cleanup_policies {
    id     = "keep-the-last-releases"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "${var.source_retention_days * 86400}s"
    }
  }

  depends_on = [time_sleep.apis, time_sleep.kms]
}

resource "google_service_account" "builder" {
  account_id   = "${var.name_prefix}-builder"
  display_name = "Builds the pipeline's functions"

  depends_on = [time_sleep.apis]
}

resource "google_artifact_registry_repository_iam_member" "builder" {
  repository = google_artifact_registry_repository.images.id
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.builder.member
}

resource "google_storage_bucket_iam_member" "builder" {
  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.builder.member
}

# Cloud Functions copies the zip to a bucket that it makes at the first deployment; so the right to read
# it can't be given on the bucket beforehand, but at the project with a condition on its name.
resource "google_project_iam_member" "builder_reads_copies" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = google_service_account.builder.member

  condition {
    title      = "only-the-copies-of-cloud-functions"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${data.google_project.this.number}-${var.region}\")"
  }
}

# Log entries belong to the project: there is nothing narrower to grant this on.
resource "google_project_iam_member" "builder_logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = google_service_account.builder.member
}

# IAM takes up to a minute or two to be known everywhere; a build that starts before fails the apply.
resource "time_sleep" "builder_iam" {
  create_duration = "90s"
  triggers        = { builder = google_service_account.builder.email }

  depends_on = [
    google_artifact_registry_repository_iam_member.builder,
    google_storage_bucket_iam_member.builder,
    google_project_iam_member.builder_reads_copies,
    google_project_iam_member.builder_logs,
  ]
}
