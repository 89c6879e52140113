variable "name" {
  description = "The stage, which is also its entry point: parse, features, aggregate or deadletter."
  type        = string
  nullable    = false
}

variable "name_prefix" {
  description = "Starts the names of the function and of its accounts."
  type        = string
  nullable    = false
}

variable "description" {
  description = "One sentence for the console."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Where the function runs."
  type        = string
  nullable    = false
}

variable "package" {
  description = "The zip: its bucket, its object, the first 16 digits of its content hash, and the version of its code."
  type = object({
    bucket  = string
    object  = string
    hash    = string
    version = string
  })
  nullable = false
}

variable "build" {
  description = "Who builds (full name of a service account), and into which repository."
  type = object({
    service_account = string
    repository      = string
  })
  nullable = false
}

variable "size" {
  description = "What the function gets; the root module's `functions` has the reasons."
  type = object({
    cpu           = string
    memory        = string
    concurrency   = number
    min_instances = number
    max_instances = number
    timeout       = number
  })
  nullable = false
}

variable "environment" {
  description = "The function's settings."
  type        = map(string)
  nullable    = false
}

variable "subscription" {
  description = "The subscription that feeds the stage; null for a stage that is called by something else. Without dead_letters it delivers for as long as it keeps messages."
  type = object({
    name            = string
    topic           = string
    minimum_backoff = string
    maximum_backoff = string
    dead_letters = optional(object({
      topic        = string
      max_attempts = number
    }))
  })
  default = null
}

variable "pull" {
  description = "Pull instead of push, with a worker pool of so many instances: of the function's image, or of an image of your own whose entry point pulls. environment is what it is told beside or instead of the function's; subnetwork is its way to private addresses. Null: push."
  type = object({
    instances   = number
    environment = map(string)
    image       = optional(string)
    subnetwork  = optional(string)
  })
  default = null

  validation {
    condition     = var.pull == null || var.subscription != null
    error_message = "pull needs a subscription to pull from."
  }
}

variable "whole_image" {
  description = "Build the function's image with its base image, so that a worker pool can run it; security updates then come with a deployment only."
  type        = bool
  default     = false
  nullable    = false
}

variable "pubsub_agent" {
  description = "Pub/Sub's service agent, as an IAM member."
  type        = string
  nullable    = false
}

variable "is_guarded" {
  description = "Refuse a plan that would destroy or replace the subscription, with its backlog (guard.tf of the root module)."
  type        = bool
  nullable    = false
}

variable "is_canary" {
  description = "Deploy the next revision without traffic: the split that is there stays."
  type        = bool
  default     = false
  nullable    = false
}

variable "kms_key" {
  description = "Encrypts the function's source and image. Null: Google's keys."
  type        = string
  default     = null
}

variable "vpc_connector" {
  description = "Full name of a Serverless VPC Access connector. Null: none."
  type        = string
  default     = null
}
