"""Speed, as a bound or a ratio to a peer in the same run. Figures stand in docs/benchmarks.md."""
