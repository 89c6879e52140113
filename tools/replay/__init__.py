"""Sending events again: where they come from (sources), where they go (targets), and what is noted of it."""
