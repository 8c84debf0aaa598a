"""Finds a Chromium for the browser tests: ``python -m tests.browser.find_chromium``.

Where none is installed it tries Playwright's own, and says what else can be done.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")


def chromium() -> str | None:
    """Path of a browser on this machine: ``CHROMIUM``, the PATH, or Playwright's own."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found:
        return found
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def main() -> int:
    """Find a browser, or install Playwright's; 0 if there is one in the end."""
    path = chromium()
    if path is None:
        sys.stderr.write("No Chromium here; fetching the one of Playwright …\n")
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
        path = chromium()
    if path is None:
        sys.stderr.write(
            "The browser tests need a Chromium. Install one (Debian, Ubuntu: `apt-get install "
            "chromium`; macOS: `brew install --cask chromium`) or set CHROMIUM to its path.\n"
        )
        return 1
    sys.stdout.write(f"browser tests use {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
