"""Settled windows against the features rows: recomputed, compared, and repaired by a new revision."""
