"""Parts of the benchmarks that need no lab."""
