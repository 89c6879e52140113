"""How a pipeline is right now: facts from its parts, or from Google's Monitoring, collected side by side."""
