"""The recipe that made the embedded model: scenes, VAE, UNet, judge, card. Nobody imports it at run time."""
