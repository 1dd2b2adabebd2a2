"""Write digits.bin.gz, the 8x8 digits of scikit-learn's load_digits, one byte per value.

    pip install scikit-learn
    python make_digits.py

The layout is described in README.md beside this file. The gzip header stores no name and no time, so that the same
zlib writes the same file again. The SHA-256 of the unpacked content never depends on zlib.
"""

import gzip
import hashlib
from pathlib import Path

from sklearn.datasets import load_digits


def main() -> None:
    digits = load_digits()
    images = digits.data.astype("uint8")
    labels = digits.target.astype("uint8")
    assert images.shape == (1797, 64) and (images == digits.data).all() and images.max() == 16
    assert labels.shape == (1797,) and labels.max() == 9

    content = images.tobytes() + labels.tobytes()
    path = Path(__file__).with_name("digits.bin.gz")
    with open(path, "wb") as file, gzip.GzipFile("", "wb", compresslevel=9, fileobj=file, mtime=0) as packed:
        packed.write(content)
    print(f"{path.name}: {path.stat().st_size} bytes, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}")
    print(f"unpacked: {len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
