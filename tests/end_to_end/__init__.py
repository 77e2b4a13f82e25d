"""The whole service as users run it: API, worker and Redis processes on the embedded model."""
