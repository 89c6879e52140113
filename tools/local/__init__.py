"""The chain on one machine: its parts, ports and processes."""
