locals {
  # The stages that pull; all others are pushed to, and aggregate is called by Cloud Scheduler.
  pulling = toset([for name, driver in var.drivers : name if driver == "pull"])

  sources = {
    parse = {
      description = "Producers' events in; identified, validated events out"
      topic       = "events"
    }
    features = {
      description = "Events in; feature rows, online features and the window log out"
      topic       = "parsed"
    }
    aggregate = {
      description = "Every minute: the window log in, panes out"
      topic       = null # called by Cloud Scheduler
    }
    deadletter = {
      description = "Dead letters in, rows of streaming_errors out"
      topic       = "dead_letter"
    }
  }

  # aggregate has no batches of messages.
  batch_settings = {
    for name in ["parse", "features", "deadletter"] : name => {
      # Two batches are in flight at a time: half of the instance's requests each.
      BATCH_MAX_EVENTS = coalesce(var.batching.max_events, max(1, floor(var.functions[name].concurrency / 2)))
      BATCH_LINGER_MS  = var.batching.linger_ms
      MAX_WAITING      = var.batching.max_waiting
    }
  }

  # No number of requests bounds a pulled batch.
  pull_settings = {
    for name, pool in var.worker_pools : name => {
      BATCH_MAX_EVENTS = pool.max_events
      BATCH_LINGER_MS  = pool.linger_ms
    }
  }

  # aggregate is called without a body.
  budget_settings = {
    for name in ["parse", "features", "deadletter"] : name => { MAX_BYTES_IN_FLIGHT = var.functions[name].bytes_in_flight }
  }

  dead_letter_setting = { DEAD_LETTER_TOPIC = local.topics.dead_letter.name }

  window_settings = merge(local.dead_letter_setting, {
    DATASET            = google_bigquery_dataset.this.dataset_id
    FIRESTORE_DATABASE = google_firestore_database.windows.name
    ALLOWED_LATENESS   = var.allowed_lateness_seconds
    }, var.enable_feature_store ? {
    FEATURE_VIEW = local.feature_view
  } : {})

  settings = {
    parse = merge(local.batch_settings.parse, local.budget_settings.parse, local.dead_letter_setting, {
      PARSED_TOPIC    = local.topics.parsed.name
      MAX_EVENT_BYTES = var.max_event_bytes
      MAX_FUTURE      = var.max_future_seconds
      }, var.partition_expiration_days.realtime_features == 0 ? {} : {
      # An older row's partition is deleted as soon as it is written.
      MAX_AGE = var.partition_expiration_days.realtime_features * 86400
    })
    features = merge(local.batch_settings.features, local.budget_settings.features, local.window_settings, {
      FEATURE_TIMEZONE = var.feature_timezone
    })
    aggregate = merge(local.window_settings, {
      FLUSH_SHARDS = var.flush_shards
    })
    deadletter = merge(local.batch_settings.deadletter, local.budget_settings.deadletter, {
      DATASET = google_bigquery_dataset.this.dataset_id
    })
  }
}

module "stage" {
  source   = "./modules/stage"
  for_each = local.sources

  name          = each.key
  name_prefix   = var.name_prefix
  description   = each.value.description
  region        = var.region
  size          = var.functions[each.key]
  kms_key       = var.kms_key
  vpc_connector = var.vpc_connector
  is_canary     = contains(var.canary, each.key)
  pubsub_agent  = google_project_service_identity.this["pubsub.googleapis.com"].member
  is_guarded    = var.deletion_protection

  package = {
    bucket  = google_storage_bucket.source.name
    object  = google_storage_bucket_object.package[each.key].name
    hash    = substr(local.content_hash[each.key], 0, 16)
    version = local.version
  }

  build = {
    service_account = google_service_account.builder.id
    repository      = google_artifact_registry_repository.images.id
  }

  environment = merge(
    { PROJECT_ID = var.project_id, LOG_LEVEL = var.log_level },
    local.settings[each.key],
    contains(local.traced, each.key) ? local.trace_settings : {},
    var.functions[each.key].environment,
  )

  # Of either driver, so that a switch needs no build.
  whole_image = contains(keys(var.drivers), each.key) && try(var.worker_pools[each.key].image, null) == null

  pull = contains(local.pulling, each.key) ? {
    instances   = var.worker_pools[each.key].instances
    environment = merge(local.pull_settings[each.key], var.functions[each.key].environment)
    image       = var.worker_pools[each.key].image
    subnetwork  = var.worker_pool_subnetwork
  } : null

  subscription = each.value.topic == null ? null : {
    name            = "${local.topics[each.value.topic].name}-${each.key}"
    topic           = google_pubsub_topic.this[each.value.topic].id
    minimum_backoff = var.delivery.minimum_backoff
    maximum_backoff = var.delivery.maximum_backoff
    # What deadletter can't write stays where it is: it has no dead letters of its own.
    dead_letters = each.value.topic == "dead_letter" ? null : {
      topic        = google_pubsub_topic.this["dead_letter"].id
      max_attempts = var.delivery.max_attempts
    }
  }

  # A release may bring a column, and the code that writes it: the column first.
  depends_on = [
    time_sleep.builder_iam,
    time_sleep.agents,
    time_sleep.schemas,
    time_sleep.kms,
    google_firestore_field.unindexed,
  ]
}

# The flush

# One job a shard: each flushes its share of the locations.
resource "google_cloud_scheduler_job" "flush" {
  count = var.flush_shards

  name        = var.flush_shards == 1 ? "${var.name_prefix}-flush" : "${var.name_prefix}-flush-${count.index}"
  region      = var.region
  description = "Emits the panes that are due, shard ${count.index} of ${var.flush_shards}"
  schedule    = "* * * * *" # every minute, by docs/contract.md#windows
  time_zone   = "Etc/UTC"

  # As long as the function may take: an attempt given up early would be counted as failed while it works.
  attempt_deadline = "${max(var.functions.aggregate.timeout, 15)}s"

  retry_config {
    retry_count = 0 # the next minute is the retry
  }

  http_target {
    http_method = "POST"
    uri         = "${module.stage["aggregate"].uri}?shard=${count.index}"

    oidc_token {
      service_account_email = module.stage["aggregate"].invoker_email
      audience              = module.stage["aggregate"].uri
    }
  }
}
