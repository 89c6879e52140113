# What a first apply makes, with nothing given but the project.

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

run "plans_from_nothing_with_only_a_project" {
  command = plan

  variables {
    deletion_protection = true # the default
  }

  assert {
    condition = (
      keys(terraform_data.guard_of_table) == keys(google_bigquery_table.this)
      && keys(terraform_data.guard_of_topic) == keys(google_pubsub_topic.this)
      && length(terraform_data.guard_of_archive) + length(terraform_data.guard_of_windows_and_monitor) == 2
      && alltrue([for stage in module.stage : stage.wiring.is_guarded == (stage.subscription != null)])
    )
    error_message = "All that holds data must have its guard."
  }
  assert {
    condition     = alltrue([for table in google_bigquery_table.this : table.deletion_protection]) && google_firestore_database.windows.delete_protection_state == "DELETE_PROTECTION_ENABLED"
    error_message = "Tables and Firestore must be protected by their services too."
  }
}

run "deploys" {
  command = apply

  # Who runs as whom, and who may call

  assert {
    condition     = length(distinct([for stage in module.stage : stage.runtime_member])) == 4
    error_message = "Each function must run as an account of its own."
  }
  assert {
    condition     = length(distinct(concat([for stage in module.stage : stage.runtime_member], [for stage in module.stage : "serviceAccount:${stage.invoker_email}"]))) == 8
    error_message = "No account may both run a function and call one, or call two."
  }
  assert {
    condition     = alltrue([for stage in module.stage : stage.wiring.invoker_members == ["serviceAccount:${stage.invoker_email}"]])
    error_message = "A function may be called by its own invoker only."
  }
  assert {
    condition     = alltrue([for stage in module.stage : stage.wiring.ingress == "ALLOW_INTERNAL_ONLY"])
    error_message = "No function may be reachable from outside."
  }

  # Delivery

  assert {
    condition = { for name, stage in module.stage : name => try(stage.wiring.subscription.name, null) } == {
      parse      = "dashboard-events-parse"
      features   = "dashboard-events-parsed-features"
      aggregate  = null
      deadletter = "dashboard-events-dead-letter-deadletter"
    }
    error_message = "The push subscriptions must have the contract's names."
  }
  assert {
    condition     = alltrue([for name in ["parse", "features"] : module.stage[name].wiring.subscription.dead_letter_topic == google_pubsub_topic.this["dead_letter"].id])
    error_message = "parse and features must hand what they can't deliver to dashboard-events-dead-letter."
  }
  assert {
    condition     = alltrue([for name in ["parse", "features"] : module.stage[name].wiring.forwarder_members == [google_project_service_identity.this["pubsub.googleapis.com"].member]])
    error_message = "Pub/Sub's agent must be subscriber where there is a dead-letter policy, or it silently forwards nothing."
  }
  assert {
    condition     = google_pubsub_topic_iam_member.forwarder.topic == google_pubsub_topic.this["dead_letter"].id && google_pubsub_topic_iam_member.forwarder.member == google_project_service_identity.this["pubsub.googleapis.com"].member && google_pubsub_topic_iam_member.forwarder.role == "roles/pubsub.publisher"
    error_message = "Pub/Sub's agent must be publisher on the dead-letter topic."
  }
  assert {
    condition     = module.stage["deadletter"].wiring.subscription.dead_letter_topic == null && module.stage["deadletter"].wiring.subscription.retention == "604800s"
    error_message = "deadletter never drops a message: no dead-letter policy, seven days kept."
  }
  assert {
    condition     = alltrue([for stage in module.stage : try(stage.wiring.subscription.ack_deadline >= stage.wiring.timeout, true)])
    error_message = "An ack deadline under the function's timeout would deliver again what is still being done."
  }
  assert {
    condition     = alltrue([for stage in module.stage : try(stage.wiring.subscription.audience == stage.uri && stage.wiring.subscription.push_endpoint == stage.uri && stage.wiring.subscription.invoker == stage.invoker_email, true)])
    error_message = "A push must go to its function's bare URL, which is the audience, as its invoker."
  }
  assert {
    condition     = google_pubsub_subscription.monitor.name == "dashboard-events-monitor" && google_pubsub_subscription.monitor.message_retention_duration == "604800s" && length(google_pubsub_subscription.monitor.push_config) == 0
    error_message = "dashboard-events-monitor must be a pull subscription that keeps seven days."
  }
  assert {
    condition     = google_cloud_scheduler_job.flush[0].schedule == "* * * * *" && google_cloud_scheduler_job.flush[0].http_target[0].http_method == "POST" && google_cloud_scheduler_job.flush[0].http_target[0].oidc_token[0].service_account_email == module.stage["aggregate"].invoker_email
    error_message = "The flush must be called each minute, as aggregate's invoker."
  }
  assert {
    condition     = google_cloud_scheduler_job.flush[0].http_target[0].uri == "${module.stage["aggregate"].uri}?shard=0" && google_cloud_scheduler_job.flush[0].http_target[0].oidc_token[0].audience == module.stage["aggregate"].uri
    error_message = "The flush's job must name its shard, for the function's bare URL as the audience."
  }

  # Settings

  assert {
    condition     = alltrue([for stage in module.stage : stage.wiring.environment.PROJECT_ID == "demo-project" && stage.wiring.environment.LOG_EXECUTION_ID == "false"])
    error_message = "Each function must know its project, and not swap stdout."
  }
  assert {
    condition     = alltrue([for name, stage in module.stage : stage.wiring.environment.PIPELINE_VERSION == "${local.version}+${substr(output.content_hashes[name], 0, 8)}"])
    error_message = "Each function must stamp its rows with the version and its own package's content hash."
  }
  assert {
    condition     = module.stage["features"].wiring.environment.ALLOWED_LATENESS == module.stage["aggregate"].wiring.environment.ALLOWED_LATENESS
    error_message = "features and aggregate must agree on the allowed lateness."
  }
  assert {
    condition     = alltrue([for stage in module.stage : !contains(keys(stage.wiring.environment), "FEATURE_VIEW")])
    error_message = "Without a feature store no function may be told of one."
  }

  # Storage

  assert {
    condition     = alltrue([for table in google_bigquery_table.this : length(table.time_partitioning) == 1 && table.time_partitioning[0].expiration_ms > 0 && length(table.clustering) > 0])
    error_message = "Tables must be partitioned with an expiry, and clustered."
  }
  assert {
    condition = {
      for binding in google_bigquery_table_iam_member.writers : binding.table_id => binding.member
      } == {
      realtime_features            = module.stage["features"].runtime_member
      realtime_features_aggregated = module.stage["aggregate"].runtime_member
      streaming_errors             = module.stage["deadletter"].runtime_member
    }
    error_message = "Each table has one writer, which writes to no other."
  }
  assert {
    condition     = alltrue([for binding in google_project_iam_member.windows : strcontains(binding.condition[0].expression, "databases/${google_firestore_database.windows.name}")])
    error_message = "Access to Firestore must be to the pipeline's database only."
  }
  assert {
    condition     = toset([for field in google_firestore_field.unindexed : field.collection if field.field == "*"]) == toset(["window_log", "window_state", "flush"])
    error_message = "No collection of the window log may have indexes."
  }
  assert {
    condition     = toset([for field in google_firestore_field.expiry : "${field.collection}.${field.field}"]) == toset(["window_log.expire_at", "window_state.expire_at"])
    error_message = "Settled windows must expire."
  }
  assert {
    condition     = [for entry in google_bigquery_dataset.this.access : "${entry.role} ${entry.special_group}"] == ["OWNER projectOwners"]
    error_message = "By BigQuery's default each Viewer of the project reads whole payloads, and each Editor writes."
  }

  # Watching

  assert {
    condition     = alltrue([for policy in google_monitoring_alert_policy.this : length(policy.documentation[0].content) > 0])
    error_message = "An alert must say what to do."
  }
  assert {
    condition     = length(google_vertex_ai_feature_online_store.this) == 0 && output.feature_view == null
    error_message = "The online store costs 690 dollars a month: only on demand."
  }
}
