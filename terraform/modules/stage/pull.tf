# A stage that pulls: a worker pool runs the function's own image as a program (docs/decisions/0012).

locals {
  # One element, or none.
  pools                    = toset(var.pull == null ? [] : ["on"])
  runs_the_functions_image = toset([for pool in var.pull[*] : "on" if pool.image == null])

  # The launcher of the image's buildpacks brings Python and the requirements into the environment; after -- it
  # becomes the program, without a shell between it and SIGTERM.
  launch = {
    command = ["/cnb/lifecycle/launcher"]
    args    = ["--", "python3", "-m", "functions.pulling", var.name]
  }
}

# Names the image that Cloud Build made. Read after each deployment of the function, not before.
data "google_cloud_run_v2_service" "function" {
  for_each = local.runs_the_functions_image

  name     = google_cloudfunctions2_function.this.name
  location = var.region

  depends_on = [google_cloudfunctions2_function.this]
}

resource "google_cloud_run_v2_worker_pool" "this" {
  for_each = local.pools

  name                = "${local.full_name}-pull"
  location            = var.region
  description         = "${var.description}. Pulls"
  deletion_protection = false # holds nothing: what it has not settled is in the subscription

  labels = google_cloudfunctions2_function.this.labels

  scaling {
    scaling_mode          = "MANUAL"
    manual_instance_count = var.pull.instances
  }

  template {
    service_account = google_service_account.runtime.email
    encryption_key  = var.kms_key

    containers {
      image = coalesce(var.pull.image, one([for service in data.google_cloud_run_v2_service.function : service.template[0].containers[0].image]))
      # An image of your own brings its own entry point.
      command = var.pull.image == null ? local.launch.command : null
      args    = var.pull.image == null ? local.launch.args : null

      resources {
        limits = { cpu = var.size.cpu, memory = var.size.memory }
      }

      dynamic "env" {
        # PIPELINE_VERSION differs with each release: so does the revision, whatever the image's tag is.
        for_each = merge(var.environment, var.pull.environment, {
          PIPELINE_VERSION = local.pipeline_version
          SUBSCRIPTION     = var.subscription.name
        })
        content {
          name  = env.key
          value = env.value
        }
      }
    }

    # Worker pools know no connectors (provider 6.50).
    dynamic "vpc_access" {
      for_each = var.pull.subnetwork[*]
      content {
        egress = "PRIVATE_RANGES_ONLY"
        network_interfaces {
          subnetwork = vpc_access.value
        }
      }
    }
  }
}

# Until this is known everywhere, a stream is refused and tried again.
resource "google_pubsub_subscription_iam_member" "puller" {
  for_each = toset([for s in var.subscription[*] : s.name if var.pull != null])

  subscription = google_pubsub_subscription.this[each.value].id
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.runtime.member
}
