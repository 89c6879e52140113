# A wrong value is refused while planning, not by an API half-way through. Here the variables stand alone (tests/variables
# links to their files): with the whole module each run would load all providers, for ten seconds.

variables {
  project_id = "demo-project"
}

run "project_number" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    project_id = "123456789012"
  }
  expect_failures = [var.project_id]
}

run "multi_region" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    region = "EU"
  }
  expect_failures = [var.region]
}

run "fraction_of_a_cpu_with_concurrency" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    functions = { parse = { cpu = "0.5" } }
  }
  expect_failures = [var.functions]
}

run "timeout_over_the_ack_deadline" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    functions = { aggregate = { timeout = 600 } }
  }
  expect_failures = [var.functions]
}

run "attempts_that_end_before_anybody_can_fix_it" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    delivery = { maximum_backoff = "60s" }
  }
  expect_failures = [var.delivery]
}

run "more_attempts_than_pubsub_knows" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    delivery = { max_attempts = 101 }
  }
  expect_failures = [var.delivery]
}

run "partitions_gone_before_the_views_look" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    partition_expiration_days = { realtime_features = 7 }
  }
  expect_failures = [var.partition_expiration_days]
}

run "key_of_another_region" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    kms_key = "projects/keys/locations/us-central1/keyRings/pipeline/cryptoKeys/data"
  }
  expect_failures = [var.kms_key]
}

run "half_a_shard" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    flush_shards = 1.5
  }
  expect_failures = [var.flush_shards]
}

run "silent_flush_summaries" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    log_level = "WARNING"
  }
  expect_failures = [var.log_level]
}

run "a_budget_that_one_push_does_not_fit" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    functions       = { parse = { bytes_in_flight = 10485760, concurrency = 10 } }
    max_event_bytes = 1000
  }
  expect_failures = [var.functions]
}

run "more_concurrency_than_the_budget_admits" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    functions = { parse = { concurrency = 200 } }
  }
  expect_failures = [var.functions]
}

run "a_budget_that_the_memory_does_not_hold" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    functions = { deadletter = { bytes_in_flight = 134217728 } }
  }
  expect_failures = [var.functions]
}

run "a_producer_that_is_everybody" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    producers = ["allAuthenticatedUsers"]
  }
  expect_failures = [var.producers]
}

run "an_archive_deleted_before_it_turns_cold" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    archive = { delete_after_days = 90 }
  }
  expect_failures = [var.archive]
}

run "a_budget_of_no_account" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    budget = { billing_account = "my account", monthly_amount = 100 }
  }
  expect_failures = [var.budget]
}

run "a_share_in_percent" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    request_log_sample = 10
  }
  expect_failures = [var.request_log_sample]
}

run "an_unknown_driver" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    drivers = { parse = "poll" }
  }
  expect_failures = [var.drivers]
}

run "a_stage_that_has_no_driver" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    drivers = { aggregate = "pull" }
  }
  expect_failures = [var.drivers]
}

run "a_connector_that_a_worker_pool_can_not_use" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    drivers       = { parse = "pull" }
    vpc_connector = "projects/demo-project/locations/europe-west2/connectors/private"
  }
  expect_failures = [var.drivers]
}

run "a_worker_pool_of_less_than_an_instance_may_have" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    drivers   = { deadletter = "pull" }
    functions = { deadletter = { memory = "256Mi", bytes_in_flight = 16777216 } }
  }
  expect_failures = [var.drivers]
}

run "a_worker_pool_of_nothing" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    worker_pools = { parse = { instances = 0 } }
  }
  expect_failures = [var.worker_pools]
}

run "batches_that_are_more_than_may_wait" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    drivers      = { parse = "pull" }
    worker_pools = { parse = { max_events = 501 } }
  }
  expect_failures = [var.worker_pools]
}

run "a_canary_without_traffic" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    drivers = { parse = "pull" }
    canary  = ["parse"]
  }
  expect_failures = [var.canary]
}

run "four_flushes_on_one_vcpu" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    flush_shards = 4
    functions    = { aggregate = { max_instances = 8 } }
  }
  expect_failures = [var.flush_shards]
}

run "four_flushes_for_two_instances" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    flush_shards = 4
    functions    = { aggregate = { concurrency = 1 } }
  }
  expect_failures = [var.flush_shards]
}

run "silence_of_no_duration" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    alerts = { flush_silent_seconds = 300 }
  }
  expect_failures = [var.alerts]
}

run "silence_of_half_a_minute_more" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    alerts = { heartbeat_silent_seconds = 390 }
  }
  expect_failures = [var.alerts]
}

run "a_budget_that_mails_six" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", monthly_amount = 100, email_channels = [for n in range(6) : "projects/demo-project/notificationChannels/${n}"] }
  }
  expect_failures = [var.budget]
}

run "a_goal_that_no_burn_alert_watches" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    alerts = { freshness_goal = 0.95 }
  }
  expect_failures = [var.alerts]
}

run "a_goal_that_one_poison_message_misses" {
  command = plan
  module {
    source = "./tests/variables"
  }
  variables {
    alerts = { freshness_goal = 0.995 }
  }
  expect_failures = [var.alerts]
}
