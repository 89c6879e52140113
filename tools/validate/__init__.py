"""What `parse` would do with a producer's events, without a pipeline."""
