output "function" {
  description = "The function's name."
  value       = google_cloudfunctions2_function.this.name
}

output "uri" {
  description = "Where to call the function; also the audience of the token."
  value       = google_cloudfunctions2_function.this.service_config[0].uri

  depends_on = [google_cloud_run_v2_service_iam_member.invoker]
}

output "runtime_member" {
  description = "The account that the function runs as, as an IAM member."
  value       = google_service_account.runtime.member
}

output "invoker_email" {
  description = "The account that may call the function."
  value       = google_service_account.invoker.email

  depends_on = [google_cloud_run_v2_service_iam_member.invoker]
}

output "subscription" {
  description = "The push subscription's short name, or null."
  value       = one([for subscription in google_pubsub_subscription.this : subscription.name])
}

output "subscription_id" {
  description = "The push subscription's full name, or null."
  value       = one([for subscription in google_pubsub_subscription.this : subscription.id])
}

output "wiring" {
  description = "What a test or an operator asks of the stage."
  value = {
    runtime_account = google_service_account.runtime.account_id
    invoker_account = google_service_account.invoker.account_id
    ingress         = google_cloudfunctions2_function.this.service_config[0].ingress_settings
    invoker_members = [google_cloud_run_v2_service_iam_member.invoker.member]
    environment     = google_cloudfunctions2_function.this.service_config[0].environment_variables
    # False for a canary.
    gets_all_traffic = google_cloudfunctions2_function.this.service_config[0].all_traffic_on_latest_revision
    timeout          = google_cloudfunctions2_function.this.service_config[0].timeout_seconds
    subscription = one([for s in google_pubsub_subscription.this : {
      name              = s.name
      topic             = s.topic
      push_endpoint     = s.push_config[0].push_endpoint
      audience          = s.push_config[0].oidc_token[0].audience
      invoker           = s.push_config[0].oidc_token[0].service_account_email
      ack_deadline      = s.ack_deadline_seconds
      dead_letter_topic = one(s.dead_letter_policy[*].dead_letter_topic)
      max_attempts      = one(s.dead_letter_policy[*].max_delivery_attempts)
      retention         = s.message_retention_duration
    }])
    forwarder_members = [for binding in google_pubsub_subscription_iam_member.forwarder : binding.member]
  }
}
