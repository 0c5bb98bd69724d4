"""The outside as the services see it: one Protocol for each thing that is not ours."""
