"""What Dagster is configured by: files for `DAGSTER_HOME`, explained in docs/dagster.md."""
