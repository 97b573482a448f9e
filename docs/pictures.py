"""Make the pictures of README and docs anew: python docs/pictures.py"""

from pathlib import Path

import cv2

from marginkit import pipeline, samples
from marginkit.records import Failed
from marginkit.reports import overlay

WIDTH_PX = 1400


def main() -> None:
    """Measure the first sample and write its overlay, smaller, to docs/demo.png."""
    case = pipeline.run(samples.jobs()[0])
    if isinstance(case, Failed):
        raise case.error
    picture = overlay.draw(case)
    height = round(picture.shape[0] * WIDTH_PX / picture.shape[1])
    small = cv2.resize(picture, (WIDTH_PX, height), interpolation=cv2.INTER_AREA)
    cv2.imwrite(str(Path(__file__).with_name("demo.png")), small[:, :, ::-1])


if __name__ == "__main__":
    main()
