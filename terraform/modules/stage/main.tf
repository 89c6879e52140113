# One stage: a function, the account that it runs as, the account that may call it, and, for a stage that
# is fed by a topic, the subscription with what Pub/Sub itself must be allowed. pull.tf has the stage's other driver.

locals {
  full_name = "${var.name_prefix}-${var.name}"
  # Pushed to: short-lived, and it waits for what it owes, as the answer may take the function's whole timeout.
  # Pulling: the lease that the stages ask for themselves (shared/gcp/streaming_pull.py).
  ack_deadline = var.pull == null ? var.size.timeout + 10 : 75

  # Stamps rows. Of the package, not in it: the content hash can't hash itself. Eight digits tell releases apart.
  pipeline_version = "${var.package.version}+${substr(var.package.hash, 0, 8)}"
}

resource "google_service_account" "runtime" {
  account_id   = local.full_name
  display_name = "Runs ${local.full_name}"
}

resource "google_service_account" "invoker" {
  account_id   = "${local.full_name}-invoker"
  display_name = "May call ${local.full_name}, and nothing else"
}

resource "google_cloudfunctions2_function" "this" {
  name         = local.full_name
  location     = var.region
  description  = var.description
  kms_key_name = var.kms_key

  labels = {
    stage        = var.name
    content-hash = var.package.hash # tells which code runs
  }

  build_config {
    runtime           = "python313"
    entry_point       = var.name
    service_account   = var.build.service_account
    docker_repository = var.build.repository

    source {
      storage_source {
        bucket = var.package.bucket
        object = var.package.object
      }
    }

    # By default Cloud Run lays the newest base image under a function's own; a worker pool runs only what is whole.
    dynamic "on_deploy_update_policy" {
      for_each = var.whole_image ? ["on"] : []
      content {}
    }
  }

  service_config {
    service_account_email            = google_service_account.runtime.email
    available_cpu                    = var.size.cpu
    available_memory                 = var.size.memory
    max_instance_request_concurrency = var.size.concurrency
    min_instance_count               = var.size.min_instances
    max_instance_count               = var.size.max_instances
    timeout_seconds                  = var.size.timeout
    # Push and schedule of this project count as internal; nobody else gets as far as the IAM check.
    ingress_settings               = "ALLOW_INTERNAL_ONLY"
    all_traffic_on_latest_revision = !var.is_canary
    vpc_connector                  = var.vpc_connector
    vpc_connector_egress_settings  = var.vpc_connector == null ? null : "PRIVATE_RANGES_ONLY"

    environment_variables = merge(var.environment, {
      # Set, because Cloud Functions may set it to true: it swaps stdout around awaits.
      LOG_EXECUTION_ID = "false"
      PIPELINE_VERSION = local.pipeline_version
    })
  }
}

# A function of the second generation is a Cloud Run service of the same name; this guards it.
resource "google_cloud_run_v2_service_iam_member" "invoker" {
  name     = google_cloudfunctions2_function.this.name
  location = var.region
  role     = "roles/run.invoker"
  member   = google_service_account.invoker.member
}

resource "google_pubsub_subscription" "this" {
  for_each = toset(var.subscription[*].name)

  name                       = each.value
  topic                      = var.subscription.topic
  ack_deadline_seconds       = local.ack_deadline
  message_retention_duration = "604800s" # the most without further cost: seven days to fix what is broken

  # With or without: an update in place, and the backlog stays.
  dynamic "push_config" {
    for_each = var.pull == null ? ["on"] : []
    content {
      push_endpoint = google_cloudfunctions2_function.this.service_config[0].uri

      oidc_token {
        service_account_email = google_service_account.invoker.email
        audience              = google_cloudfunctions2_function.this.service_config[0].uri # the bare URL
      }
    }
  }

  retry_policy {
    minimum_backoff = var.subscription.minimum_backoff
    maximum_backoff = var.subscription.maximum_backoff
  }

  dynamic "dead_letter_policy" {
    for_each = var.subscription.dead_letters[*]
    content {
      dead_letter_topic     = dead_letter_policy.value.topic
      max_delivery_attempts = dead_letter_policy.value.max_attempts
    }
  }

  expiration_policy {
    ttl = "" # never, however quiet the topic
  }

  # From the first delivery on the token is accepted. And while a worker pool can't be made, the stage is pushed to.
  depends_on = [
    google_cloud_run_v2_service_iam_member.invoker,
    google_service_account_iam_member.pubsub_signs,
    google_cloud_run_v2_worker_pool.this,
  ]
}

# The root module's guard.tf says how it holds.
resource "terraform_data" "guard_of_subscription" {
  for_each = toset([for subscription in var.subscription[*] : subscription.name if var.is_guarded])

  lifecycle {
    prevent_destroy      = true
    replace_triggered_by = [google_pubsub_subscription.this[each.key].id]
  }
}

# Pub/Sub signs the token of a push as the invoker. Its agent may do so by default in projects since
# April 2021; older ones need this. It stays while the stage pulls: the way back to push is then one update.
resource "google_service_account_iam_member" "pubsub_signs" {
  for_each = toset(var.subscription[*].name)

  service_account_id = google_service_account.invoker.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = var.pubsub_agent
}

# Forwarding a dead letter takes the message off this subscription; without this it silently never happens.
resource "google_pubsub_subscription_iam_member" "forwarder" {
  for_each = toset([for s in var.subscription[*] : s.name if s.dead_letters != null])

  subscription = google_pubsub_subscription.this[each.value].id
  role         = "roles/pubsub.subscriber"
  member       = var.pubsub_agent
}
