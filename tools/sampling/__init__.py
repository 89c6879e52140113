"""Realistic events of every type, and bad events of every kind."""
