# What the real provider would compute, where a random string does not fit: members must be members, and
# each function's accounts must differ.

mock_data "google_project" {
  defaults = {
    number = "123456789012"
  }
}

mock_data "google_storage_project_service_account" {
  defaults = {
    member = "serviceAccount:service-123456789012@gs-project-accounts.iam.gserviceaccount.com"
  }
}

mock_data "google_bigquery_default_service_account" {
  defaults = {
    member = "serviceAccount:bq-123456789012@bigquery-encryption.iam.gserviceaccount.com"
  }
}

mock_data "google_cloud_run_v2_service" {
  defaults = {
    template = [{
      containers = [{
        image = "europe-west2-docker.pkg.dev/demo-project/cqc-functions/function@sha256:0123"
      }]
    }]
  }
}

mock_resource "google_service_account" {
  defaults = {
    email  = "other@demo-project.iam.gserviceaccount.com"
    member = "serviceAccount:other@demo-project.iam.gserviceaccount.com"
  }
}

mock_resource "google_cloudfunctions2_function" {
  defaults = {
    service_config = {
      uri = "https://cqc-function-nw.a.run.app"
    }
  }
}

mock_resource "google_monitoring_dashboard" {
  defaults = {
    id = "projects/123456789012/dashboards/demo"
  }
}

mock_resource "google_project_service_identity" {
  defaults = {
    email  = "service-123456789012@gcp-sa-demo.iam.gserviceaccount.com"
    member = "serviceAccount:service-123456789012@gcp-sa-demo.iam.gserviceaccount.com"
  }
}

override_resource {
  target = module.stage["parse"].google_service_account.runtime
  values = {
    email  = "cqc-parse@demo-project.iam.gserviceaccount.com"
    member = "serviceAccount:cqc-parse@demo-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = module.stage["parse"].google_service_account.invoker
  values = {
    email  = "cqc-parse-invoker@demo-project.iam.gserviceaccount.com"
    member = "serviceAccount:cqc-parse-invoker@demo-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = module.stage["features"].google_service_account.runtime
  values = {
    email  = "cqc-features@demo-project.iam.gserviceaccount.com"
    member = "serviceAccount:cqc-features@demo-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = module.stage["features"].google_service_account.invoker
  values = {
    email  = "cqc-features-invoker@demo-project.iam.gserviceaccount.com"
    member = "serviceAccount:cqc-features-invoker@demo-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = module.stage["aggregate"].google_service_account.runtime
  values = {
    email  = "cqc-aggregate@demo-project.iam.gserviceaccount.com"
    member = "serviceAccount:cqc-aggregate@demo-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = module.stage["aggregate"].google_service_account.invoker
  values = {
    email  = "cqc-aggregate-invoker@demo-project.iam.gserviceaccount.com"
    member = "serviceAccount:cqc-aggregate-invoker@demo-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = module.stage["deadletter"].google_service_account.runtime
  values = {
    email  = "cqc-deadletter@demo-project.iam.gserviceaccount.com"
    member = "serviceAccount:cqc-deadletter@demo-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = module.stage["deadletter"].google_service_account.invoker
  values = {
    email  = "cqc-deadletter-invoker@demo-project.iam.gserviceaccount.com"
    member = "serviceAccount:cqc-deadletter-invoker@demo-project.iam.gserviceaccount.com"
  }
}
