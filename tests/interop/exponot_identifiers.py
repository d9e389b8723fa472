"""Derives identifiers and encrypted metadata with exponot, an independent implementation of GAEN cryptography v1.2.

Reads lines `KEY-HEX START PERIOD METADATA-HEX`; for each interval of each key writes a line `IDENTIFIER-HEX METADATA-HEX`.
"""

import sys

from exponot.exponot import associated_encrypted_metadata, rolling_proximity_identifier

for line in sys.stdin:
    key, start, period, metadata = line.split()
    key, metadata = bytes.fromhex(key), bytes.fromhex(metadata)
    for interval in range(int(start), int(start) + int(period)):
        identifier = rolling_proximity_identifier(interval, key)
        encrypted = associated_encrypted_metadata(interval, key, metadata)
        print(identifier.hex(), encrypted.hex())
