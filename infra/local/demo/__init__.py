"""The demo: real data landed as sources land it, followed to the warehouse, and recounted."""
