"""A local chain that misbehaves on purpose: what goes wrong, when, and what really did."""
