"""The image bucket behind the S3 API: Amazon S3, or S3Proxy on one machine, by the same code.

boto3 makes the presigned uploads, lists and deletes. Reads are many and small, so they are signed
with botocore's own signer and sent by aiohttp: measured on one core against S3Proxy, one ranged
read costs 0.5 ms of CPU this way and 1.6 ms with boto3 in a thread. Addresses are path-style
(``<endpoint>/<bucket>/<key>``), signatures are SigV4.
"""

from __future__ import annotations
