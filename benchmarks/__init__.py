"""How fast eiesim itself is: `python -m benchmarks`. Ratios are formed from medians measured in one run."""
