"""Settled windows against the features rows: recomputed, compared, and mended by a new revision."""
