variable "name" {
  description = "The stage, which is also its entry point: parse, features, aggregate or deadletter."
  type        = string
}

variable "name_prefix" {
  description = "Starts the names of the function and of its accounts."
  type        = string
}

variable "description" {
  description = "One sentence for the console."
  type        = string
}

variable "project_id" {
  type = string
}

variable "region" {
  type = string
}

variable "package" {
  description = "The zip: its bucket, its object, the first 16 digits of its content hash, and the version of its code."
  type = object({
    bucket  = string
    object  = string
    hash    = string
    version = string
  })
}

variable "build" {
  description = "Who builds (full name of a service account), and into which repository."
  type = object({
    service_account = string
    repository      = string
  })
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
}

variable "environment" {
  description = "The function's settings."
  type        = map(string)
}

variable "subscription" {
  description = "The push subscription that feeds the stage; null for a stage that is called by something else. Without dead_letters it delivers for as long as it keeps messages."
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

variable "pubsub_agent" {
  description = "Pub/Sub's service agent, as an IAM member."
  type        = string
}

variable "kms_key" {
  type    = string
  default = null
}

variable "vpc_connector" {
  type    = string
  default = null
}
