"""A server that speaks S3, in a process of its own on loopback, for as long as a test needs it."""

import os
import sys
from contextlib import contextmanager

import boto3

from tests.mlops.served import free_port, serving

KEY, SECRET, REGION = "AKIAIOSFODNN7EXAMPLE", "anything", "eu-central-1"


@contextmanager
def s3_server():
    """The address of an S3 server that lets everybody in, until `only_known` is asked for."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with serving(command, port, PYTHONUNBUFFERED="1"):
        yield f"http://127.0.0.1:{port}"


def client(address, service="s3"):
    """A client with the keys that the server knows from the start."""
    keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET}
    return boto3.client(service, endpoint_url=address, region_name=REGION, **keys)


def environment(address, key=KEY, secret=SECRET):
    """What a process needs to reach the server; nothing of this machine's own settings is read."""
    names = [name for name in os.environ if name.startswith("AWS_")]
    given = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_DEFAULT_REGION": REGION}
    quiet = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
    return names, {**given, **quiet, "AWS_MAX_ATTEMPTS": "1", "MLFLOW_S3_ENDPOINT_URL": address}
