# With var.kms_key set, each service that stores something under it must be allowed to use it. The online store is not:
# the provider's resource has no argument for a key (6.50).

data "google_storage_project_service_account" "this" {
  count = var.kms_key == null ? 0 : 1
}

data "google_bigquery_default_service_account" "this" {
  count = var.kms_key == null ? 0 : 1
}

resource "google_kms_crypto_key_iam_member" "agents" {
  for_each = var.kms_key == null ? toset([]) : setintersection(local.agents, [
    "artifactregistry.googleapis.com",
    "cloudfunctions.googleapis.com",
    "firestore.googleapis.com",
    "pubsub.googleapis.com",
    "run.googleapis.com",
  ])

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = google_project_service_identity.this[each.key].member

  depends_on = [time_sleep.agents] # a new account takes a while to be known to IAM
}

resource "google_kms_crypto_key_iam_member" "storage" {
  count = var.kms_key == null ? 0 : 1

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = data.google_storage_project_service_account.this[0].member
}

resource "google_kms_crypto_key_iam_member" "bigquery" {
  count = var.kms_key == null ? 0 : 1

  crypto_key_id = var.kms_key
  role          = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
  member        = data.google_bigquery_default_service_account.this[0].member
}

# A binding takes a minute or two to be known everywhere; what is made with the key before that fails the apply.
resource "time_sleep" "kms" {
  count = var.kms_key == null ? 0 : 1

  create_duration = "90s"
  triggers        = { key = var.kms_key, agents = join(",", keys(google_kms_crypto_key_iam_member.agents)) }

  depends_on = [
    google_kms_crypto_key_iam_member.agents,
    google_kms_crypto_key_iam_member.storage,
    google_kms_crypto_key_iam_member.bigquery,
  ]
}
