"""`python -m astroscale_local up|down|doctor|init-config`."""

from astroscale_local.cli import main

if __name__ == "__main__":
    main()
