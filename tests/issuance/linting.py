"""Findings about certificates, lists and OCSP answers: pkilint's (RFC 5280, RFC 6960), and ours for ICP-Brasil."""

import contextlib
import io
import re
import warnings
from collections.abc import Callable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, ExtensionOID, NameOID
from pkilint.bin import lint_crl, lint_ocsp_response, lint_pkix_cert

from issuance.domain import documents_br

WIDTHS = {
    "2.16.76.1.3.1": (8, 11, 11, 15, 10),
    "2.16.76.1.3.4": (8, 11, 11, 15, 10),
    "2.16.76.1.3.5": (12, 3, 4, 22),
    "2.16.76.1.3.6": (12,),
    "2.16.76.1.3.3": (14,),
    "2.16.76.1.3.7": (12,),
}
"""DOC-ICP-04 v8.1 item 7.1.2.3: positions of each field."""


def certificate_findings(certificate: x509.Certificate, folder: Path) -> str:
    """pkilint's errors, empty when there are none."""
    return _lint(lint_pkix_cert.main, ["lint"], certificate.public_bytes(Encoding.DER), folder)


def crl_findings(der: bytes, folder: Path) -> str:
    """pkilint's errors about a revocation list."""
    return _lint(lint_crl.main, ["lint", "-t", "CRL", "-p", "PKIX"], der, folder)


def ocsp_findings(der: bytes, folder: Path) -> str:
    """pkilint's errors about an OCSP answer."""
    return _lint(lint_ocsp_response.main, ["lint"], der, folder)


def _lint(main: Callable[[list[str]], int], arguments: list[str], der: bytes, folder: Path) -> str:
    file = folder / "linted"
    file.write_bytes(der)
    said = io.StringIO()
    with warnings.catch_warnings(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        warnings.simplefilter("ignore", ResourceWarning)  # the linter's command leaves its file open
        count = main([*arguments, "-s", "ERROR", str(file)])
    return said.getvalue().strip() if count else ""


def icp_findings(certificate: x509.Certificate) -> list[str]:
    """What DOC-ICP-04 v8.1 item 7.1 would object to in a holder's certificate."""
    found: list[str] = []
    extensions = {extension.oid: extension for extension in certificate.extensions}

    def demand(holds: object, rule: str) -> None:
        if not holds:
            found.append(rule)

    usage = extensions[ExtensionOID.KEY_USAGE]
    assert isinstance(usage.value, x509.KeyUsage)
    demand(usage.critical, "KU is critical")
    demand(usage.value.digital_signature and usage.value.content_commitment, "KU signs")
    demand([oid for oid, extension in extensions.items() if extension.critical] == [ExtensionOID.KEY_USAGE], "only KU")
    purposes = extensions[ExtensionOID.EXTENDED_KEY_USAGE].value
    assert isinstance(purposes, x509.ExtendedKeyUsage)
    demand(set(purposes) == {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.EMAIL_PROTECTION}, "EKU")
    policies = extensions[ExtensionOID.CERTIFICATE_POLICIES].value
    assert isinstance(policies, x509.CertificatePolicies)
    demand(len(policies) == 1, "one policy")
    demand(policies[0].policy_identifier.dotted_string.startswith("2.16.76.1.2.3."), "an A3 policy")
    demand(policies[0].policy_qualifiers, "the policy names its practices statement")
    points = extensions[ExtensionOID.CRL_DISTRIBUTION_POINTS].value
    assert isinstance(points, x509.CRLDistributionPoints)
    demand(len(points) == 2, "two CRL addresses")
    access = extensions[ExtensionOID.AUTHORITY_INFORMATION_ACCESS].value
    assert isinstance(access, x509.AuthorityInformationAccess)
    methods = {description.access_method for description in access}
    demand(methods == {AuthorityInformationAccessOID.CA_ISSUERS, AuthorityInformationAccessOID.OCSP}, "AIA")
    demand(ExtensionOID.AUTHORITY_KEY_IDENTIFIER in extensions, "AKI")
    demand(certificate.serial_number.bit_length() >= 64, "serial")
    days = (certificate.not_valid_after_utc - certificate.not_valid_before_utc).total_seconds() / 86400
    demand(days <= 1826, "at most five years")
    found += _subject_findings(certificate)
    found += _other_name_findings(extensions[ExtensionOID.SUBJECT_ALTERNATIVE_NAME])
    return found


def other_names(certificate: x509.Certificate) -> dict[str, str]:
    """otherName values by OID; they must be OCTET STRINGs."""
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    values = {}
    for name in names.get_values_for_type(x509.OtherName):
        tag, length, body = name.value[0], name.value[1], name.value[2:]
        assert (tag, length) == (4, len(body))
        values[name.type_id.dotted_string] = body.decode("ascii")
    return values


def _subject_findings(certificate: x509.Certificate) -> list[str]:
    found = []
    attributes = [(attribute.oid, str(attribute.value)) for attribute in certificate.subject]
    if attributes[:2] != [(NameOID.COUNTRY_NAME, "BR"), (NameOID.ORGANIZATION_NAME, "ICP-Brasil")]:
        found.append("subject begins with C=BR, O=ICP-Brasil")
    kind, common_name = attributes[-1]
    name, _, number = common_name.rpartition(":")
    if kind != NameOID.COMMON_NAME or not re.fullmatch(r"[A-Z0-9 '&(),./-]+", name) or len(common_name) > 64:
        found.append("CN is NAME:NUMBER in plain capitals")
    try:
        (documents_br.cpf if len(number) == 11 else documents_br.cnpj)(number)
    except (documents_br.BadCpf, documents_br.BadCnpj):
        found.append("CN ends with a CPF or CNPJ")
    return found


def _other_name_findings(extension: "x509.Extension[x509.ExtensionType]") -> list[str]:
    found = []
    assert isinstance(extension.value, x509.SubjectAlternativeName)
    for name in extension.value.get_values_for_type(x509.OtherName):
        oid, text = name.type_id.dotted_string, name.value[2:].decode("ascii")
        if not re.fullmatch(r"[A-Z0-9 ]*", text):
            found.append(f"{oid} has other characters than A-Z, 0-9 and space")
        if oid in WIDTHS and len(text) != sum(WIDTHS[oid]):
            found.append(f"{oid} has {len(text)} positions, not {sum(WIDTHS[oid])}")
    if not extension.value.get_values_for_type(x509.RFC822Name):
        found.append("no e-mail")
    return found
