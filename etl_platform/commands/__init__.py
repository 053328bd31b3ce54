"""What `etl-platform` says and asks, by subject; the entry is `cli.py`, the work is elsewhere."""
