# What the functions are told

variable "allowed_lateness_seconds" {
  description = "How long after its end a window takes late events; features and aggregate must agree on it."
  type        = number
  default     = 3600 # an hour, by docs/contract.md#windows
  nullable    = false

  validation {
    condition     = var.allowed_lateness_seconds >= 0 && var.allowed_lateness_seconds <= 604800
    error_message = "allowed_lateness_seconds must be between 0 and 604800 (seven days), as the functions check at their start."
  }
}

variable "flush_shards" {
  description = "Into how many flushes a minute the locations are divided. One is enough for some 1,000 events a second of 55,000 locations; new windows take a new number, open ones are finished with the old one."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.flush_shards >= 1 && var.flush_shards <= 64 && floor(var.flush_shards) == var.flush_shards
    error_message = "flush_shards must be a whole number from 1 to 64, as aggregate checks at its start."
  }
  validation {
    # All are called in the same second; what has no instance within seconds is answered 429, and not called again.
    condition     = var.flush_shards == 1 || (var.functions.aggregate.concurrency == 1 && var.functions.aggregate.max_instances >= 2 * var.flush_shards)
    error_message = "flush_shards: each flush needs an instance of its own, twice as many where it meets the next one. Set functions = { aggregate = { concurrency = 1, max_instances = ${2 * var.flush_shards} } }, too."
  }
}

variable "feature_timezone" {
  description = "The IANA time zone of the local-time features."
  type        = string
  default     = "Europe/London"
  nullable    = false
}

variable "max_event_bytes" {
  description = "A larger event is rejected as payload_too_large. An event has about 500 bytes."
  type        = number
  default     = 262144
  nullable    = false

  validation {
    condition     = var.max_event_bytes >= 1 && var.max_event_bytes <= 1000000
    error_message = "max_event_bytes must be between 1 and 1000000: its dead letter, in base64, must fit a Pub/Sub message."
  }
}

variable "max_future_seconds" {
  description = "How far ahead of now an event's time may be: clocks drift by seconds."
  type        = number
  default     = 300
  nullable    = false
}

variable "batching" {
  description = "Group commit in an instance: a batch goes when it has max_events (by default half of the function's concurrency: two are in flight at a time) or its first is linger_ms old; beyond max_waiting the answer is 429. shared/delivery/batching.py has the reasons."
  type = object({
    max_events  = optional(number)
    linger_ms   = optional(number, 5)
    max_waiting = optional(number, 1000)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.batching.max_events == null || try(var.batching.max_events >= 1 && var.batching.max_events <= 1000, false)
    error_message = "batching.max_events must be between 1 and 1000, as the functions check at their start."
  }
}

variable "log_level" {
  description = "DEBUG, INFO, WARNING or ERROR. The flush's summary, which alerts rest on, is an INFO line."
  type        = string
  default     = "INFO"
  nullable    = false

  validation {
    condition     = contains(["DEBUG", "INFO"], var.log_level)
    error_message = "log_level must be INFO or DEBUG: above INFO the flush's summaries are not written, and the alert on a silent flush would fire."
  }
}

# The sizes of the functions

# Concurrency, bytes_in_flight and memory follow from one another, and the validations hold them to it:
#   bytes_in_flight >= concurrency * max_event_bytes * 4/3   every event allowed fits at full concurrency (base64)
#                   >= 16 MiB                                 one push fits: 10 MB in base64, with its attributes
#   memory          >= 192 MiB + 4 * bytes_in_flight          imports, and a body with its copies while it is decoded
#                                                             and dead-lettered (measured: 175 MiB in all at 32 MiB)
variable "functions" {
  description = "Size of each function. Set only what differs: { features = { max_instances = 40 } }."
  type = object({
    # Concurrency: 80 requests are two batches of 40 in flight, enough to keep one vCPU busy while the sinks answer.
    # More would make larger batches and save a few per cent of CPU at most, but Cloud Run adds instances at 60 % of their
    # CPU or concurrency, so one would hold more only where it is overloaded; and the budget, the memory, and what an
    # instance that dies leaves to be delivered again would grow with it. Above 1 it needs a whole vCPU; a second one
    # does nothing: one worker, single-threaded.
    # Memory: 192 + 4 * 32 = 320 MiB are needed; 512 is the next size. parse takes 80 MiB under load, features 120.
    parse = optional(object({
      cpu             = optional(string, "1")
      memory          = optional(string, "512Mi")
      concurrency     = optional(number, 80)
      bytes_in_flight = optional(number, 33554432) # 32 MiB; beyond it requests are answered 429
      min_instances   = optional(number, 0)        # 1 takes the cold start (about a second) away, at about 9 dollars a month
      max_instances   = optional(number, 20)       # far above the need; bounds the bill of a mad producer
      timeout         = optional(number, 60)       # a publish gives up after 10 s; the rest is for a cold start's queue
      environment     = optional(map(string), {})
    }), {})
    features = optional(object({
      cpu             = optional(string, "1")
      memory          = optional(string, "512Mi")
      concurrency     = optional(number, 80)
      bytes_in_flight = optional(number, 33554432)
      min_instances   = optional(number, 0)
      max_instances   = optional(number, 20)
      timeout         = optional(number, 60)
      environment     = optional(map(string), {})
    }), {})
    # One flush at a time holds the lease; the second request of an overlap is answered at once.
    aggregate = optional(object({
      cpu           = optional(string, "1")
      memory        = optional(string, "1Gi") # a page of the log and four groups of buckets, whatever waits: 722 MiB is the most that was measured
      concurrency   = optional(number, 4)     # a whole vCPU's event loop; lets an overlapping call be told so
      min_instances = optional(number, 0)
      max_instances = optional(number, 2)   # two while a revision is being replaced
      timeout       = optional(number, 300) # begins no round after 100 s; a round makes several calls of at most 30 s
      environment   = optional(map(string), {})
    }), {})
    # Rare, but a bad deploy can send everything here at once.
    deadletter = optional(object({
      cpu             = optional(string, "1")
      memory          = optional(string, "512Mi")
      concurrency     = optional(number, 80)
      bytes_in_flight = optional(number, 33554432)
      min_instances   = optional(number, 0)
      max_instances   = optional(number, 10)
      timeout         = optional(number, 60)
      environment     = optional(map(string), {})
    }), {})
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for f in var.functions : f.concurrency >= 1 && f.concurrency <= 1000])
    error_message = "functions: concurrency must be between 1 and 1000."
  }
  validation {
    condition     = alltrue([for f in var.functions : f.concurrency == 1 || tonumber(f.cpu) >= 1])
    error_message = "functions: concurrency above 1 needs cpu = \"1\" or more; Cloud Run refuses it otherwise."
  }
  validation {
    condition     = alltrue([for f in var.functions : f.min_instances >= 0 && f.max_instances >= max(1, f.min_instances)])
    error_message = "functions: max_instances must be at least 1 and at least min_instances."
  }
  validation {
    condition     = alltrue([for f in var.functions : f.timeout >= 15 && f.timeout <= 590])
    error_message = "functions: timeout must be between 15 and 590 s: the ack deadline is 10 s more, and Pub/Sub allows 600."
  }
  validation {
    condition     = alltrue([for f in var.functions : can(regex("^[0-9]+[MG]i$", f.memory))])
    error_message = "functions: memory must be in Mi or Gi, such as 512Mi."
  }
  validation {
    condition = alltrue([
      for f in [var.functions.parse, var.functions.features, var.functions.deadletter] : f.bytes_in_flight >= 16777216
    ])
    error_message = "functions: bytes_in_flight must be at least 16777216 (16 MiB): a push of Pub/Sub's largest message would never be admitted."
  }
  validation {
    condition = alltrue([
      for f in [var.functions.parse, var.functions.features] : f.bytes_in_flight >= f.concurrency * var.max_event_bytes * 4 / 3
    ])
    error_message = "functions: bytes_in_flight must be at least concurrency * max_event_bytes * 4/3 (an event is pushed in base64): at full concurrency events would otherwise be answered 429."
  }
  validation {
    condition = alltrue([
      for f in [var.functions.parse, var.functions.features, var.functions.deadletter] :
      try(tonumber(regex("^[0-9]+", f.memory)) * (endswith(f.memory, "Gi") ? 1024 : 1) >= 192 + 4 * f.bytes_in_flight / 1048576, false)
    ])
    error_message = "functions: memory must be at least 192 MiB plus four times bytes_in_flight, or a burst of large messages kills the instance."
  }
}

# Delivery

variable "delivery" {
  description = "How Pub/Sub delivers again, and when it gives up (docs/decisions/0022)."
  type = object({
    minimum_backoff = optional(string, "1s") # most failures are one busy moment
    maximum_backoff = optional(string, "600s")
    max_attempts    = optional(number, 100) # about 15 hours at this backoff
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.delivery.max_attempts >= 5 && var.delivery.max_attempts <= 100
    error_message = "delivery.max_attempts must be between 5 and 100, Pub/Sub's own limits."
  }
  validation {
    # The pauses between the attempts: each twice the one before, at most maximum_backoff.
    condition = try(sum([
      for n in range(var.delivery.max_attempts - 1) : min(
        tonumber(trimsuffix(var.delivery.maximum_backoff, "s")),
        tonumber(trimsuffix(var.delivery.minimum_backoff, "s")) * pow(2, n),
      )
    ]) >= 6 * 3600, false)
    error_message = "delivery must last at least six hours with its backoffs (seconds with an s, such as 600s): Pub/Sub would otherwise give up what the dead-letter brake or an outage holds before anybody can fix it (docs/decisions/0040)."
  }
}

variable "topic_retention" {
  description = "How long dashboard-events and the dead letters can be sought back to, as seconds with an s."
  type        = string
  default     = "604800s" # seven days: a bad release of Friday is found on Monday
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+s$", var.topic_retention)) && try(tonumber(trimsuffix(var.topic_retention, "s")) >= 600 && tonumber(trimsuffix(var.topic_retention, "s")) <= 2678400, false)
    error_message = "topic_retention must be between 600s and 2678400s (31 days)."
  }
}
