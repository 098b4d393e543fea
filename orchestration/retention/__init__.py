"""Retention: what stays online for how long, and where it goes then (docs/retention.md)."""
