"""Constrained sampling from pre-trained diffusion models with forward passes only: tensors in, tensors out.

Imports torch and the standard library, nothing else of this project. Everything inside is float32, without a batch
dimension, and follows one noising convention: `x_t = alpha_t * x0 + sigma_t * eps`.
"""
