"""The four Cloud Run functions, in the order an event meets them: parse, features, aggregate; deadletter."""
