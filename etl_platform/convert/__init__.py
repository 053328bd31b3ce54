"""Raw files to typed, deduplicated Parquet: `parse` and `finish` do it, the engines place them."""
