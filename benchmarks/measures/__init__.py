"""What is measured on pictures: fidelity, seams, distributions, and intervals over scenes."""

from benchmarks.measures.intervals import Mean, mean, paired_difference
from benchmarks.measures.pixels import hole_psnr_db, known_max_abs_diff
from benchmarks.measures.seam import seam
from benchmarks.measures.ssim import hole_ssim

__all__ = ["Mean", "hole_psnr_db", "hole_ssim", "known_max_abs_diff", "mean", "paired_difference", "seam"]
