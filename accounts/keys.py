"""The keys that sign access tokens, and those whose signatures are believed (RFC 7517)."""

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_FEWEST_BITS = 2048
_ONE_PEM = re.compile(r"-----BEGIN ([A-Z ]+)-----.+?-----END \1-----", re.DOTALL)


@dataclass(frozen=True)
class Keys:
    """What signs, and what is believed.

    Attributes:
        signing: Name and key; None where none is configured, and no tokens are signed.
        believed: All keys by name, the signing one among them.
    """

    signing: tuple[str, rsa.RSAPrivateKey] | None
    believed: dict[str, rsa.RSAPublicKey]


def keys() -> Keys:
    return _keys(settings.PACS_JWT_PRIVATE_KEY, settings.PACS_JWT_OTHER_KEYS)


def jwks() -> dict[str, Any]:
    """What others need to check a signature, as a JWK Set (RFC 7517 5)."""
    return {
        "keys": [
            {"kid": name, "use": "sig", "alg": "RS256", **_public_members(key)}
            for name, key in keys().believed.items()
        ]
    }


def new_private_key() -> str:
    """PEM of a new key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_FEWEST_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@cache
def _keys(private: str, others: str) -> Keys:
    signing = _private_key(private) if private else None
    public = [signing.public_key()] if signing else []
    public += [_public_key(found[0]) for found in _ONE_PEM.finditer(others.replace("\\n", "\n"))]
    believed = {_name(key): key for key in public}
    return Keys((_name(signing.public_key()), signing) if signing else None, believed)


def _private_key(pem: str) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(pem.replace("\\n", "\n").encode(), password=None)
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < _FEWEST_BITS:
        raise ImproperlyConfigured(
            f"PACS_JWT_PRIVATE_KEY is not an RSA key of {_FEWEST_BITS} bits or more. "
            f"Make one: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:{_FEWEST_BITS}"
        )
    return key


def _public_key(pem: str) -> rsa.RSAPublicKey:
    """Of a public key, or of a private one."""
    if "PRIVATE" in pem:
        return _private_key(pem).public_key()
    key = serialization.load_pem_public_key(pem.encode())
    if not isinstance(key, rsa.RSAPublicKey):
        raise ImproperlyConfigured("PACS_JWT_OTHER_KEYS holds a key that is not of RSA.")
    return key


def _name(key: rsa.RSAPublicKey) -> str:
    """The thumbprint of the key (RFC 7638), so that every replica gives it the same name."""
    canonical = json.dumps(_public_members(key), sort_keys=True, separators=(",", ":"))
    return _base64url(hashlib.sha256(canonical.encode()).digest())


def _public_members(key: rsa.RSAPublicKey) -> dict[str, str]:
    numbers = key.public_numbers()
    return {"kty": "RSA", "n": _base64url_number(numbers.n), "e": _base64url_number(numbers.e)}


def _base64url_number(number: int) -> str:
    return _base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
