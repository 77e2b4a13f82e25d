"""What the API and the worker share: job spec, record, store, queue, blobs, settings, errors."""
