"""Local stand-ins for the Google services, speaking the real gRPC for the calls that the adapters make."""
