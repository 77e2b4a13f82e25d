"""The process that samples: an RQ worker that never forks, with the model resident, many jobs at once."""
