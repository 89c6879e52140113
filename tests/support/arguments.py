"""What the commands of the tests read from their command lines."""

import argparse


def seed_of(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is no seed: a whole number from 0 on, such as 17")
    return int(text)
