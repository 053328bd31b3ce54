"""Sample files to a first contract: what `etl-platform infer` does. No conversion needs it."""
