"""Everything that is known of one event."""
