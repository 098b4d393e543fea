"""Spark over the lake: session, sources, catalog, build, and DuckDB's view of what it built."""
