"""Local stand-ins for Google's services: the real gRPC protocol, for the calls that the adapters make."""
