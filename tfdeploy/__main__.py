"""``python -m tfdeploy``."""

from tfdeploy.cli import main

if __name__ == "__main__":
    main()
