"""Callers, queue and workers with continuous batching as a discrete-event simulation, to ask what was not built."""
