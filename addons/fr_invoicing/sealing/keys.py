# Part of Relevé. See LICENSE file for full copyright and licensing details.
"""Keys that sign anchors: made here or imported, their private part encrypted."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

KEY_BITS = 3072
YEARS = 3


class KeyFileError(Exception):
    """A key or certificate cannot be used; ``code`` says why."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a person reads of a certificate."""

    pem: str
    subject: str
    issuer: str
    serial: str
    fingerprint: str
    valid_from: datetime
    valid_to: datetime

    @property
    def is_self_signed(self):
        return self.subject == self.issuer


def read_certificate(pem):
    """Read a PEM certificate.

    :param str pem:
    :raise KeyFileError: certificate
    :rtype: Certificate
    """
    try:
        found = x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise KeyFileError("certificate") from error
    return Certificate(
        pem,
        found.subject.rfc4514_string(),
        found.issuer.rfc4514_string(),
        f"{found.serial_number:x}",
        found.fingerprint(hashes.SHA256()).hex(),
        found.not_valid_before_utc.replace(tzinfo=None),
        found.not_valid_after_utc.replace(tzinfo=None),
    )


def generate(name, now, passphrase=None):
    """Make a key and the certificate that says it is ours.

    :param str name: of the company
    :param datetime now: UTC, naive
    :param passphrase: str that encrypts the private key, None to leave it readable
    :return: (private key as PEM text, certificate as PEM text)
    """
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "FR"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, name[:64]),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{name[:50]} - scellement"),
        ]
    )
    start = now.replace(tzinfo=UTC, microsecond=0)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - timedelta(minutes=5))
        .not_valid_after(start + timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=True,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=False,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )
    return (
        _write_key(key, passphrase),
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
    )


def import_pkcs12(content, password, passphrase=None):
    """Read a PKCS#12 file (electronic seal of a trust service, for example).

    :param bytes content: of the .p12 or .pfx file
    :param str password: of that file
    :param passphrase: as in :func:`generate`
    :return: (private key as PEM text, certificate as PEM text)
    :raise KeyFileError: password, empty, algorithm
    """
    try:
        key, certificate, _others = pkcs12.load_key_and_certificates(
            content, password.encode() if password else None
        )
    except ValueError as error:
        raise KeyFileError("password") from error
    if key is None or certificate is None:
        raise KeyFileError("empty")
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < 2048:
        raise KeyFileError("algorithm")
    return (
        _write_key(key, passphrase),
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
    )


def open_key(pem, passphrase=None):
    """Give the private key as readable PEM bytes, for signing.

    :raise KeyFileError: passphrase
    """
    try:
        key = serialization.load_pem_private_key(
            pem.encode(), passphrase.encode() if passphrase else None
        )
    except (TypeError, ValueError) as error:
        raise KeyFileError("passphrase") from error
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def is_encrypted(pem):
    """Say whether a private key is stored encrypted."""
    return "ENCRYPTED" in pem.split("\n", 1)[0]


def _write_key(key, passphrase):
    encryption = (
        serialization.BestAvailableEncryption(passphrase.encode())
        if passphrase
        else serialization.NoEncryption()
    )
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    ).decode()
