"""How a message arrives and is answered: the envelope, the push handler, group commit."""
