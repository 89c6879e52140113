"""How a message arrives and is answered: envelope, push handler and group commit."""
