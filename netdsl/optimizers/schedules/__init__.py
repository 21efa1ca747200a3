"""Schedules of rates and other hyper-parameters over training."""
