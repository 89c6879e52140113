variable "project_id" {
  description = "The project to deploy into. It must exist and have billing; docs/deployment.md has the two commands before the first apply."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be a project's id (6 to 30 lower-case letters, digits and dashes), not its name or number."
  }
}

variable "region" {
  description = "Where everything runs and every byte is stored. London: the events are about English care homes."
  type        = string
  default     = "europe-west2"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a single region such as europe-west2: functions and topics know no multi-regions."
  }
}

variable "name_prefix" {
  description = "Starts the names of accounts, functions and policies, so that they stand apart from others in the project. Topics and subscriptions have the fixed names of docs/contract.md#the-flow: a project holds one deployment."
  type        = string
  default     = "cqc"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,9}$", var.name_prefix))
    error_message = "name_prefix must be 2 to 10 lower-case letters, digits and dashes: account names may have 30 characters in all."
  }
}

variable "labels" {
  description = "On every resource that takes labels."
  type        = map(string)
  default     = { application = "cqc-feature-pipeline" }
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether tables and the Firestore database refuse to be destroyed. Turn off, apply, then destroy."
  type        = bool
  default     = true
  nullable    = false
}

# Storage

variable "dataset_id" {
  description = "The BigQuery dataset; cqc_dataset by docs/contract.md#the-flow."
  type        = string
  default     = "cqc_dataset"
  nullable    = false
}

variable "partition_expiration_days" {
  description = "After how many days a table's partitions are deleted; 0 keeps them for ever."
  type = object({
    realtime_features            = optional(number, 730) # two inspection cycles to train on
    realtime_features_aggregated = optional(number, 730)
    streaming_errors             = optional(number, 90)  # holds whole payloads, which can name people
    replays                      = optional(number, 730) # longer than streaming_errors: says what was redriven
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for days in var.partition_expiration_days : days == 0 || days >= 31])
    error_message = "partition_expiration_days must be 0 or at least 31: the views look back 30 days."
  }
}

variable "firestore_database" {
  description = "The Firestore database of the window log. A named one: (default) may already be in use, and can't be made twice."
  type        = string
  default     = "cqc-windows"
  nullable    = false

  validation {
    condition     = var.firestore_database == "(default)" || can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.firestore_database))
    error_message = "firestore_database must be (default), or 4 to 63 lower-case letters, digits and dashes."
  }
}

variable "source_retention_days" {
  description = "How long the zip of a replaced release is kept, for a roll-back by hand."
  type        = number
  default     = 30
  nullable    = false
}

# Feature store

variable "enable_feature_store" {
  description = "Create the Vertex AI online store. Off by default: its one Bigtable node costs about 690 dollars a month."
  type        = bool
  default     = false
  nullable    = false
}

variable "feature_store" {
  description = "Nodes of the online store, when the healing sync runs, and how far back it reads."
  type = object({
    min_nodes     = optional(number, 1)
    max_nodes     = optional(number, 3)
    cpu_target    = optional(number, 60)
    sync_cron     = optional(string, "30 */6 * * *") # UTC
    lookback_days = optional(number, 30)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.feature_store.min_nodes >= 1 && var.feature_store.max_nodes >= var.feature_store.min_nodes
    error_message = "feature_store: min_nodes must be at least 1 and max_nodes at least min_nodes."
  }
  validation {
    condition     = var.feature_store.cpu_target >= 10 && var.feature_store.cpu_target <= 80
    error_message = "feature_store.cpu_target must be between 10 and 80 percent."
  }
}

# Encryption, network, audit

variable "kms_key" {
  description = "Encrypt everything with this key (projects/P/locations/REGION/keyRings/R/cryptoKeys/K, in var.region). Null: Google's keys. Firestore can't change it later."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key == null || can(regex("^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$", var.kms_key))
    error_message = "kms_key must be a key's full name, projects/P/locations/L/keyRings/R/cryptoKeys/K, without a version."
  }
  validation {
    condition     = var.kms_key == null || strcontains(coalesce(var.kms_key, "-"), "/locations/${var.region}/")
    error_message = "kms_key must be in var.region: Pub/Sub, Firestore and BigQuery refuse a key of another place."
  }
}

variable "vpc_connector" {
  description = "Full name of a Serverless VPC Access connector for the functions' private traffic. Null: none. Direct VPC egress is not offered: the provider's functions resource has no argument for it (6.50)."
  type        = string
  default     = null

  validation {
    condition     = var.vpc_connector == null || can(regex("^projects/[^/]+/locations/[^/]+/connectors/[^/]+$", var.vpc_connector))
    error_message = "vpc_connector must be a full name, projects/P/locations/L/connectors/C."
  }
}

variable "enable_data_access_logs" {
  description = "Log who read and wrote data in Firestore, BigQuery and Pub/Sub. Off by default: at high rates these logs cost more than the pipeline. Replaces the project's own setting for these services."
  type        = bool
  default     = false
  nullable    = false
}

# Watching

variable "notification_channels" {
  description = "Full names of monitoring channels (projects/P/notificationChannels/N) that the alerts go to. Empty: incidents are opened, and nobody is told."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for channel in var.notification_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))])
    error_message = "notification_channels must be full names, projects/P/notificationChannels/N: gcloud beta monitoring channels list."
  }
}

variable "alerts" {
  description = "From where on somebody is called."
  type = object({
    dead_letters_per_minute  = optional(number, 5)    # a broken producer shows within minutes; single bad events do not
    oldest_unacked_seconds   = optional(number, 300)  # ten times a cold start, a twelfth of the allowed lateness
    flush_silent_seconds     = optional(number, 600)  # ten ticks: no panes for two windows
    error_ratio              = optional(number, 0.05) # of a function's requests answered 5xx over five minutes
    push_latency_p99_seconds = optional(number, 10)   # the publish's own limit: beyond it requests are given up
    flush_lag_seconds        = optional(number, 300)  # one window
    freshness_seconds        = optional(number, 60)
    freshness_goal           = optional(number, 0.99)
    dead_letter_age_seconds  = optional(number, 3600) # seven days are kept: an hour leaves time to mend
  })
  default  = {}
  nullable = false
}
