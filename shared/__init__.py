"""What two or more functions need: contracts, group commit, and one adapter per Google client."""

__version__ = "0.1.0"
