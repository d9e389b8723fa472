"""Builds GAEN bundles as others would, with nothing of this project: messages by hand, zips by zipfile or by hand, signatures by `cryptography`.

Prints a JSON object: `keys`, two public keys as PEM, and `bundles`, from the name of a case to its zip in base64. What each case should
come to stands in foreign.rs.
"""

import base64
import io
import json
import random
import struct
import sys
import zipfile
import zlib

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

START, END = 1_600_000_000, 1_600_014_400
HEADER = b"EK Export v1    "
ECDSA = "1.2.840.10045.4.3.2"
FIRST, SECOND, STRANGER = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))


# Protocol Buffers.


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def number(field, value):
    return b"" if value is None else varint(field << 3) + varint(value)


def signed(field, value):
    return b"" if value is None else number(field, value << 1 ^ value >> 31)


def fixed64(field, value):
    return b"" if value is None else varint(field << 3 | 1) + struct.pack("<Q", value)


def fixed32(field, value):
    return varint(field << 3 | 5) + struct.pack("<I", value)


def data(field, value):
    if value is None:
        return b""
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


# Fields that no version of the format has, one of every wire type.
UNKNOWN = number(15, 1 << 63) + data(16, b"later") + fixed32(17, 7) + fixed64(2_000, 7)


def key(seed, key_data=16, risk=3, start=2_660_000, period=144, report_type=1, days=-2, more=b""):
    if isinstance(key_data, int):
        key_data = random.Random(seed).randbytes(key_data)
    return (
        data(1, key_data) + number(2, risk) + number(3, start) + number(4, period) + number(5, report_type) + signed(6, days) + more
    )


def info(key_id="310", version="v1", algorithm=ECDSA, more=b""):
    return more + data(3, version) + data(4, key_id) + data(5, algorithm)


KEYS = tuple(key(seed) for seed in range(3))


def export(start=START, end=END, region="US", batch=1, of=1, infos=(info(),), keys=KEYS, revised=(), more=b"", header=HEADER):
    message = fixed64(1, start) + fixed64(2, end) + data(3, region) + number(4, batch) + number(5, of)
    message += b"".join(data(6, one) for one in infos)
    message += b"".join(data(7, one) for one in keys) + b"".join(data(8, one) for one in revised)
    return header + message + more


def sign(message, private=FIRST):
    return private.sign(message, ec.ECDSA(hashes.SHA256()))


def signature(value, about=info(), batch=1, of=1, more=b""):
    return data(1, about) + number(2, batch) + number(3, of) + data(4, value) + more


def signatures(*each, more=b""):
    return b"".join(data(1, one) for one in each) + more


# Zips.


def pack(export_bin, export_sig, method=zipfile.ZIP_DEFLATED, comment=b"", names=("export.bin", "export.sig"), more=(), to=None):
    out = io.BytesIO()
    with zipfile.ZipFile(to(out) if to else out, "w", method) as archive:
        for name, content in [*zip(names, (export_bin, export_sig)), *more]:
            archive.writestr(name, content)
        archive.comment = comment
    return out.getvalue()


class Pipe(io.RawIOBase):
    """Cannot seek, so that zipfile writes data descriptors."""

    def __init__(self, out):
        self.out = out

    def writable(self):
        return True

    def write(self, piece):
        return self.out.write(piece)


def raw_zip(files, descriptor=b"PK\x07\x08", method=8, local_extra=b"", central_extra=b"", file_comment=b"", flags=0x0808):
    """As writers in Go and Java stream: sizes in data descriptors, extra fields where they please."""
    out, directory = b"", b""
    for name, content in files:
        deflater = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = content if method == 0 else deflater.compress(content) + deflater.flush()
        sizes = struct.pack("<III", zlib.crc32(content), len(packed), len(content))
        offset = len(out)
        common = struct.pack("<HHHHH", 20, flags, method, 0x6A1C, 0x5135)
        out += b"PK\x03\x04" + common + bytes(12) + struct.pack("<HH", len(name), len(local_extra)) + name + local_extra
        out += packed + descriptor + sizes
        directory += b"PK\x01\x02" + struct.pack("<H", 0x0314) + common + sizes
        directory += struct.pack("<HHH", len(name), len(central_extra), len(file_comment))
        directory += struct.pack("<HHII", 0, 0, 0o644 << 16, offset) + name + central_extra + file_comment
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 2, 2, len(directory), len(out), 0)
    return out + directory + end


def bundle(export_bin=None, export_sig=None, **packing):
    export_bin = export() if export_bin is None else export_bin
    export_sig = signatures(signature(sign(export_bin))) if export_sig is None else export_sig
    return pack(export_bin, export_sig, **packing)


def one_key(**changes):
    """A bundle whose second of three keys is changed."""
    return bundle(export(keys=(KEYS[0], key(1, **changes), KEYS[2])))


def signed_by(*private, named=("v1", "v2")):
    infos = tuple(info(version=version) for version in named)
    export_bin = export(infos=infos)
    return bundle(export_bin, signatures(*(signature(sign(export_bin, one), about) for one, about in zip(private, infos))))


def signed_as(make):
    """A bundle with another signature over the same export.bin."""
    export_bin = export()
    return bundle(export_bin, signatures(signature(make(export_bin))))


def raw_signature(message):
    r, s = utils.decode_dss_signature(sign(message))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def flipped(message):
    value = bytearray(sign(message))
    value[-1] ^= 1
    return bytes(value)


def sound_files():
    export_bin = export()
    return [(b"export.bin", export_bin), (b"export.sig", signatures(signature(sign(export_bin))))]


def unknown_everywhere():
    about = info(more=data(1, "org.example.app") + data(2, "org.example.app") + UNKNOWN)
    export_bin = export(infos=(about,), keys=(key(0, more=number(8, 2) + UNKNOWN),), more=UNKNOWN)
    return bundle(export_bin, signatures(signature(sign(export_bin), about, more=UNKNOWN), more=UNKNOWN))


def entries_first():
    whole = export()
    message = whole[len(HEADER) :]
    at = message.index(data(7, KEYS[0]))
    return bundle(HEADER + message[at:] + message[:at])


def named(key_id, version):
    about = info(key_id, version)
    export_bin = export(infos=(about,))
    return bundle(export_bin, signatures(signature(sign(export_bin), about)))


def of_algorithm(algorithm):
    about = info(algorithm=algorithm)
    export_bin = export(infos=(about,))
    return bundle(export_bin, signatures(signature(sign(export_bin), about)))


def counted(infos, count):
    export_bin = export(infos=(info(),) * infos)
    return bundle(export_bin, signatures(*[signature(sign(export_bin))] * count))


def other_curve(message):
    return ec.generate_private_key(ec.SECP384R1()).sign(message, ec.ECDSA(hashes.SHA256()))


CASES = {
    # What phones take.
    "deflated": lambda: bundle(),
    "stored": lambda: bundle(method=zipfile.ZIP_STORED),
    "streamed": lambda: bundle(to=Pipe),
    "streamed without marks": lambda: raw_zip(sound_files(), descriptor=b""),
    "extra fields": lambda: raw_zip(
        sound_files(), local_extra=b"UT\x05\x00\x01\x00\x00\x00\x5f", central_extra=b"UT\x05\x00\x01\x00\x00\x00\x5f", file_comment=b"keys"
    ),
    "zip comment": lambda: bundle(comment=b"made elsewhere"),
    "lower-case region": lambda: bundle(export(region="us")),
    "long region": lambda: bundle(export(region="Nordrhein-Westfalen / Düsseldorf")),
    "no region": lambda: bundle(export(region=None)),
    "region of control characters": lambda: bundle(export(region="\x1b[2J\x1b]0;owned\x07")),
    "other key names": lambda: named("org.ministryofhealth/gesundheit äöü", "2020-08 v1"),
    "two signatures": lambda: signed_by(FIRST, SECOND),
    "second key first": lambda: signed_by(SECOND, FIRST),
    "ten signatures": lambda: counted(10, 10),
    "revised keys": lambda: bundle(export(revised=(key(7, report_type=5), key(8, report_type=1)))),
    "revised keys alone": lambda: bundle(export(keys=(), revised=(key(7),))),
    "no keys": lambda: bundle(export(keys=())),
    "neither days nor report type": lambda: bundle(export(keys=(key(1, report_type=None, days=None),))),
    "no risk": lambda: one_key(risk=None),
    "types that we do not publish": lambda: bundle(export(keys=(key(1, report_type=4),), revised=(key(2, report_type=0),))),
    "unknown fields": unknown_everywhere,
    "a key twice": lambda: bundle(export(keys=(KEYS[0], KEYS[0]))),
    "entries before the header's fields": entries_first,
    "a period said twice": lambda: one_key(period=0, more=number(4, 144)),
    "numbers longer than they need be": lambda: one_key(more=b"\x20\x90\x81\x80\x80\x00"),
    "still valid keys": lambda: bundle(export(keys=(key(1, start=END // 600 - 10),))),
    # What some phone refuses: keys.
    "key_data of 15 bytes": lambda: one_key(key_data=15),
    "key_data of 17 bytes": lambda: one_key(key_data=17),
    "key_data of 32 bytes": lambda: one_key(key_data=32),
    "no key_data": lambda: one_key(key_data=None),
    "rolling_period 0": lambda: one_key(period=0),
    "rolling_period 145": lambda: one_key(period=145),
    "rolling_period -1": lambda: one_key(period=-1),
    "no rolling_period": lambda: one_key(period=None),
    "negative start": lambda: one_key(start=-1),
    "no start": lambda: one_key(start=None),
    "risk 9": lambda: one_key(risk=9),
    "risk -1": lambda: one_key(risk=-1),
    "days 15": lambda: one_key(days=15),
    "days -15": lambda: one_key(days=-15),
    "revised key of 17 bytes": lambda: bundle(export(revised=(key(1, key_data=17),))),
    # The header.
    "another header": lambda: bundle(export(header=b"EK Export v2    ")),
    "a short header": lambda: bundle(export(header=b"EK Export v1")),
    "an export of five bytes": lambda: bundle(HEADER[:5]),
    "an export that ends within a key": lambda: bundle(export()[:-3]),
    "batch 2 of 2": lambda: bundle(export(batch=2, of=2)),
    "batch 1 of 2": lambda: bundle(export(of=2)),
    "end at start": lambda: bundle(export(end=START)),
    "no signature_infos": lambda: counted(0, 0),
    "eleven signatures": lambda: counted(11, 11),
    "more infos than signatures": lambda: counted(2, 1),
    "more signatures than infos": lambda: counted(1, 2),
    "another algorithm": lambda: of_algorithm("1.2.840.10045.4.3.3"),
    "no algorithm": lambda: of_algorithm(None),
    "no key id": lambda: named(None, "v1"),
    "no key version": lambda: named("310", None),
    # Signatures.
    "a stranger's signature": lambda: signed_by(STRANGER, named=("v1",)),
    "a flipped signature": lambda: signed_as(flipped),
    "a signature without the header": lambda: signed_as(lambda message: sign(message[16:])),
    "a signature that is not DER": lambda: signed_as(raw_signature),
    "a signature of P-384": lambda: signed_as(other_curve),
    "a signature of Ed25519": lambda: signed_as(lambda message: ed25519.Ed25519PrivateKey.generate().sign(message)),
    "an empty signature": lambda: signed_as(lambda _: b""),
    "a second signature by a stranger": lambda: signed_by(FIRST, STRANGER),
    "a second signature by a stranger under the first name": lambda: signed_by(FIRST, STRANGER, named=("v1", "v1")),
    "no well-formed signature file": lambda: bundle(export_sig=b"\x0a\xff"),
    "a signature for batch 2": lambda: bundle(export_sig=signatures(signature(sign(export()), batch=2))),
    # The zip.
    "stored and streamed": lambda: raw_zip(sound_files(), method=0),
    "encrypted": lambda: raw_zip(sound_files(), flags=0x0809),
    "a third file": lambda: bundle(more=[("README", b"hello")]),
    "a folder": lambda: bundle(names=("keys/export.bin", "keys/export.sig")),
    "the other order": lambda: raw_zip(sound_files()[::-1]),
    "no export.sig": lambda: bundle(names=("export.bin", "export.sgn")),
    "bytes before the zip": lambda: b"\x00" + bundle(),
    "a torn zip": lambda: bundle()[:-30],
    "more than 16 MB": lambda: bundle(export(more=data(16, random.Random(1).randbytes(16_000_000)))),
}


def pem(private):
    return private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()


json.dump(
    {
        "keys": [pem(FIRST), pem(SECOND)],
        "bundles": {name: base64.b64encode(make()).decode() for name, make in CASES.items()},
    },
    sys.stdout,
)
