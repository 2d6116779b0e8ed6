"""What takes many runs: seeds, days, draws of what is not known, checks, fitting, counterfactuals."""
