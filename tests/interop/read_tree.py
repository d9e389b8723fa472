"""Reads a feed of the public tree as a stranger would: with the formats' descriptions, the public keys, and nothing of this project.

Reads a JSON object with `tree`, `keys` (directories), `feed`, and what two kinds of apps remember of their last visit: `since` and `last_line`.
Checks the signed list and every bundle on it, and prints a JSON object: what is new to each app, what each remembers now, the number of
the list, and every key or report that the feed holds.
"""

import base64
import hashlib
import io
import json
import pathlib
import sys
import zipfile

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

given = json.load(sys.stdin)
tree, feed = pathlib.Path(given["tree"]), given["feed"]
region, kind = feed.split("/")


def public_key(use):
    return serialization.load_pem_public_key((pathlib.Path(given["keys"]) / f"{region}-{use}.pem").read_bytes())


def raw(key):
    return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def spki(key):
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def fields(message):
    """Every field of a message as (number, value): numbers for varints and fixed ones, bytes for the rest."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = varint()
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            yield number, varint()
            continue
        length = {1: 8, 2: None, 5: 4}[wire]
        length = varint() if length is None else length
        value = message[at : at + length]
        assert len(value) == length
        at += length
        yield number, value if wire == 2 else int.from_bytes(value, "little")


def every(message, wanted):
    return [value for number, value in fields(message) if number == wanted]


def open_note(note, name, key):
    """The text of a C2SP signed note."""
    text, signatures = note.decode().rsplit("\n\n", 1)
    text += "\n"
    [line] = signatures.removesuffix("\n").split("\n")
    dash, signer, encoded = line.split(" ")
    signature = base64.b64decode(encoded, validate=True)
    key_id = hashlib.sha256(name.encode() + b"\n\x01" + raw(key)).digest()[:4]
    assert (dash, signer, signature[:4]) == ("—", name, key_id), line
    key.verify(signature[4:], text.encode())
    return text


def read_manifest(text):
    lines = text.removesuffix("\n").split("\n")
    assert lines[:2] == ["pratique/manifest/v1", f"feed {feed}"], lines[:2]
    one = {line.split(" ")[0]: line.split(" ")[1] for line in lines[1:4]}
    keys = [line.split(" ")[1:] for line in lines if line.startswith("key ")]
    bundles = [line.split(" ")[1:] for line in lines if line.startswith("bundle ")]
    assert len(lines) == 4 + len(keys) + len(bundles)
    return int(one["number"]), keys, bundles


def check_signature(export, signature):
    if kind == "gaen":
        return public_key(kind).verify(signature, export, ec.ECDSA(hashes.SHA256()))
    return public_key(kind).verify(signature, export[:16] + hashlib.sha256(export).digest())


def read_bundle(listed):
    sequence, from_sequence, start, end, count, revised, size, zip_sha256, export_sha256, version, path = listed
    content = (tree / path).read_bytes()
    assert (len(content), hashlib.sha256(content).hexdigest()) == (int(size), zip_sha256), path
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["export.bin", "export.sig"] and archive.testzip() is None
        export, signatures = archive.read("export.bin"), archive.read("export.sig")
    assert hashlib.sha256(export).hexdigest() == export_sha256
    assert export[:16] == {"gaen": b"EK Export v1    ", "tcn": b"TCN Export v1   "}[kind]
    message = export[16:]
    header = [every(message, number) for number in range(1, 6)]
    assert header == [[int(start)], [int(end)], [region.encode()], [1], [1]], header
    [info], [signed] = every(message, 6), every(signatures, 1)
    assert every(signed, 1) == [info] and (every(signed, 2), every(signed, 3)) == ([1], [1])
    [name] = [f"{key_id.decode()}-{key_version.decode()}" for key_id, key_version in zip(every(info, 4), every(info, 3))]
    check_signature(export, every(signed, 4)[0])
    entries = every(message, 7)
    assert (len(entries), len(every(message, 8))) == (int(count), int(revised))
    assert (sequence, version) == (from_sequence, "1")
    return name, [every(entry, 1)[0].hex() for entry in entries]


note = (tree / feed / "manifest").read_bytes()
number, keys, bundles = read_manifest(open_note(note, f"pratique/{region}", public_key("manifest")))
announced = {name: (use, base64.b64decode(der)) for use, name, der, _ in keys}

# As the apps do: US-ASCII, one path a line, no line feed at the end, an empty file for an empty feed.
index = (tree / feed / "index.txt").read_bytes().decode("ascii")
paths = index.split("\n") if index else []
assert paths == [bundle[10] for bundle in bundles] == sorted(set(paths)), paths
assert all(later[2] == earlier[3] for earlier, later in zip(bundles, bundles[1:])), "bundles must touch"
assert [int(bundle[0]) for bundle in bundles] == list(range(1, len(bundles) + 1))

contents = []
for bundle in bundles:
    name, entries = read_bundle(bundle)
    assert announced[name] == ("current", spki(public_key(kind))), name
    contents += entries

# covidgreen: start and end from the name; keeps the greatest end.
since, by_since = given["since"], []
for path in paths:
    start, end = (int(part) for part in path.rsplit("/", 1)[1].split("-")[:2])
    if start >= since:
        by_since.append(path)
        since = max(since, end)

# Google: starts over if the last line that was handled is gone. COVID Trace: what is lexically greater.
last = given["last_line"]
by_last_line = paths[paths.index(last) + 1 :] if last in paths else paths
assert by_last_line == [path for path in paths if path > last]

json.dump(
    {
        "number": number,
        "contents": contents,
        "by_since": by_since,
        "since": since,
        "by_last_line": by_last_line,
        "last_line": paths[-1] if paths else "",
    },
    sys.stdout,
)
