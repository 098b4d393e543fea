"""The lake: every closed month of the archived tables as Parquet, made as soon as it closes."""
