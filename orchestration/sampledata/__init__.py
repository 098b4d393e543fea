"""Sample data: generated as Parquet, deterministic to the byte, then bulk-loaded on either engine."""
