"""`python -m inlay`: the same as the command `inlay`."""

from inlay.cli import app

if __name__ == "__main__":
    app(prog_name="inlay")
