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
  description = "The subscription's short name, or null."
  value       = one([for subscription in google_pubsub_subscription.this : subscription.name])
}

output "worker_pool" {
  description = "The name of the worker pool that pulls, or null."
  value       = one([for pool in google_cloud_run_v2_worker_pool.this : pool.name])
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
      push_endpoint     = try(s.push_config[0].push_endpoint, null)
      audience          = try(s.push_config[0].oidc_token[0].audience, null)
      invoker           = try(s.push_config[0].oidc_token[0].service_account_email, null)
      ack_deadline      = s.ack_deadline_seconds
      dead_letter_topic = one(s.dead_letter_policy[*].dead_letter_topic)
      max_attempts      = one(s.dead_letter_policy[*].max_delivery_attempts)
      retention         = s.message_retention_duration
    }])
    pool = one([for pool in google_cloud_run_v2_worker_pool.this : {
      instances   = pool.scaling[0].manual_instance_count
      image       = pool.template[0].containers[0].image
      command     = pool.template[0].containers[0].command
      args        = pool.template[0].containers[0].args
      limits      = pool.template[0].containers[0].resources[0].limits
      environment = { for variable in pool.template[0].containers[0].env : variable.name => variable.value }
      subnetwork  = one(flatten(pool.template[0].vpc_access[*].network_interfaces[*].subnetwork))
      kms_key     = pool.template[0].encryption_key
    }])
    # With its base image, which automatic updates would leave out.
    image_is_whole    = length(google_cloudfunctions2_function.this.build_config[0].on_deploy_update_policy) > 0
    is_guarded        = length(terraform_data.guard_of_subscription) > 0
    puller_members    = [for binding in google_pubsub_subscription_iam_member.puller : binding.member]
    forwarder_members = [for binding in google_pubsub_subscription_iam_member.forwarder : binding.member]
  }
}
