"""Event-time windows: their keys, the log that features appends to, the state that the flush keeps."""
