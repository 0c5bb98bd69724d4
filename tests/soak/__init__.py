"""Long tests: rounds of faults. `make soak` runs them; their figures stand in docs/soak.md."""
