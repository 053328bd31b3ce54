"""The laptop's Redshift: its wire protocol, dialect, COPY and UNLOAD, on an embedded PostgreSQL."""
