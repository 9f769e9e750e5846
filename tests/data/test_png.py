"""16-bit PNG files: what is written comes back, and nothing damaged is ever decoded."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.data.png import (
    MAX_PIXELS,
    check_png16,
    read_png,
    write_png16,
)
from pipeline.errors import DataError

IMAGE = np.random.default_rng(3).integers(0, 65536, (12, 17, 3)).astype(np.uint16)


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    path = tmp_path_factory.mktemp("png") / "image.png"
    write_png16(path, IMAGE)
    return path.read_bytes()


def png(*chunks):
    blocks = (
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(blocks)


def header(width, height, depth=16, color=2, interlace=0):
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, interlace)


def refused(path, content, match):
    path.write_bytes(content)
    with pytest.raises(DataError, match=match) as caught:
        read_png(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=20, deadline=None)
@given(arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))))
def test_what_is_written_comes_back(tmp_path_factory, image):
    path = tmp_path_factory.mktemp("round") / "new" / "a.png"
    write_png16(path, image)
    np.testing.assert_array_equal(read_png(path).pixels, image)
    assert check_png16(path) == (image.shape[1], image.shape[0], 16, 2)


def test_channels_are_red_green_blue_in_the_file(tmp_path, encoded):
    red = np.zeros((2, 2, 3), np.uint16)
    red[..., 0] = 65535
    write_png16(tmp_path / "red.png", red)
    # Decoded by hand: filter byte 0..4, then the first pixel, whose filters are no-ops.
    content = (tmp_path / "red.png").read_bytes()
    start = content.index(b"IDAT") + 4
    (length,) = struct.unpack(">I", content[start - 8 : start - 4])
    raw = zlib.decompress(content[start : start + length])
    assert raw[1:7] == b"\xff\xff\0\0\0\0"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_truncation_is_noticed(tmp_path_factory, encoded, data):
    kept = data.draw(st.integers(0, len(encoded) - 1))
    path = tmp_path_factory.mktemp("cut") / "a.png"
    refused(path, encoded[:kept], "truncated|not a PNG|ends within its header")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_changed_byte_is_noticed(tmp_path_factory, encoded, data):
    position = data.draw(st.integers(0, len(encoded) - 1))
    change = data.draw(st.integers(1, 255))
    content = bytearray(encoded)
    content[position] ^= change
    refused(tmp_path_factory.mktemp("bit") / "a.png", bytes(content), "PNG")


def test_eight_bits_are_widened_without_loss(tmp_path):
    values = np.arange(256, dtype=np.uint8)
    image = np.stack([values, values[::-1], np.roll(values, 7)], axis=-1)[None]
    path = tmp_path / "a.png"
    path.write_bytes(cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes())
    pixels, header = read_png(path)
    assert (pixels.dtype, header) == (np.uint16, (256, 1, 8, 2))
    np.testing.assert_array_equal(pixels >> 8, image)
    np.testing.assert_array_equal(pixels.astype(np.float64) / 65535, image / 255)
    narrow = image.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(pixels.astype(np.float32) / np.float32(65535), narrow)


def test_sixteen_bits_stay_as_they_are(tmp_path):
    write_png16(tmp_path / "a.png", IMAGE)
    pixels, header = read_png(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels, IMAGE)
    assert header.bit_depth == 16


def test_eight_bit_reading_of_sixteen_bits_truncates(tmp_path):
    # What protocol dpdd-8 stands for: OpenCV's own 8-bit reading.
    image = np.array([[[0x00FF, 0x01FF, 0x7FFF]]], np.uint16)
    write_png16(tmp_path / "a.png", image)
    read = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_COLOR)[..., ::-1]
    assert read.ravel().tolist() == (image >> 8).ravel().tolist() == [0, 1, 127]


def test_a_large_file_cut_in_half_is_noticed(tmp_path):
    large = np.random.default_rng(0).integers(0, 65536, (300, 400, 3)).astype(np.uint16)
    write_png16(tmp_path / "large.png", large)
    content = (tmp_path / "large.png").read_bytes()
    refused(tmp_path / "cut.png", content[: len(content) // 2], "truncated")


@pytest.mark.parametrize(
    ("image", "match"),
    [
        (np.zeros((4, 5), np.uint8), "8-bit gray"),
        (np.zeros((4, 5), np.uint16), "16-bit gray"),
        (np.zeros((4, 5, 4), np.uint16), "16-bit RGB with alpha"),
    ],
)
def test_other_kinds_of_png_are_refused_by_name(tmp_path, image, match):
    refused(tmp_path / "a.png", cv2.imencode(".png", image)[1].tobytes(), match)


def test_8_bits_are_no_16_bits(tmp_path):
    (tmp_path / "a.png").write_bytes(cv2.imencode(".png", np.zeros((4, 5, 3), np.uint8))[1])
    with pytest.raises(DataError, match="8-bit RGB"):
        check_png16(tmp_path / "a.png")


def test_other_formats_and_missing_files_are_refused(tmp_path):
    jpeg = cv2.imencode(".jpg", np.zeros((8, 8, 3), np.uint8))[1].tobytes()
    refused(tmp_path / "a.png", jpeg, "not a PNG")
    refused(tmp_path / "empty.png", b"", "not a PNG")
    for path in (tmp_path / "absent.png", tmp_path):
        for read in (read_png, check_png16):
            with pytest.raises(DataError, match=r"cannot be read|not a file"):
                read(path)


def test_a_size_beyond_the_bound_is_refused_before_anything_is_decoded(tmp_path):
    side = int(MAX_PIXELS**0.5) + 1
    bomb = png(header(side, side), (b"IDAT", b""), (b"IEND", b""))
    refused(tmp_path / "bomb.png", bomb, f"claims {side}x{side}")
    with pytest.raises(DataError, match="claims"):
        check_png16(tmp_path / "bomb.png")


def test_a_size_that_the_data_cannot_hold_is_refused(tmp_path, capfd):
    data = zlib.compress(bytes(12 * (1 + 17 * 6)))
    liar = png(header(8000, 8000), (b"IDAT", data), (b"IEND", b""))
    refused(tmp_path / "liar.png", liar, "cannot hold the 8000x8000")
    assert capfd.readouterr().err == ""  # the decoder, which complains there, never saw it


def test_intact_chunks_around_a_short_or_broken_image_are_refused(tmp_path):
    size = header(170, 120)
    raw = np.random.default_rng(1).bytes(120 * (1 + 170 * 6))
    raw = b"".join(b"\0" + raw[i + 1 : i + 1021] for i in range(0, len(raw), 1021))
    whole = zlib.compress(raw)
    (tmp_path / "whole.png").write_bytes(png(size, (b"IDAT", whole), (b"IEND", b"")))
    assert read_png(tmp_path / "whole.png").pixels.shape == (120, 170, 3)
    for content in (whole[: len(whole) // 2], zlib.compress(raw[: len(raw) // 2])):
        broken = png(size, (b"IDAT", content), (b"IEND", b""))
        refused(tmp_path / "broken.png", broken, "cannot be decoded|are not of 170x120 pixels")


def test_a_transparent_color_that_adds_a_channel_is_refused(tmp_path):
    data = zlib.compress(bytes(2 * (1 + 3 * 6)))
    keyed = png(header(3, 2), (b"tRNS", bytes(6)), (b"IDAT", data), (b"IEND", b""))
    refused(tmp_path / "keyed.png", keyed, "transparency")


@pytest.mark.parametrize(
    "head",
    [header(0, 5), header(5, 0), header(5, 5, depth=7), header(5, 5, color=5), header(5, 5, 1, 2)],
)
def test_headers_that_png_does_not_define_are_refused(tmp_path, head):
    refused(tmp_path / "a.png", png(head, (b"IDAT", b""), (b"IEND", b"")), "damaged")


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 5, 3), np.uint8),
        np.zeros((4, 5, 3)),
        np.zeros((4, 5), np.uint16),
        np.zeros((4, 5, 4), np.uint16),
        np.zeros((0, 5, 3), np.uint16),
    ],
)
def test_only_16_bit_rgb_is_written(tmp_path, image):
    with pytest.raises(ValueError, match="expected uint16"):
        write_png16(tmp_path / "a.png", image)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_png16(Path(tmp_path / "file" / "a.png"), IMAGE)
