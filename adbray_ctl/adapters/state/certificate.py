"""Certificates: one that is its own authority, and whether an operator's own fits its key."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# It is trusted for being the one that is trusted, and ends with its group, not with a year
# (RFC 5280, section 4.1.2.5: for those without a well-defined expiration).
_NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
# Clocks of hosts differ.
_SINCE = timedelta(days=1)
_USAGE = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
# Members of a group are each other's clients.
_PURPOSES = x509.ExtendedKeyUsage(
    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
)


def own_certificate(name: str, address: str = "") -> tuple[bytes, bytes]:
    """A certificate with the common name ``name``, and its private key, both as PEM.

    Browsers hold the ``address``, an IPv4 address or a DNS name, against the one they went to.
    It satisfies a verifier as strict as RFC 5280 (https://docs.python.org/3/library/ssl.html,
    VERIFY_X509_STRICT), which Python 3.13 is by default.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - _SINCE)
        .not_valid_after(_NEVER)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_USAGE, critical=True)
        .add_extension(_PURPOSES, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False)
    )
    if address:
        names = x509.SubjectAlternativeName([_general_name(address)])
        builder = builder.add_extension(names, critical=False)
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(pem, form, serialization.NoEncryption())
    return builder.sign(key, hashes.SHA256()).public_bytes(pem), secret


def is_for(certificate: bytes, address: str) -> bool:
    """Whether it is one of ``own_certificate`` for ``address``."""
    try:
        found = x509.load_pem_x509_certificate(certificate)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (ValueError, x509.ExtensionNotFound):
        return False
    return _general_name(address) in names.value


def fingerprint_of(certificate: Path, key: Path) -> str:
    """Of all certificates in a file; ValueError, saying why, if they do not fit the key's file."""
    pem, secret_pem = _read(certificate), _read(key)
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise ValueError(f"{certificate} holds no certificate") from error
    try:
        secret = serialization.load_pem_private_key(secret_pem, password=None)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        raise ValueError(f"{key} holds no private key that can be read") from error
    # A server shows the first, and proves that it has the key of that.
    if found[0].public_key() != secret.public_key():
        raise ValueError(f"{key} is the key of another certificate")
    return "".join(one.fingerprint(hashes.SHA256()).hex() for one in found)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error


def _general_name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)
