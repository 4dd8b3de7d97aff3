"""Certificates for Google's host names, from an authority that only this emulator's clients trust."""

from __future__ import annotations

import ssl
from typing import NamedTuple

import trustme

NAMES = ("*.googleapis.com", "*.us.rep.googleapis.com", "*.eu.rep.googleapis.com", "localhost", "127.0.0.1")
"""A wildcard stands for exactly one label, hence one for each kind of host."""


class Certified(NamedTuple):
    """A server's TLS context for `NAMES`, its key and certificates, and the authority that clients have to trust.

    All but the context are PEM.
    """

    context: ssl.SSLContext
    key: bytes
    certificates: bytes
    authority: bytes


def certified() -> Certified:
    """Certificates of an authority that is made for the occasion."""
    authority = trustme.CA(organization_name="vertex-router emulator")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued = authority.issue_cert(*NAMES)
    issued.configure_cert(context)
    context.set_alpn_protocols(["http/1.1"])
    certificates = b"".join(each.bytes() for each in issued.cert_chain_pems)
    return Certified(context, issued.private_key_pem.bytes(), certificates, authority.cert_pem.bytes())
