"""From tables of sources to what people read: aggregates, readers, shares."""
