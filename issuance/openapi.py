"""The authority's public files and OCSP, as a table. Every answer is signed; the relay is not trusted."""

from typing import Final

from foundation.web.openapi import Answer, Body, Operation, Parameter, Section, Words

_FILES: Final = {
    "root.crt": ("application/pkix-cert", Words("The root", "A raiz")),
    "issuing.crt": ("application/pkix-cert", Words("The issuing authority", "A autoridade emissora")),
    "chain.p7b": ("application/pkcs7-mime", Words("Both together", "As duas juntas")),
    "root.crl": ("application/pkix-crl", Words("The root's revocation list", "A lista de revogação da raiz")),
    "issuing.crl": ("application/pkix-crl", Words("The revocation list", "A lista de revogação")),
    "dpc.txt": ("text/plain", Words("The practices", "As práticas")),
}
_STAMPED: Final = "application/timestamp-reply"
_OCSP: Final = Answer(
    Words("Signed by the responder.", "Assinada pelo respondedor."), media="application/ocsp-response"
)

SECTION: Final = Section(
    tag="PKI",
    title=Words("Certificates and revocation", "Certificados e revogação"),
    about=Words("What verifiers fetch.", "O que quem verifica busca."),
    error="Error",
    schemas={
        "Error": {
            "type": "object",
            "required": ["code", "message", "request_id"],
            "properties": {name: {"type": "string"} for name in ("code", "message", "request_id")},
        }
    },
    operations=[
        *(
            Operation(
                id=f"pki{name.title().replace('.', '')}",
                method="GET",
                path=f"/pki/{name}",
                summary=about,
                answers={200: Answer(Words("The file.", "O arquivo."), media=media)},
                errors=(503,),
            )
            for name, (media, about) in _FILES.items()
        ),
        Operation(
            id="pkiTimeStamp",
            method="POST",
            path="/pki/tsa",
            summary=Words("A time stamp (RFC 3161)", "Um carimbo do tempo (RFC 3161)"),
            body=Body({}, "application/timestamp-query"),
            answers={200: Answer(Words("Granted, or why not.", "Concedido, ou por que não."), media=_STAMPED)},
            errors=(400, 413, 415, 429, 503),
        ),
        Operation(
            id="pkiOcspPost",
            method="POST",
            path="/pki/ocsp",
            summary=Words("Is it revoked? (RFC 6960)", "Foi revogado? (RFC 6960)"),
            body=Body({}, "application/ocsp-request"),
            answers={200: _OCSP},
            errors=(400, 413, 415, 429, 503),
        ),
        Operation(
            id="pkiOcspGet",
            method="GET",
            path="/pki/ocsp/{request}",
            summary=Words("The same by GET", "O mesmo por GET"),
            parameters=[Parameter("request", "path", {"type": "string", "minLength": 1})],
            answers={200: _OCSP},
            errors=(400, 404, 429, 503),
        ),
    ],
)
