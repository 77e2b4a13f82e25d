"""How each task is laid out for the sampler, and how its picture is finished: a file for each family of tasks."""
