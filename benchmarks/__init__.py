"""What the gateway costs, beside a direct connection and nginx: figures of one run on one machine, no timed tests."""
