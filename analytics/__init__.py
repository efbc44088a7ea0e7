"""Charts and totals. Reads aggregates of the index; see docs/architecture.md."""
