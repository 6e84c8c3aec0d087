"""What the whole path costs, beside rotel and beside the floor: `python -m benchmarks --help`, docs/benchmarks.md."""
