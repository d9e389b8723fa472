"""Starts the object store of compose.yaml in this network namespace, lets many write at once what one may write, and publishes to it.

object_store.py WORK-DIRECTORY COMMAND-LINE-OF-THE-STORE SERVER EXPORTER

COMMAND-LINE is a JSON array. Prints nothing if all is well; an exception says what is not.
"""

import concurrent.futures
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

STORE = "http://127.0.0.1:8333"
BUCKET = "pratique"
WRITERS = 16


def loopback_up():
    """A namespace begins with a loopback device that is down. SIOCGIFFLAGS, SIOCSIFFLAGS and IFF_UP of <linux/if.h>."""
    with socket.socket() as any_socket:
        name = b"lo".ljust(16, b"\0")
        flags = struct.unpack("16sh", fcntl.ioctl(any_socket, 0x8913, struct.pack("16sh", name, 0)))[1]
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", name, flags | 1))


def wait_for_store(log):
    """As the composition does, before it makes the bucket: until the store is well, two minutes at most."""
    for _ in range(240):
        try:
            with urllib.request.urlopen(f"{STORE}/healthz", timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise SystemExit("the store is not well:\n" + open(log).read()[-4000:])


def make_bucket(weed, log):
    """Asks for the bucket until it is there, two minutes at most."""
    for _ in range(60):
        shell = [weed, "shell", "-master=localhost:9333"]
        try:
            asked = subprocess.run(shell, input=f"s3.bucket.create -name={BUCKET}\n", text=True, timeout=5, capture_output=True)
            if "created bucket" in asked.stdout + asked.stderr:
                return
        except subprocess.TimeoutExpired:
            pass
        time.sleep(0.5)
    raise SystemExit("the store makes no bucket:\n" + open(log).read()[-4000:])


def client(credentials):
    os.environ["AWS_SHARED_CREDENTIALS_FILE"] = credentials
    config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, max_pool_connections=WRITERS,
                    request_checksum_calculation="when_required")
    return boto3.client("s3", endpoint_url=STORE, region_name="us-east-1", config=config)


def race(s3):
    """Of many who write at the same time what must not be there yet, one comes first, and what it wrote stays. And who read an old version is refused.
    Of several who read the same version and write at the same time, this store lets two pass now and then, so one exporter writes to it."""
    def put(key, body, **condition):
        try:
            s3.put_object(Bucket=BUCKET, Key=key, Body=body, **condition)
            return body
        except ClientError as refused:
            assert refused.response["Error"]["Code"] == "PreconditionFailed", refused
            return None

    def found(key):
        answer = s3.get_object(Bucket=BUCKET, Key=key)
        return answer["Body"].read(), answer["ETag"]

    with concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
        for key, size in (("few bytes", 1), ("many bytes", 20_000)):
            won = [b for b in pool.map(lambda n: put(key, b"%d," % n * size, IfNoneMatch="*"), range(WRITERS)) if b]
            first, version = found(key)
            assert won == [first], f"{key}: {len(won)} of {WRITERS} won"
            assert put(key, b"second", IfMatch=version) and not put(key, b"third", IfMatch=version), key
            assert found(key)[0] == b"second", key


def publish(directory, server, exporter):
    """One pass of the exporter, and what a phone's CDN may see of it: objects, but no lists, and nothing to write."""
    database = f"sqlite:{directory}/keys.db"
    keys = f"{directory}/bundle-keys"
    public = f"{directory}/authority.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", f"{directory}/authority.key"], check=True)
    subprocess.run(["openssl", "pkey", "-in", f"{directory}/authority.key", "-pubout", "-out", public], check=True)
    add = ["authority", "add", "--id", "example", "--public-key", public, "--region", "XX", "--database-url", database]
    subprocess.run([server, *add], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([exporter, "keys", "generate", "--region", "XX", "--dir", keys], check=True, stdout=subprocess.DEVNULL)
    bucket = f"main=s3://{BUCKET}?endpoint={STORE}&region=us-east-1"
    once = ["once", "--database-url", database, "--signing-key-dir", keys, "--bucket", bucket]
    for _ in range(2):
        subprocess.run([exporter, *once], check=True, stdout=subprocess.DEVNULL)
    with urllib.request.urlopen(f"{STORE}/{BUCKET}/XX/gaen/index.txt", timeout=30) as index:
        assert index.headers["Content-Type"].startswith("text/plain"), index.headers
    for method, path in (("GET", ""), ("PUT", "XX/gaen/evil"), ("DELETE", "XX/gaen/index.txt")):
        try:
            urllib.request.urlopen(urllib.request.Request(f"{STORE}/{BUCKET}/{path}", method=method), timeout=30)
        except urllib.error.HTTPError as refused:
            assert refused.code == 403, (method, refused.code)
        else:
            raise AssertionError(f"anybody may {method} {path}")


def main(directory, command, server, exporter):
    loopback_up()
    command = json.loads(command)
    log = f"{directory}/store.log"
    with open(log, "w") as said:
        store = subprocess.Popen(command, stdout=said, stderr=said, cwd=directory)
    try:
        wait_for_store(log)
        make_bucket(command[0], log)
        race(client(f"{directory}/secrets/bucket-credentials"))
        publish(directory, server, exporter)
    finally:
        store.kill()
        store.wait()


main(*sys.argv[1:])
