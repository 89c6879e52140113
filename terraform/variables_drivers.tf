# Push or pull

variable "drivers" {
  description = "How a stage gets its messages: { features = \"pull\" }. Push is the default: it scales from nothing by itself. Pull runs a worker pool, which has as many instances as somebody sets (worker_pools): it costs money at rest, about 44 dollars a month an instance, and does not follow a burst. docs/cost.md says from which rate on it is cheaper. A stage that is named, with either, has an image that both can run, so a switch needs no build; its security updates come with a deployment only. aggregate is always called by Cloud Scheduler."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.drivers) : contains(["parse", "features", "deadletter"], name)])
    error_message = "drivers must name stages that get messages: parse, features or deadletter. Cloud Scheduler calls aggregate."
  }
  validation {
    condition     = alltrue([for driver in values(var.drivers) : contains(["push", "pull"], coalesce(driver, "-"))])
    error_message = "drivers: a stage's driver is \"push\" or \"pull\"."
  }
  validation {
    condition = alltrue([
      for name, driver in var.drivers : driver != "pull" || contains(["1", "2", "4", "8"], try(var.functions[name].cpu, "1"))
    ])
    error_message = "drivers: a stage that pulls needs functions.NAME.cpu of \"1\", \"2\", \"4\" or \"8\": a worker pool has whole vCPUs."
  }
  validation {
    condition = alltrue([
      for name, driver in var.drivers : driver != "pull" ||
      try(tonumber(regex("^[0-9]+", var.functions[name].memory)) * (endswith(var.functions[name].memory, "Gi") ? 1024 : 1) >= 512, true)
    ])
    error_message = "drivers: a stage that pulls needs functions.NAME.memory of at least 512Mi, the least of an instance that always has its CPU."
  }
  validation {
    condition     = var.vpc_connector == null || var.worker_pool_subnetwork != null || !contains(values(var.drivers), "pull")
    error_message = "drivers: worker pools know no connector. With vpc_connector, set worker_pool_subnetwork for the stages that pull, too, or their private traffic has no way."
  }
}

variable "worker_pools" {
  description = "The worker pool of a stage that pulls: { features = { instances = 2 } }. It has the CPU, the memory and the environment of functions.NAME, but batches of max_events, or of what came in linger_ms (shared/delivery/batching.py has the reasons). image is for an image of your own, whose entry point is `python -m functions.pulling NAME`; by default it is the one that Cloud Build made for the function."
  type = object({
    # One takes thousands of events a second; docs/deployment.md, Pull instead of push, has a rule of thumb.
    parse = optional(object({
      instances  = optional(number, 1)
      max_events = optional(number, 200)
      linger_ms  = optional(number, 100)
      image      = optional(string)
    }), {})
    features = optional(object({
      instances  = optional(number, 1)
      max_events = optional(number, 200)
      linger_ms  = optional(number, 100)
      image      = optional(string)
    }), {})
    deadletter = optional(object({
      instances  = optional(number, 1)
      max_events = optional(number, 200)
      linger_ms  = optional(number, 100)
      image      = optional(string)
    }), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for pool in var.worker_pools : pool.max_events >= 1 && pool.max_events <= 1000 && pool.linger_ms >= 0 && pool.linger_ms <= 1000])
    error_message = "worker_pools: max_events must be between 1 and 1000, linger_ms between 0 and 1000, as the stages check at their start."
  }
  validation {
    condition     = alltrue([for name, driver in var.drivers : driver != "pull" || 2 * try(var.worker_pools[name].max_events, 0) <= var.batching.max_waiting])
    error_message = "worker_pools: max_events of a stage that pulls must be at most half of batching.max_waiting: two batches are outstanding, and what is more would be given back."
  }
  validation {
    condition     = alltrue([for pool in var.worker_pools : pool.instances >= 1 && floor(pool.instances) == pool.instances])
    error_message = "worker_pools: instances must be a whole number of at least 1. To pause a stage, see docs/deployment.md, Pausing."
  }
}

variable "worker_pool_subnetwork" {
  description = "Full name of the subnetwork through which worker pools reach private addresses (Direct VPC egress), in var.region. Null: they have no way there."
  type        = string
  default     = null

  validation {
    condition     = var.worker_pool_subnetwork == null || can(regex("^projects/[^/]+/regions/[^/]+/subnetworks/[^/]+$", var.worker_pool_subnetwork))
    error_message = "worker_pool_subnetwork must be a full name, projects/P/regions/R/subnetworks/S."
  }
}
