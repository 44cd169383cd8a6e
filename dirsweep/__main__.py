"""``python -m dirsweep`` is ``dirsweep``."""

from dirsweep.cli import main

main()
