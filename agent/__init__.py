"""The kernel: vocabulary, protocols, planners, the loop, models and traces."""
