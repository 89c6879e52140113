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
  description = "Where everything runs and all events, rows and files are stored; logs are where the project's log buckets are (docs/security.md). London: the events are about English care homes."
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
  description = "Refuse any plan that would destroy or replace what holds data: tables, topics, subscriptions, Firestore, the archive. docs/deployment.md, Destroying, says how it is taken away."
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

variable "archive" {
  description = "The raw stream as Avro files in a bucket of its own, for backfills. After how many days a file moves to a colder class (0: never), and after how many it is deleted (0: never). Raw events can name people: the default keeps them as long as the rows."
  type = object({
    enabled           = optional(bool, true)
    delete_after_days = optional(number, 730)
    colder_after_days = optional(object({
      NEARLINE = optional(number, 30)
      COLDLINE = optional(number, 90)
      ARCHIVE  = optional(number, 365)
    }), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.archive.delete_after_days >= 0 && alltrue([for days in var.archive.colder_after_days : days >= 0])
    error_message = "archive: days must be 0 (never) or more."
  }
  validation {
    condition     = var.archive.delete_after_days == 0 || alltrue([for days in var.archive.colder_after_days : days < var.archive.delete_after_days])
    error_message = "archive: files are deleted before they would move to a colder class: set delete_after_days higher, or the class's days to 0."
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
    lookback_days = optional(number, 7)              # as long as anything else may be broken; `cqc heal-online` writes what is older
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
  description = "Encrypt everything with this key (projects/P/locations/REGION/keyRings/R/cryptoKeys/K, in var.region). Null: Google's keys. Set it before the first apply: Firestore and the tables can't get it, or lose it, later."
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

# People and producers

variable "producers" {
  description = "Who may publish to dashboard-events, as IAM principals such as serviceAccount:dashboard@P.iam.gserviceaccount.com."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for who in var.producers : can(regex("^(user|group|serviceAccount|domain|principal|principalSet):.+$", who))])
    error_message = "producers must be IAM principals: user:, group:, serviceAccount:, domain:, principal: or principalSet: and a name. allUsers is refused."
  }
}

variable "readers" {
  description = "Who may read features and windows, their views and realtime_features_between, and run queries in this project. Not streaming_errors, which holds whole payloads."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for who in var.readers : can(regex("^(user|group|serviceAccount|domain|principal|principalSet):.+$", who))])
    error_message = "readers must be IAM principals: user:, group:, serviceAccount:, domain:, principal: or principalSet: and a name. allUsers is refused."
  }
}

# Watching

variable "request_log_sample" {
  description = "Share of Cloud Run's own log entries of answered requests that is kept; those of 400 and above all are. 1 keeps all, at two entries an event."
  type        = number
  default     = 0.001 # at 1,000 events/s two entries a second: enough to see who calls
  nullable    = false

  validation {
    condition     = var.request_log_sample >= 0 && var.request_log_sample <= 1
    error_message = "request_log_sample must be between 0 and 1."
  }
}

variable "trace_sample" {
  description = "Share of events whose way through the functions goes to Cloud Trace. 0: none, and no cost. 0.01 is enough to see where time goes; a span costs CPU, and Cloud Trace bills by the span."
  type        = number
  default     = 0
  nullable    = false

  validation {
    condition     = var.trace_sample >= 0 && var.trace_sample <= 1
    error_message = "trace_sample must be between 0 and 1."
  }
}

variable "budget" {
  description = "A budget of this project's costs that mails when they are reached or forecast: the billing account's administrators, and email_channels. Null: none. The person who applies needs billing.costsManager on the billing account."
  type = object({
    billing_account = string # 012345-6789AB-CDEF01
    monthly_amount  = number # whole units of the account's currency
    currency        = optional(string)
    email_channels  = optional(list(string), []) # full names, as in notification_channels; a budget takes no other type
  })
  default = null

  validation {
    condition     = var.budget == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account))
    error_message = "budget.billing_account must be an account's id such as 012345-6789AB-CDEF01: gcloud billing accounts list."
  }
  validation {
    condition     = var.budget == null || try(var.budget.monthly_amount > 0 && floor(var.budget.monthly_amount) == var.budget.monthly_amount, false)
    error_message = "budget.monthly_amount must be a whole number above 0."
  }
  validation {
    condition = var.budget == null || try(length(var.budget.email_channels) <= 5 && alltrue([
      for channel in var.budget.email_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))
    ]), false)
    error_message = "budget.email_channels must be at most five full names of email channels, projects/P/notificationChannels/N: gcloud beta monitoring channels list --filter='type=\"email\"'."
  }
}

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
    backlog_messages         = optional(number, 100)  # and this many wait: a few poison messages are old as well
    flush_silent_seconds     = optional(number, 600)  # ten ticks: no panes for two windows
    heartbeat_silent_seconds = optional(number, 600)  # ten heartbeats: more than a slow start, less than two windows
    error_ratio              = optional(number, 0.05) # of a function's requests answered 5xx over five minutes
    push_latency_p99_seconds = optional(number, 10)   # the publish's own limit: beyond it requests are given up
    flush_lag_seconds        = optional(number, 300)  # one window
    freshness_seconds        = optional(number, 60)
    freshness_goal           = optional(number, 0.99)
    dead_letter_age_seconds  = optional(number, 3600) # seven days are kept: an hour leaves time to fix it
    archive_age_seconds      = optional(number, 7200) # a file takes ten minutes, seven days are kept
  })
  default  = {}
  nullable = false

  validation {
    # Bad is never more than all: at 25 times the even pace a goal of 0.96 or less is not even missed by an outage.
    condition     = var.alerts.freshness_goal >= 0.97 && var.alerts.freshness_goal <= 0.99
    error_message = "alerts.freshness_goal must be between 0.97 and 0.99: with less the fast burn alert can't fire, with more a single poison message fires the slow one (docs/decisions/0027)."
  }
  validation {
    # Five minutes are aligned, and the condition's duration is the rest: with missing data as bad Monitoring takes
    # whole minutes, from one on.
    condition     = alltrue([for seconds in [var.alerts.flush_silent_seconds, var.alerts.heartbeat_silent_seconds] : seconds >= 360 && seconds % 60 == 0])
    error_message = "alerts: flush_silent_seconds and heartbeat_silent_seconds must be whole minutes and at least 360."
  }
}

variable "canary" {
  description = "Functions whose next revision is deployed without traffic, to be given a share of it by hand (docs/deployment.md, A careful release)."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for name in var.canary : contains(["parse", "features", "aggregate", "deadletter"], name)])
    error_message = "canary must name functions: parse, features, aggregate or deadletter."
  }
  validation {
    condition     = alltrue([for name in var.canary : lookup(var.drivers, name, "push") != "pull"])
    error_message = "canary: a stage that pulls has no traffic to divide. Push it for the release, or release it at once."
  }
}
