"""One small declaration per synced kind."""
