"""Fifty distinct causes of damage and more, in eight groups, and the test of each.

Six groups are the cases of `test_damage.py`. The archive and the way to it are in `fetch/`:
here is their list, cause by cause.
"""

from __future__ import annotations

import ast
from collections import Counter

import pytest
from support import damage_contents, damage_labels, damage_sets
from support.paths import TESTS

UNPACK, MEMBERS = "fetch/test_unpack.py", "fetch/test_unpack_members.py"
BOMBS, DAMAGED = "fetch/test_unpack_bombs.py", "fetch/test_unpack_damaged.py"
DOWNLOAD, RESUME = "fetch/test_download.py", "fetch/test_download_resume.py"
RETRIES = "fetch/test_download_retries.py"
FETCH, TARGET = "fetch/test_fetch.py", "fetch/test_fetch_target.py"
FOLDER, CLOUD = "fetch/test_folder.py", "fetch/test_cloud.py"

# Group, cause, file, test. Parametrized tests hold several variants of one cause.
CAUSES = [
    ("container", "cut short", DAMAGED, "truncated_archives"),
    ("container", "cut between two members", DAMAGED, "a_tar_cut_between_two_members"),
    ("container", "broken header inside", DAMAGED, "a_tar_with_a_broken_header_in_the_middle"),
    ("container", "wrong checksum", DAMAGED, "a_compressed_tar_with_a_wrong_checksum"),
    ("container", "members that belie their headers", DAMAGED, "damaged_members"),
    ("container", "members one over another", BOMBS, "overlapping_members"),
    ("container", "encrypted", MEMBERS, "encrypted_members_are_refused"),
    ("container", "links and devices", MEMBERS, "links_and_devices_are_refused"),
    ("container", "sparse files", MEMBERS, "sparse_files_are_refused"),
    ("container", "a member that leaves the folder", MEMBERS, "no_member_leaves_the_target"),
    ("container", "NUL in a name", MEMBERS, "a_name_with_a_nul"),
    ("container", "impossible name", MEMBERS, "impossible_names"),
    ("container", "undecodable name", MEMBERS, "a_name_that_is_not_text"),
    ("container", "one name twice", MEMBERS, "two_members_of_the_very_same_name"),
    ("container", "names alike but for case", MEMBERS, "two_members_of_one_name"),
    ("container", "file and folder of one name", MEMBERS, "a_file_where_a_folder_should_be"),
    ("container", "too many members", BOMBS, "too_many_members"),
    ("container", "bomb", BOMBS, "bombs"),
    ("container", "many small bombs", BOMBS, "a_thousand_small_bombs"),
    ("container", "header of absurd size", BOMBS, "a_header_that_asks_for_all_memory"),
    ("container", "size below zero", BOMBS, "a_size_below_zero"),
    ("container", "empty", DAMAGED, "an_empty_archive"),
    ("container", "one file in two archives", UNPACK, "archives_that_hold_the_same_file"),
    ("container", "no images", FETCH, "an_archive_without_images"),
    (
        "container",
        "spoilt work of an earlier start",
        UNPACK,
        "what_an_earlier_start_left_is_compared",
    ),
    ("network", "connection breaks", RESUME, "a_broken_connection_resumes_where_it_stopped"),
    ("network", "connection stalls", RESUME, "a_stalled_connection_times_out_and_resumes"),
    ("network", "no answer", RETRIES, "a_server_that_never_answers"),
    ("network", "no server", RETRIES, "nobody_listens"),
    ("network", "busy or broken server", RETRIES, "failures_that_pass"),
    ("network", "endless Retry-After", RETRIES, "a_retry_after_beyond_all_patience"),
    ("network", "refusal", RETRIES, "refusals_are_final"),
    ("network", "login page", DOWNLOAD, "a_page_instead_of_the_archive"),
    ("network", "announces too much", DOWNLOAD, "a_server_that_announces_too_much"),
    ("network", "announces too little", DOWNLOAD, "a_server_that_announces_too_little"),
    ("network", "sends too much", RESUME, "a_server_that_sends_more_than_the_range"),
    ("network", "ignores ranges", RESUME, "a_server_that_ignores_ranges_starts_over"),
    ("network", "wrong range", RESUME, "a_wrong_range_is_not_glued_on"),
    ("network", "file changed meanwhile", RESUME, "a_file_that_changed_since"),
    ("network", "packed answer", DOWNLOAD, "a_packed_answer_is_refused"),
    ("network", "redirects in a circle", DOWNLOAD, "a_redirect_loop"),
    ("network", "redirect to a login", DOWNLOAD, "a_redirect_to_a_login_page"),
    ("network", "redirect to a file", DOWNLOAD, "a_redirect_to_something_other_than_a_web_address"),
    ("network", "endless trickle", RETRIES, "an_endless_trickle_is_bounded"),
    ("network", "wrong size", DOWNLOAD, "a_size_that_is_known"),
    ("network", "wrong file", DOWNLOAD, "a_checksum_that_is_known"),
    ("network", "damaged note of a download", RESUME, "a_damaged_note_costs_the_part_only"),
    ("network", "quota page of a drive", CLOUD, "a_drive_sends_its_quota_page"),
    ("network", "other files than the known", CLOUD, "a_snapshot_with_other_files"),
    ("network", "every mirror down", FETCH, "no_mirror_delivers"),
    ("permissions", "unreadable archive", UNPACK, "an_archive_that_may_not_be_read"),
    ("permissions", "unwritable place", UNPACK, "a_place_that_may_not_be_written"),
    ("permissions", "unreadable file", FOLDER, "a_file_without_permission"),
    ("permissions", "unreadable folder", FOLDER, "a_folder_without_permission"),
    ("permissions", "full disk", UNPACK, "a_full_disk_is_explained"),
    ("permissions", "disk too small", DOWNLOAD, "space_is_asked_for_first"),
    ("permissions", "somebody else's target", TARGET, "something_else_is_never_touched"),
    ("permissions", "another fetch at work", TARGET, "two_fetches_never_mix"),
    ("permissions", "link that leaves the folder", FOLDER, "a_link_that_leaves_the_folder"),
]


def images() -> list[str]:
    """Groups of the cases about images and their set, one for each cause."""
    causes = [*damage_contents.CASES, *damage_sets.CASES, *damage_labels.CASES]
    # A combination of causes is not a cause of its own.
    return [name.partition("-")[0] for name in causes if name != "pixels-several at once"]


def test_there_are_fifty_causes_in_eight_groups() -> None:
    assert len({cause[:2] for cause in CAUSES}) == len(CAUSES)
    groups = Counter([*(group for group, *_ in CAUSES), *images()])
    named = {"container", "header", "pixels", "names", "pairing", "metadata", "permissions"}
    assert named | {"network"} == set(groups)
    assert min(groups.values()) >= 5
    assert groups.total() >= 50


@pytest.mark.parametrize("file", sorted({cause[2] for cause in CAUSES}))
def test_every_cause_has_its_test(file: str) -> None:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {f"test_{name}" for _, _, where, name in CAUSES if where == file} <= tests
