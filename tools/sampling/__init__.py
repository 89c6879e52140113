"""Realistic events of every type, and every kind of bad one."""
