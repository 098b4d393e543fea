"""Sample data: deterministic Parquet datasets, and how they get into either engine."""
