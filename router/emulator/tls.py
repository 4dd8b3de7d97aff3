"""Certificates for Google's host names, from an authority that only this emulator's clients trust."""

from __future__ import annotations

import ssl

import trustme

NAMES = ("*.googleapis.com", "*.us.rep.googleapis.com", "*.eu.rep.googleapis.com", "localhost", "127.0.0.1")
"""A wildcard stands for exactly one label, hence one for each kind of host."""


def certified() -> tuple[ssl.SSLContext, bytes]:
    """A server's TLS context for `NAMES`, and the authority's certificate as PEM, for its clients."""
    authority = trustme.CA(organization_name="vertex-router emulator")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*NAMES).configure_cert(context)
    context.set_alpn_protocols(["http/1.1"])
    return context, authority.cert_pem.bytes()
