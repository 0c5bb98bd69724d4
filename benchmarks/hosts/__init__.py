"""What benchmarks run on hosts."""
