"""Write a student's words as a folder for vLLM and other servers of Llamas; its eyes stay behind.

``python -m model.scripts.write_text_folder my-student served/my-student``
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from model.bundles.bundle import read_bundle
from model.bundles.hf_writing import write_text_folder
from model.errors import ReasonerError


def main(arguments: Sequence[str] | None = None) -> None:
    """Read a bundle, write the folder, say how it is served."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("bundle", type=Path, help="folder of a student")
    parser.add_argument("folder", type=Path, help="where to write")
    options = parser.parse_args(arguments)
    try:
        weights = write_text_folder(options.bundle, options.folder)
        longest = read_bundle(options.bundle).config.decoder.max_position_embeddings
    except ReasonerError as error:
        raise SystemExit(str(error)) from error
    print(f"{weights / 1e6:.2f} million weights in {options.folder}")
    print(f"vllm serve {options.folder} --max-model-len {longest}")


if __name__ == "__main__":
    main()
