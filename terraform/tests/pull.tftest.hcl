# Stages that pull.

mock_provider "google" {
  source = "./tests/mocks"
}

mock_provider "google" {
  alias  = "billing"
  source = "./tests/mocks"
}

mock_provider "google-beta" {
  source = "./tests/mocks"
}

mock_provider "time" {}

variables {
  project_id = "demo-project"
  # terraform test destroys what it has made, which the guards refuse; tests/terraform/test_guard.py tries them.
  deletion_protection = false
}

run "features_pulls" {
  command = apply

  variables {
    drivers = { parse = "push", features = "pull" }
  }

  assert {
    condition     = output.worker_pools == { features = "cqc-features-pull" }
    error_message = "Only the stage that pulls may have a worker pool: it costs money at rest."
  }
  assert {
    condition     = { for name, stage in module.stage : name => try(stage.wiring.subscription.push_endpoint != null, null) } == { parse = true, features = false, aggregate = null, deadletter = true }
    error_message = "A stage is pushed to or pulls, never both."
  }
  assert {
    condition     = { for name, stage in module.stage : name => stage.wiring.puller_members } == { parse = [], features = [module.stage["features"].runtime_member], aggregate = [], deadletter = [] }
    error_message = "Only a stage that pulls may read its subscription."
  }
  assert {
    condition     = module.stage["features"].wiring.pool.image == "europe-west2-docker.pkg.dev/demo-project/cqc-functions/function@sha256:0123" && module.stage["features"].wiring.image_is_whole
    error_message = "The pool must run the function's image, and that must have its base image."
  }
  assert {
    condition     = { for name, stage in module.stage : name => stage.wiring.image_is_whole } == { parse = true, features = true, aggregate = false, deadletter = false }
    error_message = "A stage that drivers does not name keeps its automatic updates."
  }
  assert {
    condition     = module.stage["features"].wiring.pool.instances == 1 && module.stage["features"].wiring.pool.limits == tomap({ cpu = "1", memory = "512Mi" })
    error_message = "One instance by default, of the function's size."
  }
}

run "all_pull" {
  command = apply

  variables {
    drivers                = { parse = "pull", features = "pull", deadletter = "pull" }
    kms_key                = "projects/keys/locations/europe-west2/keyRings/pipeline/cryptoKeys/data"
    vpc_connector          = "projects/demo-project/locations/europe-west2/connectors/private"
    worker_pool_subnetwork = "projects/demo-project/regions/europe-west2/subnetworks/private"
    worker_pools = {
      features   = { instances = 3 }
      deadletter = { image = "europe-west2-docker.pkg.dev/demo-project/ours/deadletter:1" }
    }
  }

  assert {
    condition     = { for name, stage in module.stage : name => try(stage.wiring.pool.instances, null) } == { parse = 1, features = 3, aggregate = null, deadletter = 1 }
    error_message = "A pool has as many instances as it is given."
  }
  assert {
    condition     = module.stage["deadletter"].wiring.pool.image == "europe-west2-docker.pkg.dev/demo-project/ours/deadletter:1" && module.stage["deadletter"].wiring.pool.command == null && !module.stage["deadletter"].wiring.image_is_whole
    error_message = "An image of one's own is run by its own entry point, and the function's is left alone."
  }
  assert {
    condition     = alltrue([for name in ["parse", "features", "deadletter"] : module.stage[name].wiring.pool.subnetwork == var.worker_pool_subnetwork && module.stage[name].wiring.pool.kms_key == var.kms_key])
    error_message = "A pool must use the key, and have its way to private addresses."
  }
  assert {
    condition     = alltrue([for name in ["parse", "features", "deadletter"] : contains(keys(google_monitoring_alert_policy.this), "nobody-pulls-${name}")])
    error_message = "Somebody must be told when a stage that pulls does not."
  }
  assert {
    condition     = !contains(keys(google_monitoring_alert_policy.this), "push-latency")
    error_message = "Nothing is pushed: there is no latency of pushes to watch."
  }
}
