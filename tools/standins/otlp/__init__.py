"""A stand-in for an OpenTelemetry collector: receives spans by OTLP over HTTP and shows them as JSON."""
