"""`cqc replay`: where events come from (sources), where they go (targets), and what is recorded (journal)."""
