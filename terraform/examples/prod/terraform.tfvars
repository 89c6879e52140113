project_id  = "care-features-prod"
name_prefix = "cqc-prod"
labels      = { application = "cqc-feature-pipeline", environment = "prod" }

producers = ["serviceAccount:dashboard@care-dashboards-prod.iam.gserviceaccount.com"]
readers   = ["group:data-science@example.org", "serviceAccount:training@care-models-prod.iam.gserviceaccount.com"]

functions = {
  parse    = { min_instances = 1 } # no cold start in front of an event, about 9 dollars a month each
  features = { min_instances = 1 }
}

trace_sample          = 0.01
notification_channels = ["projects/care-features-prod/notificationChannels/1234567890"]
budget                = { billing_account = "012345-6789AB-CDEF01", monthly_amount = 300, email_channels = ["projects/care-features-prod/notificationChannels/2345678901"] }
