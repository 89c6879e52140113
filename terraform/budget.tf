# Mail at half, at nine tenths, at all of the month's budget, and when it is forecast to be exceeded.

resource "google_billing_budget" "this" {
  provider = google.billing
  for_each = toset(var.budget == null ? [] : ["on"])

  billing_account = var.budget.billing_account
  display_name    = "${var.name_prefix}: ${var.project_id}"

  budget_filter {
    projects               = ["projects/${data.google_project.this.number}"]
    credit_types_treatment = "EXCLUDE_ALL_CREDITS" # what it costs once credits are used up
  }

  amount {
    specified_amount {
      currency_code = var.budget.currency
      units         = tostring(var.budget.monthly_amount)
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]
    content {
      threshold_percent = threshold_rules.value
    }
  }
  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }

  # Besides the billing account's own administrators, whom Google mails in any case.
  dynamic "all_updates_rule" {
    for_each = length(var.budget.email_channels) > 0 ? ["on"] : []
    content {
      monitoring_notification_channels = var.budget.email_channels
    }
  }

  depends_on = [time_sleep.apis]
}
