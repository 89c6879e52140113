"""A stand-in for an OpenTelemetry collector: takes spans by OTLP over HTTP and shows them as JSON."""
