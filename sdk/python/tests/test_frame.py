"""The bytes: all shared vectors, and what they cannot hold."""

import json
import pathlib

import pytest

from fwatchdog import frame
from fwatchdog.frame import FrameError, Splitter

VECTORS = json.loads(
    (pathlib.Path(__file__).resolve().parents[3] / "protocol/testdata/vectors.json").read_text(encoding="utf-8")
)
NAMES = ("HELLO", "READY", "PING", "PONG", "GOAWAY", "LOG", "REQ", "RESP", "DATA", "WINDOW", "CANCEL", "ERROR")


def vectors(group, sender):
    return [pytest.param(vector, id=vector["name"]) for vector in VECTORS[group] if vector["from"] == sender]


def pairs(vector, key):
    return [tuple(pair) for pair in vector[key]]


def decode(kind, payload):
    """What a frame of the host means, in the words of the vectors."""
    if kind == "HELLO":
        hello = frame.decode_hello(payload)
        return {"min": hello.min, "max": hello.max, "pairs": hello.pairs}
    if kind == "REQ":
        timeout_ms, method, target, headers, body = frame.decode_request(payload)
        return {"timeoutMs": timeout_ms, "method": method, "target": target, "headers": headers, "body": body.hex()}
    if kind == "DATA":
        return {"body": payload.hex()}
    return {
        "PING": lambda: {"nonce": frame.decode_nonce(payload).hex()},
        "GOAWAY": lambda: {"reason": frame.decode_goaway(payload)},
        "WINDOW": lambda: {"bytes": frame.decode_window(payload)},
        "CANCEL": lambda: {"reason": frame.decode_cancel(payload)},
    }[kind]()


def encode(vector):
    """The frame of a worker that means what the vector says."""
    stream, end = vector["stream"], vector["end"]
    if vector["type"] == "RESP":
        head = frame.encode_head(vector["status"], pairs(vector, "headers"))
        return frame.encode_response(stream, head, bytes.fromhex(vector["body"]), end)
    return {
        "HELLO": lambda: frame.encode_hello(pairs(vector, "pairs")),
        "READY": lambda: frame.encode_ready(pairs(vector, "pairs")),
        "PONG": lambda: frame.encode_pong(bytes.fromhex(vector["nonce"])),
        "GOAWAY": lambda: frame.encode_goaway(vector["reason"]),
        "LOG": lambda: frame.encode_log(stream, vector["level"], vector["text"]),
        "DATA": lambda: frame.encode_data(stream, bytes.fromhex(vector["body"]), end),
        "WINDOW": lambda: frame.encode_window(stream, vector["bytes"]),
        "ERROR": lambda: frame.encode_error(stream, vector["code"], vector["text"]),
    }[vector["type"]]()


@pytest.mark.parametrize("vector", vectors("frames", "host"))
def test_a_frame_of_the_host_means_what_its_vector_says(vector):
    frames = Splitter().split(bytes.fromhex(vector["hex"]))

    if vector.get("ignored"):
        assert frames == []
        return
    ((kind, end, stream, payload),) = frames
    assert (kind, end, stream) == (getattr(frame, vector["type"]), vector["end"], vector["stream"])
    meaning = {
        key: pairs(vector, key) if key in ("pairs", "headers") else value
        for key, value in vector.items()
        if key not in ("name", "from", "hex", "type", "end", "stream", "lossy")
    }
    assert decode(vector["type"], payload) == meaning


WORKER_FRAMES = [
    vector
    for vector in vectors("frames", "worker")
    # A later version's frames, and what only the host has to understand, this version does not write.
    if not vector.values[0].get("lossy") and not vector.values[0].get("ignored")
]


@pytest.mark.parametrize("vector", WORKER_FRAMES)
def test_a_frame_of_a_worker_is_written_as_its_vector_says(vector):
    assert encode(vector).hex() == vector["hex"]


@pytest.mark.parametrize("vector", vectors("bad", "host"))
def test_a_bad_frame_of_the_host_is_refused_for_the_reason_its_vector_gives(vector):
    with pytest.raises(FrameError) as refused:
        for kind, _, _, payload in Splitter().split(bytes.fromhex(vector["hex"])):
            name = next(name for name in NAMES if getattr(frame, name) == kind)
            decode(name, payload)
    assert refused.value.kind == vector["error"]


def test_frames_come_out_whole_however_the_bytes_come_in():
    texts = [vector for vector in VECTORS["frames"] if vector["from"] == "host"]
    stream = b"".join(bytes.fromhex(vector["hex"]) for vector in texts)
    whole = Splitter().split(stream)
    assert len(whole) == sum(not vector.get("ignored") for vector in texts)

    for size in (1, 2, 7, 12, 13, 4096):
        splitter = Splitter()
        pieces = [splitter.split(stream[at : at + size]) for at in range(0, len(stream), size)]
        assert [one for frames in pieces for one in frames] == whole


@pytest.mark.parametrize("start", [b"x", b"\xfb\xf8", b"\x00"])
def test_what_cannot_be_a_frame_is_refused_before_a_header_is_complete(start):
    with pytest.raises(FrameError) as refused:
        Splitter().split(start)
    assert refused.value.kind == "magic"


def test_the_text_of_an_error_is_cut_at_a_character():
    text = "boom\n" + "é" * 70000

    encoded = frame.encode_error(3, frame.RAISED, text, 4084)

    payload = encoded[frame.HEADER_SIZE :]
    assert 4083 <= len(payload) <= 4084
    assert text.startswith(payload[2:].decode("utf-8"))


@pytest.mark.parametrize("letter", ["x", "é", "€", "\N{GRINNING FACE}"])
def test_a_long_text_becomes_several_logs_that_add_up_to_it(letter):
    text = letter * 9000

    frames, rest = [], frame.encode_log(3, 1, text, 4084)
    while rest:
        size = frame.HEADER_SIZE + int.from_bytes(rest[8:12], "big")
        frames.append(rest[:size])
        rest = rest[size:]

    assert all(len(one) <= 4096 for one in frames)
    assert len(frames) == -(-len(text.encode()) // (4083 - 4083 % len(letter.encode())))
    assert all(one[2] == frame.LOG and one[7] == 3 and one[12] == 1 for one in frames)
    assert "".join(one[13:].decode("utf-8") for one in frames) == text


def test_text_that_cannot_be_encoded_does_not_hide_an_error():
    assert frame.encode_error(1, frame.RAISED, "lone \ud800 surrogate").endswith(b"lone ? surrogate")


@pytest.mark.parametrize("headers", [[("x", "a" * 65536)], [("x", "a" * 40000)] * 2, [("", "")] * 65536])
def test_a_head_that_does_not_fit_one_frame_is_refused(headers):
    with pytest.raises(frame.HeadTooLarge, match="response headers too large"):
        frame.encode_response(1, frame.encode_head(200, headers), b"", True)
