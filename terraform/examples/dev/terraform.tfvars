# A project of its own, as topics have the contract's fixed names. Nothing is kept for long, and it may be destroyed.
project_id  = "care-features-dev"
name_prefix = "cqc-dev"
labels      = { application = "cqc-feature-pipeline", environment = "dev" }

deletion_protection       = false
archive                   = { enabled = false }
partition_expiration_days = { realtime_features = 31, realtime_features_aggregated = 31, streaming_errors = 31, replays = 31 }

producers = ["group:developers@example.org"]
readers   = ["group:developers@example.org"]

request_log_sample = 1 # few events: see every request
trace_sample       = 1
budget             = { billing_account = "012345-6789AB-CDEF01", monthly_amount = 20 }
