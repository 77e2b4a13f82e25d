"""Load tests: callers who do not wait for answers before they ask again, a service to load, and limits."""
