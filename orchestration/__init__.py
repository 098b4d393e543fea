"""The warehouse's Python side: the `warehouse` command and the Dagster code location."""
