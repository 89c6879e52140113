"""One chain at a time in a folder."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools.errors import CommandError, UsageError
from tools.local.claim import LOCK, claimed


def test_a_second_claim_is_refused_with_the_process_that_has_the_first(tmp_path: Path) -> None:
    with (
        claimed(tmp_path),
        pytest.raises(UsageError, match=rf"process {os.getpid()} already runs a chain"),
        claimed(tmp_path),
    ):
        pass


def test_a_claim_ends_with_its_chain_and_an_old_file_is_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text("4194305999")
    for _ in range(2):
        with claimed(tmp_path):
            assert (tmp_path / LOCK).read_text() == str(os.getpid())
        assert not (tmp_path / LOCK).exists()


def test_many_who_claim_and_leave_at_once_never_have_it_together(tmp_path: Path) -> None:
    inside, most = 0, 0

    def claim_often() -> int:
        nonlocal inside, most
        claims = 0
        while claims < 50:
            try:
                with claimed(tmp_path):
                    inside += 1
                    most = max(most, inside)
                    time.sleep(0)  # lets the others try
                    inside -= 1
                    claims += 1
            except UsageError:
                continue
        return claims

    with ThreadPoolExecutor(4) as pool:
        claiming = [pool.submit(claim_often) for _ in range(4)]
    assert sum(each.result() for each in claiming) == 200
    assert most == 1


def test_folders_are_claimed_apart(tmp_path: Path) -> None:
    with claimed(tmp_path / "one"), claimed(tmp_path / "two"):
        assert (tmp_path / "two" / LOCK).exists()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = pytest.raises(
        CommandError, match=r"file/lock can't be written \((Not a directory|File exists)\)"
    )
    with refused, claimed(tmp_path / "file"):
        pass
